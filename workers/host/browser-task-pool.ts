// The pool of workers for passes in the browser, as workers of the worker that runs the recipe.

import { poolSize } from '../../src/core/tasks/pool-size'
import { nextTurn } from './job'
import { TaskPool, type TaskWorker } from './task-pool'

/** Undefined where one thread does better. `memoryGiB`: what the browser says of the device. */
export function openTaskPool(modelBytes: number): TaskPool | undefined {
  const { hardwareConcurrency, deviceMemory } = navigator as NavigatorConcurrentHardware & {
    readonly deviceMemory?: number
  }
  const threads = poolSize(hardwareConcurrency, deviceMemory, modelBytes)
  return threads > 1 ? new TaskPool(threads - 1, spawnTaskWorker, nextTurn) : undefined
}

export function spawnTaskWorker(): TaskWorker {
  const worker = new Worker(new URL('../task.worker.ts', import.meta.url), { type: 'module', name: 'task' })
  return {
    post: (task) => worker.postMessage(task, [task.memory]),
    listen: (onReply, onDeath) => {
      worker.onmessage = ({ data }) => onReply(data)
      worker.onerror = onDeath
    },
    end: () => worker.terminate(),
  }
}
