// Workers that do the tasks of `src/core/tasks`, together with the thread that asks for them: that one needs no copy of the input, and
// waiting would waste it. The pool knows messages, not threads: the browser and Node bring the workers. A worker that dies takes nothing
// with it: its tasks, and when all are dead every task, are done by this thread.

import { fromWireError } from '../../src/core/errors/lab-error'
import { runTask, type SentTask, type TaskMessage, type TaskReply } from '../../src/core/tasks/answer-task'
import type { TaskInput, TaskName, TaskOutput, TaskPort } from '../../src/core/tasks/tasks'

/** A thread that answers each message with one reply, in order. */
export interface TaskWorker {
  /** Moves the memory of the task. */
  post(task: SentTask): void
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

/** One to work on and one to go on with while this thread is busy. */
const ORDERS_PER_WORKER = 2

export class TaskPool implements TaskPort {
  readonly depth: number
  readonly #helpers: number
  readonly #spawn: () => TaskWorker
  readonly #turn: () => Promise<void>
  readonly #members: Member[] = []
  readonly #waiting: Order[] = []
  /** Memory for inputs that came back: fresh memory costs as much as the copy into it. */
  readonly #memory: ArrayBuffer[] = []
  #isStarted = false
  #isWorking = false

  /** `helpers`: workers beside this thread, which start with the first task. `turn` gives the message loop a turn, so that replies are heard between two tasks. */
  constructor(helpers: number, spawn: () => TaskWorker, turn: () => Promise<void>) {
    this.depth = helpers * ORDERS_PER_WORKER + 1
    this.#helpers = helpers
    this.#spawn = spawn
    this.#turn = turn
  }

  run<K extends TaskName>(name: K, input: TaskInput<K>): Promise<TaskOutput<K>> {
    if (!this.#isStarted) this.#start()
    return new Promise((resolve, fail) => {
      const settle = ({ output, error }: Pick<TaskReply, 'output' | 'error'>): void =>
        // The worker ran the function of this name.
        error ? fail(fromWireError(error)) : resolve(output as TaskOutput<K>)
      this.#waiting.push({ message: { name, input }, settle, fail })
      this.#feed()
      void this.#work()
    })
  }

  /** Ends the workers. What is under way is never settled. */
  end(): void {
    this.#waiting.length = 0
    for (const { worker } of this.#members.splice(0)) worker.end()
  }

  #start(): void {
    this.#isStarted = true
    for (let i = 0; i < this.#helpers; i++) this.#add(this.#spawn())
  }

  #add(worker: TaskWorker): void {
    const member: Member = { worker, orders: [] }
    this.#members.push(member)
    worker.listen(
      (reply) => {
        const order = member.orders.shift()
        if (order) this.#take(order, reply)
        this.#feed()
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
    this.#feed()
    void this.#work()
  }

  /** The worker with the fewest orders gets the next, as long as there is one with room. */
  #feed(): void {
    while (this.#waiting.length > 0) {
      const [member] = this.#members.toSorted((a, b) => a.orders.length - b.orders.length)
      if (!member || member.orders.length >= ORDERS_PER_WORKER) return
      const order = this.#waiting.shift()
      if (order) this.#send(member, order)
    }
  }

  /** This thread's share: what no worker has taken. */
  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    for (;;) {
      await this.#turn()
      const order = this.#waiting.shift()
      if (!order) break
      doHere(order)
    }
    this.#isWorking = false
  }

  /** Input and target cross in one piece of memory, the target behind the input. */
  #send({ worker, orders }: Member, order: Order): void {
    const { name, input } = order.message
    const { byteLength } = input.bytes
    const memory = this.#takeMemory(byteLength + (input.target?.byteLength ?? 0))
    const bytes = new Uint8Array(memory, 0, byteLength)
    bytes.set(input.bytes)
    const target = input.target && new Uint8Array(memory, byteLength, input.target.byteLength)
    orders.push(order)
    worker.post({ name, input: { ...input, bytes, ...(target && { target }) }, memory } as SentTask)
  }

  #take({ message, settle }: Order, reply: TaskReply): void {
    const { bytes, target } = message.input
    target?.set(new Uint8Array(reply.memory, bytes.byteLength, target.byteLength))
    this.#memory.push(reply.memory)
    settle(reply)
  }

  #takeMemory(size: number): ArrayBuffer {
    const memory = this.#memory.pop()
    return memory && memory.byteLength >= size ? memory : new ArrayBuffer(size)
  }
}

function doHere({ message, settle, fail }: Order): void {
  try {
    settle({ output: runTask(message.name, message.input) })
  } catch (error) {
    fail(error)
  }
}
