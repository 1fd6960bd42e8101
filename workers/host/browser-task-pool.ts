// The pool of workers for passes in the browser, as workers of the worker that runs the recipe.

import { poolSize } from '../../src/core/tasks/pool-size'
import { TaskPool, type TaskWorker } from './task-pool'

/** Undefined where passes do better in place. `memoryGiB`: what the browser says of the device. */
export function openTaskPool(modelBytes: number): TaskPool | undefined {
  const { hardwareConcurrency, deviceMemory } = navigator as WorkerNavigator & { readonly deviceMemory?: number }
  const workers = poolSize(hardwareConcurrency, deviceMemory, modelBytes)
  return workers > 1 ? new TaskPool(workers, spawn) : undefined
}

function spawn(): TaskWorker {
  const worker = new Worker(new URL('../task.worker.ts', import.meta.url), { type: 'module', name: 'task' })
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen: (onReply, onDeath) => {
      worker.onmessage = ({ data }) => onReply(data)
      worker.onerror = onDeath
    },
    end: () => worker.terminate(),
  }
}
