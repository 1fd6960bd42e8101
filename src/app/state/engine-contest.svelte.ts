// A race of engines or of numbers of threads over the open model, as the page holds it.

import type { EngineChoice, EngineRace } from '../../measure/engine-race'
import { threadSweep } from '../../measure/engine-race'
import { raceEnginesInPage } from '../bench/race-engines'
import { MARGIN } from '../bench/run-bench'
import type { Workspace } from './workspace.svelte'

/** `engines`: one of each that this page offers. `threads`: WASM from one thread up. */
export type ContestKind = 'engines' | 'threads'

export interface Contest {
  readonly kind: ContestKind
  /** Which of the two models ran. */
  readonly of: 'original' | 'variant'
  readonly race: EngineRace
}

const SECONDS = 15
const SEED = 1

export class EngineContest {
  readonly #workspace: Workspace
  #contest = $state.raw<Contest>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  get latest(): Contest | undefined {
    return this.#contest
  }

  contenders(kind: ContestKind): readonly EngineChoice[] {
    if (kind === 'threads') return threadSweep(crossOriginIsolated ? navigator.hardwareConcurrency : 1)
    return this.#workspace.engines.map(({ key, engine, threads }) => ({ name: key, engine, threads }))
  }

  async run(kind: ContestKind, of: Contest['of']): Promise<void> {
    const workspace = this.#workspace
    const model = of === 'original' ? workspace.model?.loaded.model : workspace.variant
    if (!model || workspace.isBusy) return
    const { evaluation, freeDimensions } = workspace
    const order = {
      ...{ model, engines: this.contenders(kind), evaluation, freeDimensions },
      ...{ seconds: SECONDS, margin: MARGIN, seed: SEED },
    }
    this.#contest = undefined
    await workspace.race('racing-engines', async (signal, progress) => {
      this.#contest = { kind, of, race: await raceEnginesInPage(order, { signal, progress }) }
    })
  }
}
