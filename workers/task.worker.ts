// Does tasks of passes in the browser, one after another: see `host/browser-task-pool.ts`.

import { answerTask, type TaskMessage } from '../src/core/tasks/answer-task'

self.onmessage = ({ data }: MessageEvent<TaskMessage>) => {
  const { reply, transfer } = answerTask(data)
  self.postMessage(reply, { transfer })
}
