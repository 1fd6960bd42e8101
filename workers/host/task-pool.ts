// Workers that do the tasks of `src/core/tasks`. It knows messages, not threads: the browser and Node bring the workers. A worker that
// dies takes nothing with it: its tasks, and when all are dead every task, are done in place.

import { fromWireError } from '../../src/core/errors/lab-error'
import { runTask, type TaskMessage, type TaskReply } from '../../src/core/tasks/answer-task'
import type { TaskInput, TaskName, TaskOutput, TaskPort } from '../../src/core/tasks/tasks'

/** A thread that answers each message with one reply, in order. */
export interface TaskWorker {
  post(message: TaskMessage, transfer: ArrayBuffer[]): void
  /** Called once, before the first message. */
  listen(onReply: (reply: TaskReply) => void, onDeath: () => void): void
  end(): void
}

interface Order {
  readonly message: TaskMessage
  readonly settle: (reply: Pick<TaskReply, 'output' | 'error'>) => void
  readonly fail: (error: unknown) => void
}

interface Member {
  readonly worker: TaskWorker
  /** What it was sent and has not answered. */
  readonly orders: Order[]
}

/** One to work on and one to go on with. */
const ORDERS_PER_WORKER = 2

export class TaskPool implements TaskPort {
  readonly workers: number
  readonly #members: Member[] = []
  readonly #waiting: Order[] = []
  /** Memory for inputs that came back: fresh memory costs as much as the copy into it. */
  readonly #memory: ArrayBuffer[] = []

  constructor(workers: number, spawn: () => TaskWorker) {
    this.workers = workers
    for (let i = 0; i < workers; i++) this.#add(spawn())
  }

  run<K extends TaskName>(name: K, input: TaskInput<K>): Promise<TaskOutput<K>> {
    return new Promise((resolve, fail) => {
      const settle = ({ output, error }: Pick<TaskReply, 'output' | 'error'>): void =>
        // The worker ran the function of this name.
        error ? fail(fromWireError(error)) : resolve(output as TaskOutput<K>)
      this.#waiting.push({ message: { name, input }, settle, fail })
      this.#dispatch()
    })
  }

  /** Ends the workers. What is under way is never settled. */
  end(): void {
    this.#waiting.length = 0
    for (const { worker } of this.#members.splice(0)) worker.end()
  }

  #add(worker: TaskWorker): void {
    const member: Member = { worker, orders: [] }
    this.#members.push(member)
    worker.listen(
      (reply) => {
        if (reply.memory instanceof ArrayBuffer) this.#memory.push(reply.memory)
        member.orders.shift()?.settle(reply)
        this.#dispatch()
      },
      () => this.#bury(member),
    )
  }

  #bury(member: Member): void {
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    member.worker.end()
    this.#waiting.unshift(...member.orders.splice(0))
    this.#dispatch()
  }

  /** The worker with the fewest orders gets the next, as long as it has room. */
  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const member = this.#members.toSorted((a, b) => a.orders.length - b.orders.length)[0]
      if (member && member.orders.length >= ORDERS_PER_WORKER) return
      const order = this.#waiting.shift()
      if (!order) return
      if (member) this.#send(member, order)
      else doInPlace(order)
    }
  }

  #send({ worker, orders }: Member, order: Order): void {
    const { name, input } = order.message
    const memory = this.#takeMemory(input.bytes.byteLength)
    const bytes = new Uint8Array(memory, 0, input.bytes.byteLength)
    bytes.set(input.bytes)
    orders.push(order)
    worker.post({ name, input: { ...input, bytes } } as TaskMessage, [memory])
  }

  #takeMemory(size: number): ArrayBuffer {
    const memory = this.#memory.pop()
    return memory && memory.byteLength >= size ? memory : new ArrayBuffer(size)
  }
}

function doInPlace({ message, settle, fail }: Order): void {
  try {
    settle({ output: runTask(message.name, message.input) })
  } catch (error) {
    fail(error)
  }
}
