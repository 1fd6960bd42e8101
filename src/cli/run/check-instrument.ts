// The self-check of one engine in the terminal: gives `runSelfCheck` its races, which the laboratory runs on the original.

import type { LatencyJobResult } from '../../../workers/host/protocol'
import {
  judgeSelfCheck,
  KNOWN_TRUTH,
  planSelfCheck,
  runSelfCheck,
  selfCheckPair,
  type SelfCheck,
  type SelfCheckKind,
} from '../../measure/self-check'
import type { Laboratory, RaceEntry, RaceOptions } from '../laboratory'

export interface InstrumentCheck {
  readonly check: SelfCheck
  /** In the order of `check.pairs`. */
  readonly races: readonly LatencyJobResult[]
}

export interface InstrumentRequest {
  /** Of the comparison that the check is for. */
  readonly options: RaceOptions
  /** Inputs that rotate. */
  readonly inputs: number
  stage(label: string): void
}

/** Two sessions of the original. */
export const EQUAL_SESSIONS: readonly RaceEntry[] = [0, 0]
const ENTRIES: Readonly<Record<SelfCheckKind, readonly RaceEntry[]>> = {
  same: EQUAL_SESSIONS,
  known: [
    { model: 0, repeat: KNOWN_TRUTH.repeatA },
    { model: 0, repeat: KNOWN_TRUTH.repeatB, sharesSessionWith: 0 },
  ],
}

/** Throws what the laboratory throws. */
export async function checkInstrument(laboratory: Laboratory, request: InstrumentRequest): Promise<InstrumentCheck> {
  const { options, inputs, stage } = request
  const { seconds, margin, seed = 0 } = options
  const plan = planSelfCheck(seconds)
  const total = plan.same.races + plan.known.races
  const races: LatencyJobResult[] = []
  const check = await runSelfCheck({
    plan,
    margin,
    async race(kind) {
      stage(`Self-check ${races.length + 1} of ${total}`)
      // Every race by its own seed: the order of creation is a part of what is checked.
      const own = { seconds: plan[kind].seconds, mode: 'compare', seed: seed + races.length } as const
      const result = await laboratory.compareLatency(ENTRIES[kind], inputs, { ...options, ...own })
      races.push(result)
      return result.comparison
    },
  })
  return { check, races }
}

/** A race of equal sessions that was run anyway is a self-check of one pair. */
export const checkOfOne = (race: LatencyJobResult): InstrumentCheck => ({
  check: judgeSelfCheck([selfCheckPair('same', race.comparison)], race.comparison.margin),
  races: [race],
})
