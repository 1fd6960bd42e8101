// How often the whole procedure errs, on devices whose truth is known because their clock is virtual: warm-up, tier-up of a JIT compiler
// during sampling, restarts, sentinel and planned looks together, for every noise of docs/measuring.md. Run: npm run study:measure

import { test } from 'vitest'

import { seededRng, type Rng } from '../../src/core/numeric/rng'
import { compareLatency } from '../../src/measure/compare-latency'
import type { LatencyVerdict } from '../../src/measure/pair-test'
import { autocorrelated, clockModes, independent, throttling, type MachineNoise } from '../fixtures/machine-noise'
import { readRecordings, replayed } from './replayed-noise'
import { runStudy, shareAtLeast, shareAtMost, totalOf, type Total } from './study-results'
import { virtualRace, type Behaviour } from './virtual-device'

const RUNS = 10_000
const BUDGET_MS = 20_000
const TRUTHS = [1, 1.05]
/** Slots of a whole race, and as many levels of noise as its warm-up takes. */
const SLOTS = 440
const MAX_FALSE = 0.025
const MIN_COVERED = 0.94
const MIN_FOUND = 0.95
/** Up to this standard deviation of a block a true 5 % must be found. */
const MAX_SPREAD = 0.06

/** Compiled to the end after 1 to 5 s of its own runs, of which the warm-up has 3; until then 1.5 to 4 times slower. */
const tierUp = (rng: Rng): Behaviour => {
  const untilMs = 1000 + 4000 * rng.next()
  const factor = 1.5 * (4 / 1.5) ** rng.next()
  return { tier: (ownMs) => (ownMs < untilMs ? factor : 1) }
}

/** One run in 150 loses 20 to 80 ms. */
const collectGarbage = (rng: Rng): Behaviour => ({ stall: () => (rng.next() < 1 / 150 ? 20 + 60 * rng.next() : 0) })

interface Scenario {
  readonly noise: (rng: Rng) => MachineNoise
  readonly behave?: (rng: Rng) => Behaviour
}

const RECORDINGS = readRecordings()
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  independent: { noise: independent(0.095) },
  'autocorrelated, spikes': { noise: autocorrelated },
  'the same, throttling': { noise: throttling(SLOTS) },
  'the same, clock modes ± 20 %': { noise: clockModes },
  'the same, tier-up': { noise: autocorrelated, behave: tierUp },
  'the same, stalls': { noise: autocorrelated, behave: collectGarbage },
  'replay of real slots': { noise: replayed(RECORDINGS) },
}

interface Row {
  readonly noise: string
  readonly truth: number
  readonly runs: number
  readonly verdicts: Readonly<Record<LatencyVerdict, number>>
  /** Intervals, and those that hold the truth. */
  readonly intervals: number
  readonly covering: number
  /** Standard deviation of the blocks' differences around the truth, all runs together. */
  readonly spread: number
  /** Means. */
  readonly blocks: number
  readonly looks: number
  /** Runs that restarted, and that reported a drift. */
  readonly restarted: number
  readonly drifted: number
}

async function simulate(noise: string, { noise: draw, behave = () => ({}) }: Scenario, truth: number): Promise<Row> {
  const verdicts: Record<LatencyVerdict, number> = { faster: 0, slower: 0, same: 0, undecided: 0 }
  let [intervals, covering, blocks, looks, restarted, drifted, squares] = [0, 0, 0, 0, 0, 0, 0]
  for (let run = 0; run < RUNS; run++) {
    const rng = seededRng(run)
    const device = {
      noise: draw(rng),
      behaviours: [behave(rng), behave(rng)] as const,
      ratio: truth,
      budgetMs: BUDGET_MS,
    }
    const { pairs, restarts, drift } = await compareLatency(virtualRace(device, rng))
    const { verdict, ci95, ...pair } = pairs[0]!
    verdicts[verdict]++
    if (ci95) intervals++
    if (ci95 && ci95[0] <= truth && truth <= ci95[1]) covering++
    blocks += pair.blocks
    looks += pair.looks
    squares += pair.blockDifferences.reduce((sum, difference) => sum + (difference - Math.log(truth)) ** 2, 0)
    if (restarts > 0) restarted++
    if (drift) drifted++
  }
  const spread = Math.sqrt(squares / blocks)
  const means = { blocks: blocks / RUNS, looks: looks / RUNS }
  return { ...{ noise, truth, runs: RUNS, verdicts, intervals, covering, spread }, ...means, restarted, drifted }
}

function totalsOf(row: Row): readonly Total[] {
  const { noise, truth, runs, verdicts, intervals, covering, spread } = row
  const { faster, slower } = verdicts
  const coverage = totalOf(`${noise}: interval covers ${truth}`, covering, intervals, shareAtLeast(MIN_COVERED))
  if (truth === 1) {
    const what = `${noise}: called faster or slower, though equal`
    return [totalOf(what, faster + slower, runs, shareAtMost(MAX_FALSE)), coverage]
  }
  const mustFind = spread <= MAX_SPREAD ? shareAtLeast(MIN_FOUND) : undefined
  return [
    totalOf(`${noise}: a true 5 % found`, slower, runs, mustFind),
    totalOf(`${noise}: called faster, though 5 % slower`, faster, runs, shareAtMost(MAX_FALSE)),
    coverage,
  ]
}

test('claims are false in at most 2.5 % of races, intervals cover in 94 %, and a true 5 % is found in 95 %', async () => {
  const plan = Object.entries(SCENARIOS).flatMap(([name, scenario]) =>
    TRUTHS.map((truth) => ({ name, scenario, truth })),
  )
  await runStudy<Row>({
    name: 'measure-errors',
    question: 'On devices of known truth: how often is a claim false, does the interval hold the truth, is 5 % found?',
    settings: {
      runs: RUNS,
      budgetMs: BUDGET_MS,
      noises: Object.keys(SCENARIOS),
      truths: TRUTHS,
      slots: SLOTS,
      replayed: RECORDINGS.map(({ model, neighbour, spread }) => ({ model, neighbour, spread })),
    },
    rows: plan.length,
    run: async (index) => {
      const { name, scenario, truth } = plan[index]!
      return { row: await simulate(name, scenario, truth), environment: null }
    },
    totals: (rows) => rows.flatMap(totalsOf),
  })
})
