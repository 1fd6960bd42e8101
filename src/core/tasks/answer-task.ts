// The worker's side of the pool: a message with a task in, a message with its result out.

import { toWireError, type WireError } from '../errors/lab-error'
import { TASKS, type TaskInput, type TaskName } from './tasks'

export interface TaskMessage<K extends TaskName = TaskName> {
  readonly name: K
  readonly input: TaskInput<K>
}

/** On its way to a worker. */
export interface SentTask extends TaskMessage {
  /** What `bytes` and `target` of the input lie in. */
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
export function answerTask({ name, input, memory }: SentTask): TaskReply {
  try {
    return { output: runTask(name, input), memory }
  } catch (error) {
    return { error: toWireError(error), memory }
  }
}

/** In this thread. */
export function runTask<K extends TaskName>(name: K, input: TaskInput<K>): ReturnType<(typeof TASKS)[K]> {
  // The table has one function per name; its type cannot say that name and input belong together.
  const task = TASKS[name] as (input: TaskInput<K>) => ReturnType<(typeof TASKS)[K]>
  return task(input)
}
