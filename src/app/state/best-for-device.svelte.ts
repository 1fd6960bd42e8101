// “Best for this device” as the page holds it: the record as it grows, the recipe that won, and hypotheses that were put to the test.

import { getContext, setContext } from 'svelte'

import type { EngineStart, ModelFile } from '../../../workers/host/protocol'
import type { Goal } from '../../advisor/goals'
import type { Hypothesis, HypothesisId } from '../../advisor/hypotheses'
import type { ProbeTable } from '../../probe/probe-table'
import type { BestRecord } from '../bench/best-record'
import type { BestStage } from '../bench/best-run'
import type { HypothesisOutcome } from '../bench/test-hypothesis'
import type { Workspace } from './workspace.svelte'

/** Of hypotheses that were tested. */
type Outcomes = Readonly<Partial<Record<HypothesisId, HypothesisOutcome>>>

export class BestForDevice {
  readonly #workspace: Workspace
  #goal = $state<Goal>()
  #record = $state.raw<BestRecord>()
  #isRunning = $state(false)
  #outcomes = $state.raw<Outcomes>({})
  #testing = $state<HypothesisId>()
  /** By key of the engine: a probe holds as long as the page. */
  readonly #probes: Record<string, ProbeTable> = {}

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  /** That was asked for last. */
  get goal(): Goal | undefined {
    return this.#goal
  }
  get record(): BestRecord | undefined {
    return this.#record
  }
  get isRunning(): boolean {
    return this.#isRunning
  }
  get outcomes(): Outcomes {
    return this.#outcomes
  }
  /** The hypothesis under test. */
  get testing(): HypothesisId | undefined {
    return this.#testing
  }

  /** What is finished stays in the record after a cancel or a failure. */
  async run(goal: Goal): Promise<void> {
    const workspace = this.#workspace
    const { model, calibration, evaluation, freeDimensions, seconds, engineKey } = workspace
    if (!model || workspace.isBusy) return
    this.#goal = goal
    this.#record = undefined
    this.#outcomes = {}
    this.#isRunning = true
    await workspace.race('racing-recipes', async (signal, progress) => {
      const [{ runBest }, { BEST_STAGE_NAMES, wholeOf }] = await Promise.all([
        import('../bench/best-run'),
        import('../bench/best-view'),
      ])
      const request = {
        ...{ name: model.name, goal, original: model.loaded, calibration, evaluation, freeDimensions, seconds },
        probe: this.#probes[engineKey],
        selfCheckOf: ({ environment }: EngineStart) => workspace.selfChecks.find(environment),
      }
      const listener = {
        record: (record: BestRecord) => (this.#record = record),
        progress: (stage: BestStage, fraction: number, what: string) =>
          progress(wholeOf(stage, fraction), [BEST_STAGE_NAMES[stage], what].filter(Boolean).join(': ')),
      }
      const { record, files } = await runBest(request, this.#clients, listener, signal)
      if (record.probe) this.#probes[engineKey] = record.probe
      await this.#release([...files.values()])
    })
    this.#isRunning = false
  }

  /** Puts the recipe of a candidate into the workspace, with the ranges it was raced with. */
  use(name: string): void {
    const contender = this.#record?.contenders.find(({ candidate }) => candidate.name === name)
    if (contender) this.#workspace.useRecipe(contender.compression?.recipe ?? contender.recipe)
  }

  /** Races the two recipes of a hypothesis. */
  async test(hypothesis: Hypothesis): Promise<void> {
    const workspace = this.#workspace
    const { calibration, evaluation, freeDimensions, seconds } = workspace
    const model = workspace.model?.loaded.model
    if (!model || workspace.isBusy) return
    this.#testing = hypothesis.id
    await workspace.race('racing-recipes', async (signal, progress) => {
      const { testHypothesis } = await import('../bench/test-hypothesis')
      const request = { hypothesis, model, calibration, evaluation, freeDimensions, seconds }
      const outcome = await testHypothesis(request, this.#clients, { signal, progress })
      this.#outcomes = { ...this.#outcomes, [hypothesis.id]: outcome }
    })
    this.#testing = undefined
  }

  get #clients() {
    const { compressor, engine, referenceEngine } = this.#workspace
    return { compress: compressor, engine, reference: referenceEngine }
  }

  async #release(files: readonly ModelFile[]): Promise<void> {
    for (const { id } of files) await this.#workspace.compressor.release(id)
  }
}

const KEY = Symbol('best for device')
export const provideBestForDevice = (workspace: Workspace): BestForDevice =>
  setContext(KEY, new BestForDevice(workspace))
export const useBestForDevice = (): BestForDevice => getContext<BestForDevice>(KEY)
