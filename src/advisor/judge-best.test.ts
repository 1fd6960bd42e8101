// The judge on made-up races: every rule where it must act and where it must not.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { bestHeadline, lossSentence } from './best-text'
import { GOALS } from './goals'
import { judgeBest, type BestEntry } from './judge-best'

type Verdict = NonNullable<BestEntry['latency']>['verdict']
const timed = (verdict: Verdict, ratio: number, half = 0.01): Pick<BestEntry, 'latency'> => ({
  latency: { verdict, ratio, ci95: [ratio - half, ratio + half] },
})
const outputs = (sqnrDb: number | null, isIdentical = false): Pick<BestEntry, 'fidelity'> => ({
  fidelity: {
    outputs: [{ name: 'y', maxAbs: 0, rmse: 0, cosine: 1, sqnrDb, isIdentical, isFinite: true }],
  },
})
/** Right, exact, a quarter of the size, faster. */
const entry = (name: string, rest: Partial<BestEntry> = {}): BestEntry => ({
  ...{ name, label: name, sizeRatio: 0.25, check: { ok: true, failing: null } },
  ...outputs(40),
  ...timed('faster', 0.5),
  ...rest,
})
const reasons = (verdict: ReturnType<typeof judgeBest>) =>
  Object.fromEntries(verdict.standings.map(({ name, reason }) => [name, reason?.kind ?? null]))

describe('whose answers hold', () => {
  const fate = (rest: Partial<BestEntry>) => reasons(judgeBest('speed', [entry('a', rest)]))['a']

  it('lets nothing win that failed or gives wrong answers here', () => {
    expect(fate({ failure: 'no memory', sizeRatio: null })).toBe('failed')
    expect(fate({ check: { ok: false, failing: 'y' } })).toBe('wrong-answers')
    expect(fate({})).toBeNull()
  })

  it('asks labelled data that at most a point is lost', () => {
    const with95 = (difference: number, low: number, high: number) =>
      fate({ accuracy: { difference, ci95: [low, high] } })
    expect(with95(-0.004, -0.009, -0.001)).toBeNull()
    expect(with95(-0.008, -0.02, 0.004)).toBeNull()
    expect(with95(-0.008, -0.014, -0.002)).toBe('less-accurate')
    expect(with95(-0.012, -0.03, 0.006)).toBe('less-accurate')
    // Labels decide, however far the outputs are.
    expect(fate({ accuracy: { difference: 0, ci95: [-0.002, 0.002] }, ...outputs(5) })).toBeNull()
  })

  it('asks unlabelled data that nine classes in ten stay, and outputs where there are few samples', () => {
    expect(fate({ agreement: { agreement: 0.9, n: 100 } })).toBeNull()
    expect(fate({ agreement: { agreement: 0.89, n: 100 } })).toBe('other-classes')
    expect(fate({ agreement: { agreement: 0.5, n: 10 } })).toBeNull()
    expect(fate(outputs(20))).toBeNull()
    expect(fate(outputs(19.9))).toBe('inexact')
    expect(fate(outputs(null))).toBe('inexact')
    expect(fate(outputs(null, true))).toBeNull()
    expect(fate({ fidelity: undefined })).toBe('inexact')
  })
})

describe('speed', () => {
  it('goes to the smallest ratio, and those that may be claimed to be behind lose', () => {
    const verdict = judgeBest('speed', [entry('slow', timed('faster', 0.8)), entry('fast', timed('faster', 0.4))])
    expect(verdict.winner).toBe('fast')
    expect(verdict.runnersUp).toEqual([])
    expect(reasons(verdict)).toEqual({ slow: 'behind', fast: null })
  })

  it('is shared where intervals overlap; then the smaller file wins', () => {
    const large = entry('large', { ...timed('faster', 0.5, 0.03), sizeRatio: 0.5 })
    const small = entry('small', timed('faster', 0.52, 0.03))
    const verdict = judgeBest('speed', [large, small])
    expect(verdict.winner).toBe('small')
    expect(verdict.runnersUp).toEqual(['large'])
    expect(reasons(verdict)).toEqual({ large: 'as-fast-larger', small: null })
  })

  it('goes to the faster of two that share it where their sizes are about the same', () => {
    const verdict = judgeBest('speed', [
      entry('fast', { ...timed('faster', 0.5, 0.03), sizeRatio: 0.29 }),
      entry('smaller by a hair', { ...timed('faster', 0.52, 0.03), sizeRatio: 0.26 }),
    ])
    expect(verdict.winner).toBe('fast')
    expect(reasons(verdict)).toEqual({ fast: null, 'smaller by a hair': 'as-fast' })
  })

  it('keeps the original where nothing is claimed to be faster, and tells what is as fast and smaller', () => {
    const entries = [
      entry('same', timed('same', 1)),
      entry('smaller', { ...timed('same', 1.005), sizeRatio: 0.2 }),
      entry('not smaller', { ...timed('same', 1), sizeRatio: 1 }),
      entry('undecided', timed('undecided', 0.9)),
      entry('slower', timed('slower', 1.4)),
      entry('untimed', { latency: undefined }),
    ]
    const verdict = judgeBest('speed', entries)
    expect(verdict.winner).toBeNull()
    expect(verdict.runnersUp).toEqual(['smaller', 'same'])
    expect(reasons(verdict)).toMatchObject({ undecided: 'undecided', slower: 'slower', untimed: 'not-timed' })
    expect(bestHeadline(verdict, entries)).toBe(
      'Keep the original for now: one candidate is undecided in this time, measure longer. At the same speed, smaller is 20 % of the size.',
    )
    const [same] = entries
    const decided = same ? [same] : []
    expect(bestHeadline(judgeBest('speed', decided), decided)).toMatch(
      /^Keep the original: nothing raced here is faster/,
    )
  })

  it('does not go to the fastest when its answers do not hold', () => {
    const wrong = entry('wrong', { ...timed('faster', 0.1), check: { ok: false, failing: 'y' } })
    expect(judgeBest('speed', [wrong, entry('right')]).winner).toBe('right')
  })
})

describe('size', () => {
  it('goes to the smallest file that is not slower', () => {
    const tiny = entry('tiny', { sizeRatio: 0.1, ...timed('slower', 1.3) })
    const small = entry('small', { sizeRatio: 0.2, ...timed('same', 1) })
    const verdict = judgeBest('size', [tiny, entry('fast'), small])
    expect(verdict.winner).toBe('small')
    expect(reasons(verdict)).toEqual({ tiny: 'slower', fast: 'larger', small: null })
  })

  it('takes an undecided speed for one that is not slower only near 1, and none where nothing was timed', () => {
    const undecided = (ratio: number) => judgeBest('size', [entry('a', timed('undecided', ratio, 0.4))]).winner
    expect(undecided(1.04)).toBe('a')
    expect(undecided(1.06)).toBeNull()
    expect(judgeBest('size', [entry('a', { latency: undefined })]).winner).toBe('a')
  })

  it('keeps the original where nothing is smaller', () => {
    const verdict = judgeBest('size', [entry('a', { sizeRatio: 1 })])
    expect(verdict.winner).toBeNull()
    expect(reasons(verdict)).toEqual({ a: 'not-smaller' })
  })
})

describe('exact', () => {
  it('goes to the best SQNR among files up to 0.55 of the size', () => {
    const half = entry('half', { sizeRatio: 0.55, ...outputs(70) })
    const large = entry('large', { sizeRatio: 0.56, ...outputs(90) })
    const verdict = judgeBest('exact', [entry('quarter'), half, large])
    expect(verdict.winner).toBe('half')
    expect(reasons(verdict)).toEqual({ quarter: 'less-exact', half: null, large: 'not-smaller' })
  })

  it('puts identical answers above all, then the smaller file', () => {
    const identical = (name: string, sizeRatio: number) => entry(name, { sizeRatio, ...outputs(null, true) })
    expect(
      judgeBest('exact', [entry('near', outputs(150)), identical('half', 0.5), identical('less', 0.4)]).winner,
    ).toBe('less')
  })
})

it('never chooses what is slower than the original, and gives everyone else a reason that can be said', () => {
  const entries = fc.array(
    fc.record({
      sizeRatio: fc.double({ min: 0.05, max: 1.5, noNaN: true }),
      ratio: fc.double({ min: 0.2, max: 4, noNaN: true }),
      verdict: fc.constantFrom<Verdict>('faster', 'slower', 'same', 'undecided'),
      isRight: fc.boolean(),
      sqnrDb: fc.double({ min: 0, max: 100, noNaN: true }),
    }),
    { maxLength: 4 },
  )
  fc.assert(
    fc.property(fc.constantFrom(...GOALS), entries, (goal, drawn) => {
      const all = drawn.map(({ sizeRatio, ratio, verdict, isRight, sqnrDb }, index) =>
        entry(`v${index}`, {
          ...{ sizeRatio, check: { ok: isRight, failing: isRight ? null : 'y' } },
          ...outputs(sqnrDb),
          ...timed(verdict, ratio),
        }),
      )
      const { winner, standings } = judgeBest(goal, all)
      const won = all.find(({ name }) => name === winner)
      expect(won?.latency?.verdict).not.toBe('slower')
      if (goal === 'speed' && won) expect(won.latency?.verdict).toBe('faster')
      if (won) expect(won.check?.ok).toBe(true)
      for (const { name, reason } of standings) {
        expect(reason === null).toBe(name === winner)
        if (reason) expect(lossSentence(reason, (other) => other)).toMatch(/^[A-Z].*\.$/)
      }
    }),
  )
})
