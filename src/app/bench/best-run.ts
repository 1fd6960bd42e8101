// “Best for this device” in the page: probe, candidates, one compression after another, checks, one race of all, answers on real data, and
// the verdict. Each stage adds to the record and reports it, so that whatever is finished stays when a later one fails or is cancelled.

import type { DatasetRef, EngineStart, FreeDimensions, LoadedModel, ModelFile } from '../../../workers/host/protocol'
import { advise, candidateRecipe, type Candidate } from '../../advisor/advise'
import type { Goal } from '../../advisor/goals'
import { judgeBest, type BestEntry } from '../../advisor/judge-best'
import { asLabError, isCancelled } from '../../core/errors/lab-error'
import { CHECK_INPUTS, RACE_INPUTS } from '../../measure/input-counts'
import type { ProbeTable } from '../../probe/probe-table'
import type { JobOptions } from '../jobs/run-job'
import type { KeptSelfCheck } from '../platform/self-check-store'
import { accuracyRecord, FIRST_LOOK } from './accuracy-run'
import { BEST_RECORD_VERSION, type BestContender, type BestRecord } from './best-record'
import { inputsFrom, SEED } from './race-inputs'
import { MARGIN, type BenchClients } from './run-bench'

export interface BestRequest {
  readonly name: string
  readonly goal: Goal
  readonly original: LoadedModel
  /** For recipes that measure ranges; without it these are not raced. */
  readonly calibration?: DatasetRef | undefined
  /** For inputs and answers; without it inputs are synthetic. */
  readonly evaluation?: DatasetRef | undefined
  readonly freeDimensions: FreeDimensions
  /** Of the race, after the warm-up. */
  readonly seconds: number
  /** Of an earlier probe of this engine on this device. */
  readonly probe?: ProbeTable | undefined
  /** What is remembered of a self-check of the engine as it started. */
  selfCheckOf?(start: EngineStart): KeptSelfCheck | undefined
}

export const BEST_STAGES = ['engine', 'probe', 'build', 'check', 'latency', 'accuracy'] as const
export type BestStage = (typeof BEST_STAGES)[number]

export interface BestListener {
  /** `fraction` 0…1 of the named stage. */
  progress(stage: BestStage, fraction: number, what: string): void
  record(record: BestRecord): void
}

export interface BestOutcome {
  readonly record: BestRecord
  /** The candidates' files by name, as far as they could be built. */
  readonly files: ReadonlyMap<string, ModelFile>
}

const PROBE_SECONDS = 2

/**
 * Throws what the stages throw for the original, and `job/cancelled`; a candidate that fails is told in its entry. Without a verdict in
 * the record the engine gets the original wrong (`originalCheck`).
 */
export async function runBest(
  request: BestRequest,
  clients: BenchClients,
  listener: BestListener,
  signal: AbortSignal,
): Promise<BestOutcome> {
  const run = new BestRun(request, clients, listener, signal)
  await run.prepare()
  await run.build()
  if (await run.check()) {
    await run.race()
    await run.compareAnswers()
    run.judge()
  }
  return { record: run.record, files: run.files }
}

class BestRun {
  readonly #request: BestRequest
  readonly #clients: BenchClients
  readonly #listener: BestListener
  readonly #signal: AbortSignal
  readonly files = new Map<string, ModelFile>()
  record: BestRecord

  constructor(request: BestRequest, clients: BenchClients, listener: BestListener, signal: AbortSignal) {
    this.#request = request
    this.#clients = clients
    this.#listener = listener
    this.#signal = signal
    const { original, name } = request
    this.record = {
      version: BEST_RECORD_VERSION,
      startedAt: new Date().toISOString(),
      goal: request.goal,
      original: { name, sha256: original.sha256, summary: original.summary },
      contenders: [],
    }
  }

  async prepare(): Promise<void> {
    const { goal, original, calibration, freeDimensions, probe } = this.#request
    const { engine, compress } = this.#clients
    const start = await engine.start(this.#job('engine'))
    const selfCheck = this.#request.selfCheckOf?.(start)
    this.#add({ engine: start, ...(selfCheck && { selfCheck }) })
    const table = probe ?? (await engine.probe({ seconds: PROBE_SECONDS, seed: SEED }, this.#job('probe')))
    const sizes = { ...original.freeDimensions, ...freeDimensions }
    const workload = await compress.workload(original.model.id, sizes, { signal: this.#signal })
    const advice = advise({ goal, workload, table, hasSamples: calibration !== undefined })
    this.#add({ probe: table, workload, advice })
  }

  /** One after another: each may need the memory of the whole model. */
  async build(): Promise<void> {
    const candidates = this.record.advice?.candidates ?? []
    for (const [index, candidate] of candidates.entries()) {
      const contender = await this.#buildOne(candidate, this.#job('build', index, candidates.length))
      this.#add({ contenders: [...this.record.contenders, contender] })
    }
  }

  async #buildOne(candidate: Candidate, options: JobOptions): Promise<BestContender> {
    const { original, calibration } = this.#request
    const recipe = candidateRecipe(candidate)
    return this.#attempt({ candidate, recipe }, async () => {
      const job = { modelId: original.model.id, recipe, calibration }
      const { model, ...compression } = await this.#clients.compress.compress(job, options)
      this.files.set(candidate.name, model)
      return { compression }
    })
  }

  /** False where the engine gets the original wrong. */
  async check(): Promise<boolean> {
    const { original, evaluation, freeDimensions } = this.#request
    const { engine, reference } = this.#clients
    const inputs = inputsFrom(evaluation, CHECK_INPUTS)
    const count = this.files.size + 1
    const ofOriginal = { model: original.model, inputs, freeDimensions }
    const originalCheck = await engine.engineCheck(ofOriginal, this.#job('check', 0, count))
    this.#add({ originalCheck })
    if (!originalCheck.ok) return false
    this.#add({ reference: await reference.start({ signal: this.#signal }) })
    let done = 1
    for (const contender of this.record.contenders) {
      const model = this.files.get(contender.candidate.name)
      if (!model) continue
      const job = this.#job('check', done++, count)
      this.#replace(
        contender,
        await this.#attempt(contender, async () => {
          const check = await engine.engineCheck({ model, inputs, freeDimensions }, job)
          const pair = { original: original.model, variant: model, inputs, freeDimensions }
          return { check, fidelity: await reference.fidelity(pair, job) }
        }),
      )
    }
    return true
  }

  async race(): Promise<void> {
    const { original, evaluation, freeDimensions, seconds } = this.#request
    const sound = this.#sound()
    const isSoftware = this.record.engine?.facts.adapter?.isSoftware ?? false
    if (isSoftware || sound.length === 0) return
    const latency = await this.#clients.engine.compareLatency(
      {
        variants: [
          { label: 'original', model: original.model },
          ...sound.map(({ contender, model }) => ({ label: contender.candidate.label, model })),
        ],
        ...{ inputs: inputsFrom(evaluation, RACE_INPUTS), freeDimensions, seconds, seed: SEED },
        margin: Math.max(MARGIN, this.record.selfCheck?.margin ?? 0),
      },
      this.#job('latency'),
    )
    this.#add({ latency, raced: sound.map(({ contender }) => contender.candidate.name) })
  }

  /** On the reference engine and on the samples of the first look, model by model: each is open alone. */
  async compareAnswers(): Promise<void> {
    const { original, evaluation } = this.#request
    const sound = this.#sound().filter(({ contender }) => contender.fidelity?.fidelity.topOneAgreement != null)
    if (!evaluation || sound.length === 0) return
    const { reference } = this.#clients
    const predict = (model: ModelFile, index: number) =>
      reference.accuracy(
        { variants: [model], dataset: evaluation, from: 0, to: FIRST_LOOK },
        this.#job('accuracy', index, sound.length + 1),
      )
    const { classes, labels, clusters, size } = await predict(original.model, 0)
    const known = { original: [...(classes[0] ?? [])], labels: [...(labels ?? [])], clusters: [...(clusters ?? [])] }
    for (const [index, { contender, model }] of sound.entries()) {
      const answered = await this.#attempt(contender, async () => {
        const own = await predict(model, index + 1)
        return { accuracy: accuracyRecord({ ...known, variant: [...(own.classes[0] ?? [])] }, evaluation, size) }
      })
      this.#replace(contender, answered)
    }
  }

  judge(): void {
    this.#add({ verdict: judgeBest(this.#request.goal, bestEntries(this.record)) })
  }

  /** Built, and right on this engine. */
  #sound(): readonly { readonly contender: BestContender; readonly model: ModelFile }[] {
    return this.record.contenders.flatMap((contender) => {
      const model = this.files.get(contender.candidate.name)
      return model && contender.check?.ok && contender.failure === undefined ? [{ contender, model }] : []
    })
  }

  /** The contender with what `work` found, or with the reason why it failed. */
  async #attempt(contender: BestContender, work: () => Promise<Partial<BestContender>>): Promise<BestContender> {
    try {
      return { ...contender, ...(await work()) }
    } catch (error) {
      if (isCancelled(error)) throw error
      return { ...contender, failure: asLabError(error).message }
    }
  }

  #replace(old: BestContender, contender: BestContender): void {
    this.#add({ contenders: this.record.contenders.map((one) => (one === old ? contender : one)) })
  }

  #add(part: Partial<BestRecord>): void {
    this.record = { ...this.record, ...part }
    this.#listener.record(this.record)
  }

  /** Part `index` of `count` of a stage. */
  #job(stage: BestStage, index = 0, count = 1): JobOptions {
    const tell = (fraction: number, what: string): void =>
      this.#listener.progress(stage, (index + fraction) / count, what)
    tell(0, '')
    return { signal: this.#signal, progress: tell }
  }
}

/** What the judge is told, in the order of `contenders`; also for the sentences about a verdict. */
export function bestEntries({ original, contenders, latency, raced = [] }: BestRecord): readonly BestEntry[] {
  return contenders.map(({ candidate, failure, compression, check, fidelity, accuracy }) => {
    const place = raced.indexOf(candidate.name)
    return {
      ...{ name: candidate.name, label: candidate.label, failure, check, fidelity: fidelity?.fidelity },
      sizeRatio: compression ? compression.summary.sizeBytes / original.summary.sizeBytes : null,
      accuracy: accuracy?.kind === 'labelled' ? accuracy.comparison : undefined,
      agreement: accuracy?.kind === 'agreement' ? accuracy.comparison : undefined,
      latency: place < 0 ? undefined : latency?.comparison.pairs[place],
    }
  })
}
