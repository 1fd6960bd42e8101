// One model on this worker's engine as a contender of a race over several workers or processes: opened, warmed up and timed when it is
// told to. The race itself, with its order and its decisions, is elsewhere (`src/measure/race-engines.ts`).

import { LabError } from '../../src/core/errors/lab-error'
import { localContender, warmUpShare, type SlotTimes, type WarmUpRule } from '../../src/measure/contender'
import { openBound, type BoundSession } from './bound-session'
import type { EngineHost } from './engine-host'
import type { JobContext } from './job'
import { openInputs, type ModelInputs } from './model-inputs'
import { probeEnvironment } from './probe-environment'
import type { ContenderRequest, ContenderStart, EngineConfig, SlotRequest } from './protocol'

/** Holds one contender at a time. */
export class ContenderHost {
  readonly #host: EngineHost
  #session: BoundSession | undefined

  constructor(host: EngineHost) {
    this.#host = host
  }

  /** Closes everything else in this worker first. Throws what opening and running throw. */
  async open(request: EngineConfig & ContenderRequest, context: JobContext): Promise<ContenderStart> {
    const { label, model, freeDimensions, page } = request
    await this.close()
    await this.#host.closeAll()
    const engine = await this.#host.engine(request)
    const environment = probeEnvironment(engine.facts, page)
    context.progress(0, `Opening ${label}`)
    let inputs: ModelInputs | undefined
    this.#session = await openBound(engine, { model, optimization: 'all', freeDimensions }, async (session) => {
      inputs = await openInputs({ source: request.inputs, session, freeDimensions, page, signal: context.signal })
      return inputs.feeds
    })
    const cold = { label, ...this.#session.cold }
    return {
      cold,
      environment,
      isSynthetic: inputs?.isSynthetic ?? false,
      freeDimensions: inputs?.freeDimensions ?? {},
    }
  }

  /** The time of every run, ms. Progress tells how many there were. */
  async warmUp(rule: WarmUpRule, context: JobContext): Promise<readonly number[]> {
    return this.#contender(() => context.checkpoint()).warmUp(rule, (runs, elapsedMs) =>
      context.progress(warmUpShare(rule, runs, elapsedMs), `${runs} runs`),
    )
  }

  async timeSlot({ plan, firstInput }: SlotRequest): Promise<SlotTimes> {
    return this.#contender(() => Promise.resolve()).timeSlot(plan, firstInput)
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  #contender(checkpoint: () => Promise<void>) {
    const session = this.#session
    if (!session) throw new LabError('internal', 'No contender is open here.')
    const { inputCount } = session
    return localContender({ run: (input) => session.run(input), inputCount, now: () => performance.now(), checkpoint })
  }
}
