// A thread that does tasks of passes, one after another: see `node-task-pool.ts`.

import { parentPort } from 'node:worker_threads'
import { answerTask, type TaskMessage } from '../core/tasks/answer-task'

parentPort?.on('message', (message: TaskMessage) => {
  const { reply, transfer } = answerTask(message)
  parentPort?.postMessage(reply, transfer)
})
