// Blocks of two variants whose slots are drawn with the noise of real machines, a slow-down laid over them.

import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import {
  autocorrelated,
  clockModes,
  independent,
  throttling,
  type MachineNoise,
} from '../../tests/fixtures/machine-noise'
import { seededRng, type Rng } from '../core/numeric/rng'
import { cusum } from './cusum'
import { findDrift, type Drift, type SentinelReading } from './drift'

/** Log slow-down of a block. */
type Shape = (block: number) => number
const steady: Shape = () => 0
const stepAt =
  (at: number, factor = 1.2): Shape =>
  (block) =>
    block >= at ? Math.log(factor) : 0

interface Race {
  readonly slots: readonly (readonly number[])[]
  readonly sentinel: readonly SentinelReading[]
}

/** Variants of 10 and 14 ms, a sentinel of 3 ms every `every` blocks. */
function race(noise: MachineNoise, shape: Shape, blocks: number, every: number): Race {
  const slots: number[][] = [[], []]
  const sentinel: SentinelReading[] = []
  for (let block = 0; block < blocks; block++) {
    const slow = shape(block)
    if (block % every === 0) sentinel.push({ atMs: 300 * block, block, ms: 3 * Math.exp(noise() + slow) })
    for (const variant of [0, 1, 1, 0]) slots[variant]?.push((variant === 0 ? 10 : 14) * Math.exp(noise() + slow))
  }
  return { slots, sentinel }
}

function drifts(
  noise: (rng: Rng) => MachineNoise,
  shape: Shape,
  plan: { runs: number; blocks: number; every: number },
) {
  const rng = seededRng(7)
  return Array.from({ length: plan.runs }, (): Drift | null => {
    const { slots, sentinel } = race(noise(rng), shape, plan.blocks, plan.every)
    return findDrift(slots, sentinel)
  })
}

const share = (found: readonly (Drift | null)[]): number =>
  found.filter((drift) => drift !== null).length / found.length

it.each(reference.cusum)('the cumulative sum is Page’s recursion, case %#', ({ values, allowance, sums }) => {
  expect([...cusum(values, allowance)]).toEqual(sums.map((sum) => expect.closeTo(sum, 12)))
})

/** Without throttling of their own, and with a spread of blocks of 6 % at most in the first two. */
const STEADY = { 'independent (6 %)': independent(0.06), autocorrelated, 'independent (9.5 %)': independent(0.095) }
const THROTTLED = { ...STEADY, throttling: throttling(80) }
const RUNS = 1000

describe('a slow-down of 20 % halfway', () => {
  it.each(Object.entries(THROTTLED))(
    'under %s noise is noticed in 97 % of races of 20 blocks with 5 readings',
    (_, noise) => {
      expect(share(drifts(noise, stepAt(10), { runs: RUNS, blocks: 20, every: 4 }))).toBeGreaterThanOrEqual(0.97)
    },
  )

  it.each(Object.entries(STEADY))('under %s noise is found where it is, as large as it is', (_, noise) => {
    const found = drifts(noise, stepAt(40), { runs: 300, blocks: 83, every: 8 }).flatMap((drift) => drift ?? [])
    const near = found.filter(({ atBlock }) => Math.abs(atBlock - 40) <= 3).length / found.length
    expect(near).toBeGreaterThan(0.9)
    expect(found.reduce((sum, { factor }) => sum + factor, 0) / found.length).toBeCloseTo(1.2, 1)
    const inBoth = found.filter(({ seenIn }) => seenIn.length === 2).length / found.length
    expect(inBoth).toBeGreaterThan(0.85)
  })

  it('between clock modes of ± 20 % is noticed as often as these leave a trace of it', () => {
    // The modes alone are called a drift in some races: they are real changes of pace.
    const alone = share(drifts(clockModes, steady, { runs: 400, blocks: 83, every: 8 }))
    const slowed = share(drifts(clockModes, stepAt(41), { runs: 400, blocks: 83, every: 8 }))
    expect(alone).toBeLessThan(0.5)
    expect(slowed).toBeGreaterThan(0.7)
  })
})

describe('a device that keeps its pace', () => {
  it.each(
    Object.entries(STEADY).flatMap(([name, noise]) => [20, 83, 256].map((blocks) => [name, blocks, noise] as const)),
  )('under %s noise is called slower in at most 3 % of races of %i blocks', (_, blocks, noise) => {
    expect(share(drifts(noise, steady, { runs: RUNS, blocks, every: 8 }))).toBeLessThanOrEqual(0.03)
  })

  it('or becomes faster is not called slower', () => {
    const faster = drifts(autocorrelated, (block) => -stepAt(27)(block), { runs: 500, blocks: 83, every: 8 })
    expect(share(faster)).toBeLessThanOrEqual(0.03)
  })

  it('but stalls now and then for a block, three times as slow, is not called slower', () => {
    for (const stalls of [[30], [5, 40, 70], [81], [82]]) {
      const shape: Shape = (block) => (stalls.includes(block) ? Math.log(3) : 0)
      expect(share(drifts(independent(0.02), shape, { runs: 100, blocks: 83, every: 8 }))).toBe(0)
    }
  })

  it('with too few blocks and readings to tell is not called slower', () => {
    expect(findDrift([[], []], [])).toBeNull()
    const { slots, sentinel } = race(independent(0.001)(seededRng(1)), stepAt(4), 8, 4)
    expect(findDrift(slots, sentinel)).toBeNull()
  })
})

describe('what is no single step', () => {
  const blocks = 83
  const ramp: Shape = (block) => Math.log(1 + 0.2 * Math.min(Math.max((block - 20) / 40, 0), 1))

  it('a ramp of 20 % over half of the race is noticed', () => {
    expect(share(drifts(autocorrelated, ramp, { runs: 500, blocks, every: 8 }))).toBeGreaterThanOrEqual(0.97)
    expect(share(drifts(autocorrelated, (block) => ramp(block / 4), { runs: 50, blocks: 332, every: 8 }))).toBe(1)
  })

  it('a slow-down that ends again is noticed, where it began and as large as it was', () => {
    const hump: Shape = (block) => (block >= 33 && block < 53 ? Math.log(1.2) : 0)
    const found = drifts(independent(0.06), hump, { runs: 300, blocks, every: 8 })
    expect(share(found)).toBeGreaterThanOrEqual(0.97)
    for (const drift of found) if (drift) expect(Math.abs(drift.atBlock - 33)).toBeLessThanOrEqual(8)
    expect(found.reduce((sum, drift) => sum + (drift?.factor ?? 0), 0) / found.length).toBeCloseTo(1.2, 1)
  })

  it('a lasting slow-down below 5 % is left alone, however clear it is', () => {
    expect(share(drifts(independent(0.002), stepAt(40, 1.04), { runs: 100, blocks, every: 8 }))).toBe(0)
  })

  it('one of 8 % is seen where noise is low', () => {
    expect(share(drifts(independent(0.01), stepAt(40, 1.08), { runs: 100, blocks, every: 8 }))).toBe(1)
  })
})

describe('the sentinel alone', () => {
  const still = race(independent(0)(seededRng(1)), steady, 40, 4)
  const rng = seededRng(5)
  const slowed = (from: number): SentinelReading[] =>
    still.sentinel.map((reading) => ({
      ...reading,
      ms: (reading.block >= from ? 3.75 : 3) * Math.exp(0.02 * rng.normal()),
    }))

  it('shows a slow-down that the models do not, at the block that followed its reading', () => {
    const drift = findDrift(still.slots, slowed(20))
    expect(drift).toMatchObject({ atBlock: 20, seenIn: ['sentinel'] })
    expect(drift?.factor).toBeCloseTo(1.25, 1)
  })

  it('leaves a block on either side', () => {
    const few = still.slots.map((values) => values.slice(0, 4))
    const readings = slowed(20)
    expect(
      findDrift(
        few,
        readings.map((reading) => ({ ...reading, block: 2 })),
      )?.atBlock,
    ).toBe(1)
    expect(
      findDrift(
        few,
        readings.map((reading) => ({ ...reading, block: 0 })),
      )?.atBlock,
    ).toBe(1)
  })

  it('with a single slow reading shows nothing', () => {
    const readings = slowed(40).map((reading, index) => (index === 6 ? { ...reading, ms: 9 } : reading))
    expect(findDrift(still.slots, readings)).toBeNull()
  })
})
