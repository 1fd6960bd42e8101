// Replays slots that were recorded on a real machine. The race that replays them draws its own order of the variants, so the signs of
// its block differences are redrawn.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Rng } from '../../src/core/numeric/rng'
import type { MachineNoise } from '../fixtures/machine-noise'

/** The results file, without `.json`. */
export const RECORDED_SLOTS = 'recorded-slots'

export interface RecordedSlots {
  readonly model: string
  readonly neighbour: 'quiet' | 'busy'
  /** Processes that wanted a core during the recording, ours among them: how quiet it was. */
  readonly load: number
  /** Standard deviation of the blocks' differences. */
  readonly spread: number
  /** log(value ÷ median) of every slot, in order. */
  readonly logs: readonly number[]
}

/** Starts at a random slot of all, and goes on at the beginning of its recording when that ends. */
export function replayed(recordings: readonly RecordedSlots[]) {
  const starts = recordings.flatMap(({ logs }) => logs.map((_, slot) => ({ logs, slot })))
  return (rng: Rng): MachineNoise => {
    const start = starts[rng.below(starts.length)]!
    let { slot } = start
    return () => start.logs[slot++ % start.logs.length]!
  }
}

export function readRecordings(): readonly RecordedSlots[] {
  const file = join(import.meta.dirname, 'results', `${RECORDED_SLOTS}.json`)
  const { rows }: { rows: readonly RecordedSlots[] } = JSON.parse(readFileSync(file, 'utf8'))
  return rows
}
