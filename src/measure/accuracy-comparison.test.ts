import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { seededRng } from '../core/numeric/rng'
import { accuracyLooks, comparePaired, correctAnswers } from './accuracy-comparison'
import { tangoInterval } from './tango-interval'

describe('the accuracy comparison', () => {
  it.each(reference.tango)('has Tango’s interval for $onlyA and $onlyB of $n', ({ onlyA, onlyB, n, z, interval }) => {
    expect(tangoInterval({ onlyA, onlyB, n }, z)).toEqual(interval.map((end) => expect.closeTo(end, 9)))
  })

  it('is ± 0.38 points wide when none of 1,000 answers changed', () => {
    const same = Array.from({ length: 1000 }, (_, index) => index % 10 > 0)
    const { a, b, difference, ci95 } = comparePaired(same, same)
    expect([a, b, difference]).toEqual([0.9, 0.9, 0])
    expect(ci95[0]).toBeCloseTo(-0.0038, 4)
    expect(ci95[1]).toBeCloseTo(0.0038, 4)
  })

  it('mirrors when both are exchanged, and stays within −1 and 1', () => {
    const answers = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(answers, (pairs) => {
        const [a, b] = [pairs.map(([one]) => one), pairs.map(([, other]) => other)]
        const [forth, back] = [comparePaired(a, b), comparePaired(b, a)]
        expect(forth.ci95).toEqual([expect.closeTo(-back.ci95[1], 9), expect.closeTo(-back.ci95[0], 9)])
        expect(forth.ci95[0]).toBeGreaterThanOrEqual(-1)
        expect(forth.ci95[1]).toBeLessThanOrEqual(1)
        expect(forth.ci95[0]).toBeLessThanOrEqual(forth.difference)
        expect(forth.ci95[1]).toBeGreaterThanOrEqual(forth.difference)
      }),
    )
  })

  it('is refused for lists of different length', () => {
    expect(() => comparePaired([true], [])).toThrow(/same examples/)
    expect(() => correctAnswers([1], [1, 2])).toThrow(/2 labels/)
  })

  it('is looked at in stages that end with the whole set, the strictest first', () => {
    expect(accuracyLooks(10_000).map(({ n }) => n)).toEqual([500, 1250, 3000, 10_000])
    expect(accuracyLooks(2000).map(({ n, isLast }) => [n, isLast])).toEqual([
      [500, false],
      [1250, false],
      [2000, true],
    ])
    expect(accuracyLooks(300)).toMatchObject([{ n: 300, isLast: true }])
    expect(accuracyLooks(300)[0]?.z).toBeCloseTo(1.96, 2)
    const z = accuracyLooks(10_000).map((look) => look.z)
    expect(z).toEqual([...z].sort((a, b) => b - a))
  })

  it('with its stages errs in at most 5 % of comparisons of equals', () => {
    const rng = seededRng(9)
    const looks = accuracyLooks(3000)
    let misses = 0
    for (let run = 0; run < 1000; run++) {
      let [onlyA, onlyB, seen] = [0, 0, 0]
      let isMiss = false
      for (const { n, z } of looks) {
        for (; seen < n; seen++) {
          const draw = rng.next()
          if (draw < 0.02) onlyA++
          else if (draw < 0.04) onlyB++
        }
        const [low, high] = tangoInterval({ onlyA, onlyB, n }, z)
        isMiss ||= low > 0 || high < 0
      }
      misses += Number(isMiss)
    }
    // Three standard errors of a rate of 5 % in 1,000.
    expect(misses / 1000).toBeLessThan(0.05 + 0.021)
    expect(misses).toBeGreaterThan(20)
  })
})
