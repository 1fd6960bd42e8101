// A thread that does tasks of passes, one after another: see `node-task-pool.ts`.

import { parentPort } from 'node:worker_threads'
import { answerTask, type SentTask } from '../core/tasks/answer-task'
import { tasks } from '../techniques/tasks'

parentPort?.on('message', (message: SentTask) => {
  const reply = answerTask(tasks, message)
  parentPort?.postMessage(reply, [reply.memory])
})
