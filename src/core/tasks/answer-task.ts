// The worker's side of the pool: a message with a task in, a message with its result out.

import { toWireError, type WireError } from '../errors/lab-error'
import { TASKS, type TaskInput, type TaskName } from './tasks'

export interface TaskMessage<K extends TaskName = TaskName> {
  readonly name: K
  readonly input: TaskInput<K>
}

export interface TaskReply {
  /** What the task gives, or why it gave nothing. */
  readonly output?: unknown
  readonly error?: WireError
  /** The memory that the input came in, for the next one. */
  readonly memory: ArrayBufferLike
}

/** `transfer`: buffers that the reply moves to its reader. */
export function answerTask({ name, input }: TaskMessage): {
  readonly reply: TaskReply
  readonly transfer: ArrayBuffer[]
} {
  const memory = input.bytes.buffer
  try {
    const output = runTask(name, input)
    return { reply: { output, memory }, transfer: buffersOf([...Object.values(output ?? {}), input.bytes]) }
  } catch (error) {
    return { reply: { error: toWireError(error), memory }, transfer: buffersOf([input.bytes]) }
  }
}

/** In this thread. */
export function runTask<K extends TaskName>(name: K, input: TaskInput<K>): ReturnType<(typeof TASKS)[K]> {
  // The table has one function per name; its type cannot say that name and input belong together.
  const task = TASKS[name] as (input: TaskInput<K>) => ReturnType<(typeof TASKS)[K]>
  return task(input)
}

const buffersOf = (values: readonly unknown[]): ArrayBuffer[] =>
  values.flatMap((value) => (ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer ? [value.buffer] : []))
