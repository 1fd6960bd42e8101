// Workers that do the tasks of `src/core/tasks`, together with the thread that asks for them: that one needs no copy of the input, and
// waiting would waste it. The pool knows messages, not threads: the browser and Node bring the workers. A worker that dies takes nothing
// with it: its tasks, and when all are dead every task, are done by this thread.

import { fromWireError } from '../../src/core/errors/lab-error'
import type { SentTask, TaskReply } from '../../src/core/tasks/answer-task'
import { isShared, type Runs, type Task, type TaskInput, type TaskPort } from '../../src/core/tasks/task'

/** A thread that answers each message with one reply, in order. */
export interface TaskWorker {
  /** Moves the memory of the task. */
  post(task: SentTask): void
  /** Called once, before the first message. */
  listen(onReply: (reply: TaskReply) => void, onDeath: () => void): void
  end(): void
}

/** A task that was asked for. */
interface Order {
  readonly name: string
  readonly input: TaskInput
  /** Does it in this thread. */
  readonly run: () => unknown
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
  /** By the worker that was sent it, or by this thread, which was sooner. */
  isDone: boolean
}

interface Member {
  readonly worker: TaskWorker
  /** What it was sent and has not answered. */
  readonly orders: Order[]
}

/** One to work on and one to go on with while this thread is busy. */
const ORDERS_PER_WORKER = 2
/**
 * Weights under way for each thread. Results are read in the order of the weights: while one is waited for, those behind it keep all
 * threads busy.
 */
const WEIGHTS_PER_THREAD = 4

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
    this.depth = (helpers + 1) * WEIGHTS_PER_THREAD
    this.#helpers = helpers
    this.#spawn = spawn
    this.#turn = turn
  }

  run<I extends TaskInput, O>(task: Task<I, O>, input: I): Promise<O> {
    if (!this.#isStarted) this.#start()
    return new Promise<O>((resolve, reject) => {
      this.#waiting.push({
        name: task.name,
        input,
        run: () => task.run(input),
        // The worker ran the task of this name.
        resolve: (output) => resolve(output as O),
        reject,
        isDone: false,
      })
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
    this.#waiting.unshift(...member.orders.splice(0).filter(({ isDone }) => !isDone))
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
      const order = this.#waiting.shift() ?? this.#spare()
      if (!order) break
      doHere(order)
    }
    this.#isWorking = false
  }

  /**
   * What a worker has and cannot have begun: this thread, which has nothing else to do, is done with it sooner. The worker does it all the
   * same; into a shared target it writes the same bytes again.
   */
  #spare(): Order | undefined {
    for (const { orders } of this.#members) {
      const order = orders.findLast(({ isDone }, i) => i > 0 && !isDone)
      if (order) return order
    }
    return undefined
  }

  /** Input and target cross in one piece of memory, the target behind the input. What is shared crosses as it is. */
  #send({ worker, orders }: Member, order: Order): void {
    const { name, input } = order
    const [size, targetSize] = [sentBytes(input), ownBytes(input.target)]
    const memory = this.#takeMemory(size + targetSize)
    const sent = {
      ...input,
      ...(size > 0 && copied(input, memory)),
      ...(targetSize > 0 && { target: new Uint8Array(memory, size, targetSize) }),
    }
    orders.push(order)
    worker.post({ name, input: sent, memory })
  }

  #take(order: Order, { output, error, memory }: TaskReply): void {
    this.#memory.push(memory)
    if (order.isDone) return
    order.isDone = true
    const { target } = order.input
    const size = ownBytes(target)
    if (size > 0) target?.set(new Uint8Array(memory, sentBytes(order.input), size))
    if (error) order.reject(fromWireError(error))
    else order.resolve(output)
  }

  #takeMemory(size: number): ArrayBuffer {
    const memory = this.#memory.pop()
    return memory && memory.byteLength >= size ? memory : new ArrayBuffer(size)
  }
}

function doHere(order: Order): void {
  order.isDone = true
  try {
    order.resolve(order.run())
  } catch (error) {
    order.reject(error)
  }
}

/** Bytes that other threads cannot see. */
const ownBytes = (bytes: Uint8Array | undefined): number => (bytes && !isShared(bytes) ? bytes.byteLength : 0)

const sentBytes = ({ bytes, runs }: TaskInput): number =>
  runs && !isShared(bytes) ? runs.count * runs.length : ownBytes(bytes)

/** The input as it lies at the start of `memory`, its runs one after another. */
function copied(input: TaskInput, memory: ArrayBuffer): Pick<TaskInput, 'bytes' | 'runs'> {
  const bytes = new Uint8Array(memory, 0, sentBytes(input))
  copyRuns(bytes, input.bytes, input.runs)
  return { bytes, ...(input.runs && { runs: { ...input.runs, distance: input.runs.length } }) }
}

function copyRuns(target: Uint8Array, bytes: Uint8Array, runs: Runs | undefined): void {
  if (!runs) return target.set(bytes)
  const { count, length, distance } = runs
  for (let i = 0; i < count; i++) target.set(bytes.subarray(i * distance, i * distance + length), i * length)
}
