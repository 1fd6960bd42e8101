// The sessions of a race: opened in random order, together or in turn, shared where a variant asks for it, and opened again after a lost
// device. The sentinel's session is open all the time.

import { LabError } from '../../src/core/errors/lab-error'
import type { Rng } from '../../src/core/numeric/rng'
import type { Engine, EngineSession } from '../../src/engines/engine'
import { sentinelFeeds, sentinelModel } from '../../src/engines/sentinel-model'
import type { ColdStart } from '../../src/measure/cold-start'
import { bindAll, openBound, type BoundSession } from './bound-session'
import type { JobContext } from './job'
import { openInputs, type ModelInputs } from './model-inputs'
import type { EngineConfig, LatencyJobRequest, RaceVariant, SessionsOpen } from './protocol'

/**
 * Runs after opening in turn, before the slot with its own switch run: the first took 1.27 times as long as later ones, the second 1.03
 * (best of 22 openings of a 0.9-ms model on plain WASM); on a GPU shaders are compiled in the first.
 */
const RUNS_AFTER_OPENING = 3

export interface RacingRequest {
  readonly engine: Engine
  readonly job: EngineConfig & LatencyJobRequest
  readonly open: SessionsOpen
  readonly context: JobContext
}

export class RacingSessions {
  readonly #request: RacingRequest
  /** The variant whose session each variant uses. */
  readonly #owners: readonly number[]
  readonly #opened = new Map<number, BoundSession>()
  readonly #cold: BoundSession['cold'][] = []
  #sentinel: Sentinel | undefined
  #inputs: ModelInputs | undefined

  /** Throws `options/invalid` for a variant that shares the session of a later one. */
  constructor(request: RacingRequest) {
    this.#request = request
    this.#owners = ownersOf(request.job.variants)
  }

  /** What the models are fed with, once the first session was open. */
  get inputs(): ModelInputs {
    return this.#inputs ?? missing('inputs')
  }

  /** Of the first time that each session was opened, by variant. */
  get coldStarts(): readonly ColdStart[] {
    return this.#request.job.variants.map(({ label }, index) => ({
      label,
      ...(this.#cold[this.#owners[index] ?? index] ?? missing(`cold start ${index}`)),
    }))
  }

  /**
   * Every session once, in random order, because the order may decide their memory layout. The sentinel is the first: on a GPU the first
   * session of all also starts the device, which is no model's cold start.
   */
  async openAll(rng: Rng, opening: (step: number, of: number, label: string) => void): Promise<void> {
    await this.#openSentinel()
    const { variants } = this.#request.job
    const order = rng.shuffle([...new Set(this.#owners)])
    for (const [step, owner] of order.entries()) {
      opening(step, order.length, variants[owner]?.label ?? '')
      await this.#request.context.checkpoint()
      const { cold } = await this.#openOwn(owner)
      this.#cold[owner] = cold
    }
    if (this.#request.open === 'in-turn') await this.#closeModels()
  }

  /** Makes sure that the variant's session is open. In turn: closes the others before, and runs the fresh one until it is no longer cold. */
  async prepare(variant: number): Promise<void> {
    const owner = this.#ownerOf(variant)
    if (this.#opened.has(owner)) return
    const session = await this.#openOwn(owner)
    for (let run = 1; run < RUNS_AFTER_OPENING; run++) await session.run(run % session.inputCount)
  }

  run(variant: number, input: number): Promise<void> {
    return (this.#opened.get(this.#ownerOf(variant)) ?? missing(`session ${variant}`)).run(input)
  }

  runSentinel(): Promise<void> {
    return (this.#sentinel ?? missing('sentinel')).run(0)
  }

  /** After a lost device: true when all sessions are open again; false when the engine cannot go on. */
  async recover(error: unknown): Promise<boolean> {
    if (!(await this.#request.engine.recover(error))) return false
    // The engine has closed them.
    const lost = [...this.#opened.keys()]
    this.#opened.clear()
    await this.#openSentinel()
    for (const owner of lost) await this.#openOwn(owner)
    return true
  }

  async close(): Promise<void> {
    await this.#closeModels()
    await this.#sentinel?.session.close()
  }

  async #openOwn(owner: number): Promise<BoundSession> {
    const { engine, job, open, context } = this.#request
    const { residency, freeDimensions, inputs: source, page } = job
    const model = job.variants[owner]?.model ?? missing(`variant ${owner}`)
    if (open === 'in-turn') await this.#closeModels()
    const bound = await openBound(
      engine,
      { model, optimization: 'all', freeDimensions, residency },
      async (session) => {
        this.#inputs ??= await openInputs({ source, session, freeDimensions, page, signal: context.signal })
        return this.#inputs.feeds
      },
    )
    this.#opened.set(owner, bound)
    return bound
  }

  async #closeModels(): Promise<void> {
    const sessions = [...this.#opened.values()]
    this.#opened.clear()
    for (const session of sessions) await session.close()
  }

  async #openSentinel(): Promise<void> {
    const { engine, job } = this.#request
    const { residency } = job
    const session = await engine.open(sentinelModel(), { optimization: 'all', ...(residency && { residency }) })
    this.#sentinel = { session, run: (await bindAll(session, [sentinelFeeds()])).run }
  }

  #ownerOf(variant: number): number {
    return this.#owners[variant] ?? missing(`variant ${variant}`)
  }
}

interface Sentinel extends Pick<BoundSession, 'run'> {
  readonly session: EngineSession
}

function ownersOf(variants: readonly RaceVariant[]): readonly number[] {
  const owners: number[] = []
  for (const [index, { sharesSessionWith }] of variants.entries()) {
    owners.push(
      sharesSessionWith === undefined ? index : (owners[sharesSessionWith] ?? refuse(index, sharesSessionWith)),
    )
  }
  return owners
}

function refuse(index: number, got: number): never {
  const path = `variants[${index}].sharesSessionWith`
  const message = `A race needs ${path} to be the index of an earlier variant, not ${got}.`
  throw new LabError('options/invalid', message, { path, got })
}

function missing(what: string): never {
  throw new LabError('internal', `A race has no ${what}.`)
}
