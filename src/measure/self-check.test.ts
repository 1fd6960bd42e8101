// The self-check on races whose outcome is made up, and on synthetic clocks on which equal sessions differ by a known amount.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRng } from '../core/numeric/rng'
import { compareLatency } from './compare-latency'
import { localContender } from './contender'
import type { LatencyComparison } from './latency-comparison'
import { judgeRatio } from './pair-test'
import {
  judgeSelfCheck,
  KNOWN_TRUTH,
  planSelfCheck,
  runSelfCheck,
  SELF_CHECK_SECONDS,
  type SelfCheckKind,
  type SelfCheckPair,
} from './self-check'
import { selfCheckText } from './self-check-text'

const MARGIN = 0.02

/** A race that ended with this ratio ± half its interval, as fractions. */
function pair(kind: SelfCheckKind, ratio: number, half: number): SelfCheckPair {
  const ci95 = [ratio - half, ratio + half] as const
  const verdict = judgeRatio(ratio, ci95, MARGIN)
  return { kind, ratio, ci95, verdict, blocks: 40, standardError: half / 2 / ratio }
}
const equal = (...ratios: readonly number[]) => ratios.map((ratio) => pair('same', ratio, 0.004))
const known = (...ratios: readonly number[]) => ratios.map((ratio) => pair('known', ratio, 0.01))
const right = known(1.051, 1.046, 1.055)

/** Two sessions differ by `offset` in random direction; runs of one session do not. */
function device(offset: number, noise: number, seed: number) {
  const rng = seededRng(seed)
  let time = 0
  return (kind: SelfCheckKind, budgetMs: number, margin: number): Promise<LatencyComparison> => {
    const layout = rng.next() < 0.5 ? [1, 1 + offset] : [1 + offset, 1]
    const length = kind === 'same' ? layout : [1, KNOWN_TRUTH.repeatB / KNOWN_TRUTH.repeatA]
    const runMs = (side: number): number => (length[side] ?? NaN) * Math.exp(noise * rng.normal())
    const contenders = [0, 1].map((side) =>
      localContender({
        run: () => Promise.resolve(void (time += 4 * runMs(side))),
        inputCount: 1,
        now: () => time,
        checkpoint: () => Promise.resolve(),
      }),
    )
    return compareLatency({
      ...{ contenders, now: () => time, timerStepMs: 0.005, budgetMs, margin, rng },
      ...{ warmUp: { minRuns: 20, minMs: 0 }, checkpoint: () => Promise.resolve(), progress: () => undefined },
    })
  }
}

function check(race: ReturnType<typeof device>, seconds: number) {
  const plan = planSelfCheck(seconds)
  return runSelfCheck({ plan, margin: MARGIN, race: (kind) => race(kind, plan[kind].seconds * 1000, MARGIN) })
}

describe('the plan of a self-check', () => {
  it('gives equal sessions a quarter of the time of a comparison and known truths the half', () => {
    expect(planSelfCheck(SELF_CHECK_SECONDS.quick)).toEqual({
      same: { races: 6, seconds: 5 },
      known: { races: 3, seconds: 10 },
      totalSeconds: 6 * 12 + 3 * 17,
    })
    expect(planSelfCheck(SELF_CHECK_SECONDS.full)).toMatchObject({
      same: { races: 20, seconds: 10 },
      known: { races: 10, seconds: 30 },
    })
    expect(planSelfCheck(2)).toMatchObject({ same: { races: 1, seconds: 0.5 }, known: { races: 1, seconds: 1 } })
    expect(planSelfCheck(3600)).toMatchObject({ same: { seconds: 10 }, known: { seconds: 30 } })
  })
})

describe('a self-check', () => {
  it('of a device without fault keeps the floor and is good', () => {
    const good = judgeSelfCheck([...equal(1.001, 0.998, 1.004, 0.997, 1.002, 1), ...right], MARGIN)
    expect(good).toMatchObject({ ok: true, outcome: 'kept', because: null, floor: 0.01, margin: 0.02 })
    expect(good.same).toMatchObject({ races: 6, judged: 6, falseClaims: 0 })
    expect(good.same.falseClaimRate95?.[1]).toBeCloseTo(0.39, 2)
    expect(good.known).toEqual({ races: 3, judged: 3, found: 3, covers: 3, isSensitive: true, isCovered: true })
    expect(selfCheckText(good)).toMatchObject({ kind: 'good', headline: 'This device passes the self-check.' })
    expect(selfCheckText(good).sentences[0]).toMatch(/^0 false claims in 6 races .* between 0 and 39 % \(95 % CI\)\.$/)
  })

  it('with one false claim widens the floor to the next half percent that takes it back', () => {
    const widened = judgeSelfCheck([...equal(1.001, 0.998, 1.026, 1.001), ...right], MARGIN)
    expect(widened).toMatchObject({ ok: false, outcome: 'widened', because: 'pair', floor: 0.025, margin: 0.05 })
    expect(widened.same.falseClaims).toBe(1)
    expect(selfCheckText(widened)).toMatchObject({
      kind: 'widened',
      headline: 'Differences up to 5 % mean nothing here.',
      sentences: expect.arrayContaining([expect.stringMatching(/the allowance is widened to 2\.5 %/)]),
    })
  })

  it('with offsets that noise does not explain widens the floor before any claim is false', () => {
    const offsets = equal(1.012, 0.989, 1.011, 0.988, 1.012, 0.989)
    const { outcome, because, floor, same } = judgeSelfCheck(offsets, MARGIN)
    expect({ outcome, because, floor }).toEqual({ outcome: 'widened', because: 'spread', floor: 0.015 })
    expect(same).toMatchObject({ falseClaims: 0 })
    expect(same.layoutSd).toBeCloseTo(0.0114, 3)
  })

  it('with offsets as large as their noise keeps the floor', () => {
    const noisy = [1.03, 0.98, 0.975, 1.02, 1.01, 0.99].map((ratio) => pair('same', ratio, 0.04))
    expect(judgeSelfCheck(noisy, MARGIN)).toMatchObject({ outcome: 'kept', floor: 0.01, same: { layoutSd: 0 } })
  })

  it('that does not find the 5 % asks for more time and leaves the floor', () => {
    const blind = [1.04, 1.06, 1.05].map((ratio) => pair('known', ratio, 0.08))
    const noisy = judgeSelfCheck([...equal(1, 1.001, 0.999), ...blind], MARGIN)
    expect(noisy).toMatchObject({ ok: false, outcome: 'kept', floor: 0.01, known: { found: 0, isSensitive: false } })
    expect(selfCheckText(noisy)).toMatchObject({ kind: 'bad', headline: 'Too noisy at this budget: measure longer.' })
  })

  it('whose intervals miss a known ratio says that ratios are not to be trusted, but not for one of three', () => {
    const off = judgeSelfCheck([...equal(1, 1.001, 0.999), ...known(1.09, 1.1, 1.05)], MARGIN)
    expect(off).toMatchObject({ ok: false, known: { found: 3, covers: 1, isCovered: false } })
    expect(selfCheckText(off).kind).toBe('bad')
    expect(judgeSelfCheck([...equal(1, 1.001, 0.999), ...known(1.09, 1.05, 1.05)], MARGIN).ok).toBe(true)
  })

  it('calls a device unfit beyond ± 25 %', () => {
    const unfit = judgeSelfCheck([...equal(1.2, 1, 1), ...right], MARGIN)
    expect(unfit).toMatchObject({ ok: false, outcome: 'unfit', margin: 0.25 })
    expect(selfCheckText(unfit)).toMatchObject({ kind: 'bad', headline: 'This device cannot compare speeds.' })
  })

  it('without a single interval shows nothing and says so', () => {
    const short: SelfCheckPair = { ...pair('same', 1.3, 0.1), ci95: null, verdict: 'undecided', standardError: null }
    const nothing = judgeSelfCheck([short], MARGIN)
    expect(nothing).toMatchObject({ ok: false, outcome: 'unknown', floor: 0.01, same: { falseClaimRate95: null } })
    expect(selfCheckText(nothing).kind).toBe('bad')
  })

  it('keeps a wider margin that was asked for', () => {
    expect(judgeSelfCheck(equal(1.026, 1, 1.003), 0.06)).toMatchObject({ outcome: 'kept', floor: 0.03, margin: 0.06 })
  })

  it('widens so far that no race it has seen could be claimed, and never narrows', () => {
    const races = fc.array(
      fc.tuple(fc.double({ min: 0.85, max: 1.17, noNaN: true }), fc.double({ min: 0.001, max: 0.1, noNaN: true })),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(races, (drawn) => {
        const pairs = drawn.map(([ratio, half]) => pair('same', ratio, half))
        const { floor, margin, outcome } = judgeSelfCheck(pairs, MARGIN)
        expect(floor).toBeGreaterThanOrEqual(MARGIN / 2)
        expect(margin).toBe(2 * floor)
        if (outcome === 'unfit') return
        for (const { ratio, ci95 } of pairs)
          if (ci95) expect(['same', 'undecided']).toContain(judgeRatio(ratio, ci95, margin))
      }),
    )
  })

  it('survives JSON', () => {
    const good = judgeSelfCheck([...equal(1.001, 0.998), ...right], MARGIN)
    expect(JSON.parse(JSON.stringify(good))).toEqual(good)
  })
})

describe('over a thousand devices', () => {
  /** Shares of devices, whose sessions differ by `layoutSd` and are measured with a standard error of 0.3 %. */
  function devices(layoutSd: number, seed: number) {
    const rng = seededRng(seed)
    const standardError = 0.003
    const draw = (): SelfCheckPair => {
      const log = layoutSd * rng.normal() + standardError * rng.normal()
      const [ratio, ...ci95] = [log, log - 2.4 * standardError, log + 2.4 * standardError].map(Math.exp)
      const [low = NaN, high = NaN] = ci95
      return { ...pair('same', ratio ?? NaN, 0), ci95: [low, high], standardError }
    }
    const isClaimed = ({ ratio, ci95 }: SelfCheckPair, margin: number): boolean =>
      ci95 !== null && ['faster', 'slower'].includes(judgeRatio(ratio, ci95, margin))
    const shares = { widened: 0, falseBefore: 0, falseAfter: 0 }
    for (let device = 0; device < 1000; device++) {
      const { outcome, margin } = judgeSelfCheck(
        Array.from({ length: 6 }, () => draw()),
        MARGIN,
      )
      const next = draw()
      shares.widened += Number(outcome !== 'kept') / 1000
      shares.falseBefore += Number(isClaimed(next, MARGIN)) / 1000
      shares.falseAfter += Number(isClaimed(next, margin)) / 1000
    }
    return shares
  }

  it('one without offsets is hardly ever called one that has them', () => {
    expect(devices(0, 1).widened).toBeLessThan(0.02)
    expect(devices(0.003, 2).widened).toBeLessThan(0.02)
  })

  it('offsets of 2 % make a third of the comparisons after it false, and at most one in twenty once the floor is widened', () => {
    const { widened, falseBefore, falseAfter } = devices(0.02, 3)
    expect(widened).toBeGreaterThan(0.95)
    expect(falseBefore).toBeGreaterThan(0.25)
    expect(falseAfter).toBeLessThan(0.05)
  })
})

describe('a self-check on a synthetic clock', () => {
  it('passes where equal sessions are equal, and reports after every race', async () => {
    const race = device(0, 0.03, 1)
    const plan = planSelfCheck(20)
    const seen: number[] = []
    const passed = await runSelfCheck({
      ...{ plan, margin: MARGIN, report: ({ pairs }) => seen.push(pairs.length) },
      race: (kind) => race(kind, plan[kind].seconds * 1000, MARGIN),
    })
    expect(passed).toMatchObject({
      ok: true,
      outcome: 'kept',
      same: { judged: 6, falseClaims: 0 },
      known: { found: 3 },
    })
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('with a constant offset of 3 % between sessions widens the floor, after which equal sessions are not told apart', async () => {
    const race = device(0.03, 0.03, 2)
    const { outcome, same, known, floor, margin } = await check(race, 20)
    expect(outcome).toBe('widened')
    expect(same.falseClaims).toBeGreaterThan(0)
    expect(same.layoutSd).toBeCloseTo(0.03, 2)
    expect(floor).toBeGreaterThanOrEqual(0.025)
    expect(floor).toBeLessThanOrEqual(0.045)
    expect(known.found).toBe(3)
    for (let again = 0; again < 20; again++) {
      const [fresh] = (await race('same', 5000, margin)).pairs
      expect(['same', 'undecided']).toContain(fresh?.verdict)
    }
  })

  it('with more races needs less allowance for the same offset', async () => {
    const floors = await Promise.all(
      [20, 60].map(async (seconds) => (await check(device(0.03, 0.03, 3), seconds)).floor),
    )
    expect(floors[1]).toBeLessThan(floors[0] ?? NaN)
  })

  it('on a noisy device asks for more time', async () => {
    const noisy = await check(device(0, 0.4, 4), 5)
    expect(noisy.known.isSensitive).toBe(false)
    expect(noisy.ok).toBe(false)
  })

  it('passes on to the caller what a race throws', async () => {
    const failing = runSelfCheck({
      plan: planSelfCheck(20),
      margin: MARGIN,
      race: () => Promise.reject(new Error('no')),
    })
    await expect(failing).rejects.toThrow('no')
  })
})
