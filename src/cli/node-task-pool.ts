// The pool of workers for passes in Node, as threads of this process.

import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { TaskPool, type TaskWorker } from '../../workers/host/task-pool'
import { poolSize } from '../core/tasks/pool-size'

const BYTES_PER_GIB = 2 ** 30
/** Pieces lie outside the heap of a thread; its garbage is small objects. */
const YOUNG_MEGABYTES = 2

/** Undefined where one thread does better. `repository`: where `dist-cli` is. */
export function openTaskPool(repository: string, modelBytes: number): TaskPool | undefined {
  const threads = threadsFor(modelBytes)
  return threads > 1 ? new TaskPool(threads - 1, () => spawn(repository), turn) : undefined
}

/** For the bytes of a model: all threads see them where a pool will work on them. */
export const modelMemory = (size: number): ArrayBufferLike =>
  threadsFor(size) > 1 ? new SharedArrayBuffer(size) : new ArrayBuffer(size)

const threadsFor = (modelBytes: number): number =>
  poolSize(availableParallelism(), totalmem() / BYTES_PER_GIB, modelBytes)

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

function spawn(repository: string): TaskWorker {
  const worker = new Worker(join(repository, 'dist-cli', 'task-worker.mjs'), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  })
  return {
    post: (task) => worker.postMessage(task, [task.memory]),
    listen: (onReply, onDeath) => {
      worker.on('message', onReply).once('error', onDeath).once('exit', onDeath)
    },
    end: () => void worker.terminate(),
  }
}
