// The worker's side of the pool: a message with the name of a task and its input comes in, a message with the result goes out.

import { LabError, toWireError, type WireError } from '../errors/lab-error'
import type { AnyTask, TaskInput } from './task'

/** On its way to a worker. */
export interface SentTask {
  readonly name: string
  readonly input: TaskInput
  /** What `bytes` and `target` of the input lie in, where they are not shared. */
  readonly memory: ArrayBuffer
}

export interface TaskReply {
  /** What the task gives, or why it gave nothing. */
  readonly output?: unknown
  readonly error?: WireError
  /** That of the message, with the target written. */
  readonly memory: ArrayBuffer
}

/** The reply is to be sent with its memory moved, as the message was. */
export function answerTask(tasks: readonly AnyTask[], { name, input, memory }: SentTask): TaskReply {
  try {
    const task = tasks.find((known) => known.name === name)
    if (!task) throw new LabError('internal', `A worker was sent the task "${name}", which it does not know.`, { name })
    // Sent by the pool, which had it from a caller of this task.
    return { output: task.run(input as never), memory }
  } catch (error) {
    return { error: toWireError(error), memory }
  }
}
