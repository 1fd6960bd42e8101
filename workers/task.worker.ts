// Does tasks of passes in the browser, one after another: see `host/browser-task-pool.ts`.

import { answerTask, type SentTask } from '../src/core/tasks/answer-task'
import { tasks } from '../src/techniques/tasks'

self.onmessage = ({ data }: MessageEvent<SentTask>) => {
  const reply = answerTask(tasks, data)
  self.postMessage(reply, { transfer: [reply.memory] })
}
