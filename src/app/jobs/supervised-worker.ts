// One worker under supervision: started by the first job, replaced after its death, ended when idle. Whatever happens to it, every
// promise it owes is settled; comlink alone leaves calls to a dead worker pending for ever (comlink #601). `run-job.ts` is one call.

import { proxy, releaseProxy, transfer, wrap, type Remote } from 'comlink'

import type { Job, JobInput, JobOutput, JobProgress, JobReply } from '../../../workers/host/protocol'
import { asLabError, LabError } from '../../core/errors/lab-error'
import { runJob, type JobOptions } from './run-job'

type JobMethods<Api> = { readonly [K in keyof Api]: Job<never, unknown> }
type Send = (input: unknown, control: MessagePort, progress: JobProgress) => Promise<JobReply<unknown>>

interface Life {
  readonly remote: Remote<Record<string, Send>>
  readonly listeners: Set<(reason: LabError) => void>
  /** Ends the worker and tells every listener why. Later calls do nothing. */
  end(reason: LabError): void
}

export interface WorkerOptions {
  /** For messages: `compress`, `ort-wasm`. */
  readonly name: string
  spawn(): Worker
  /** A worker without jobs for so long is ended: WebAssembly memory never shrinks, so this is the only way to give it back. */
  readonly idleMs?: number | undefined
}

const IDLE_MS = 10_000

export class SupervisedWorker<Api extends JobMethods<Api>> {
  readonly #options: WorkerOptions
  /** Also the strong reference that keeps comlink's proxy, and with it calls in flight, from being collected (comlink #692). */
  #life: Life | undefined
  #running = 0
  #idle: ReturnType<typeof setTimeout> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  get isAlive(): boolean {
    return this.#life !== undefined
  }

  /** Runs a job, in a fresh worker when there is none; `input` may be still in the making while that starts. Throws what the job throws, `job/cancelled` and `worker/died`. */
  async run<K extends keyof Api & string>(
    method: K,
    input: JobInput<Api[K]> | Promise<JobInput<Api[K]>>,
    options: JobOptions = {},
  ): Promise<JobOutput<Api[K]>> {
    clearTimeout(this.#idle)
    this.#running += 1
    const life = (this.#life ??= this.#start())
    try {
      const target = {
        send: async (control: MessagePort, progress: JobProgress) => send(life, method, await input, control, progress),
        onDeath: (listener: (reason: LabError) => void) => {
          life.listeners.add(listener)
          return () => life.listeners.delete(listener)
        },
        kill: () => life.end(died(this.#options.name, 'it did not stop in time after a cancel')),
      }
      // The worker's reply: typed by the protocol, which both sides are compiled against.
      return (await runJob(target, options)) as JobOutput<Api[K]>
    } catch (error) {
      if (needsFreshWorker(asLabError(error))) life.end(died(this.#options.name, 'its engine cannot go on'))
      throw error
    } finally {
      this.#running -= 1
      if (this.#running === 0) this.#idle = setTimeout(() => this.end(), this.#options.idleMs ?? IDLE_MS)
    }
  }

  /** Ends the worker now; pending jobs reject with `worker/died`. The next job starts a fresh one. */
  end(): void {
    clearTimeout(this.#idle)
    this.#life?.end(died(this.#options.name, 'it was ended'))
  }

  #start(): Life {
    const worker = this.#options.spawn()
    const remote = wrap<Record<string, Send>>(worker)
    const listeners = new Set<(reason: LabError) => void>()
    let isOver = false
    const end = (reason: LabError): void => {
      if (isOver) return
      isOver = true
      if (this.#life === life) this.#life = undefined
      remote[releaseProxy]()
      worker.terminate()
      for (const listener of [...listeners]) listener(reason)
    }
    const life: Life = { remote, listeners, end }
    worker.addEventListener('error', (event) => {
      event.preventDefault()
      end(died(this.#options.name, event.message || 'its script did not load'))
    })
    worker.addEventListener('messageerror', () => end(died(this.#options.name, 'a message could not be read')))
    return life
  }
}

function send(life: Life, method: string, input: unknown, control: MessagePort, progress: JobProgress) {
  const call = life.remote[method]
  if (!call) throw new LabError('internal', `The worker has no method "${method}".`)
  return (call as unknown as Send)(input, transfer(control, [control]), proxy(progress))
}

const died = (name: string, why: string): LabError =>
  new LabError('worker/died', `The ${name} worker ended: ${why}.`, { worker: name })

/** After these the worker's WebAssembly memory is full or in no known state. */
const needsFreshWorker = ({ code, details }: LabError): boolean =>
  details.fatal === true || code === 'device/out-of-memory' || code === 'device/lost'
