// The operator probe of the chosen engine, as the page holds it.

import type { ProbeTable } from '../../probe/probe-table'
import type { Workspace } from './workspace.svelte'

/** Time to sample, after the checks, s. */
export const PROBE_SECONDS = 5
const SEED = 1

export class OperatorProbe {
  readonly #workspace: Workspace
  #table = $state.raw<ProbeTable>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  get table(): ProbeTable | undefined {
    return this.#table
  }

  async run(): Promise<void> {
    const { engine } = this.#workspace
    await this.#workspace.race('probing', async (signal, progress) => {
      this.#table = await engine.probe({ seconds: PROBE_SECONDS, seed: SEED }, { signal, progress })
    })
  }
}
