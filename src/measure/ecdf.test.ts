import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import reference from '../../tests/conformance/statistics.json'
import { ecdf } from './ecdf'

describe('the ECDF', () => {
  it.each(reference.ecdf)('is SciPy’s, case %#', ({ values, quantiles, probabilities }) => {
    const points = ecdf(values)
    expect(points.map(({ value }) => value)).toEqual(quantiles)
    expect(points.map(({ fraction }) => fraction)).toEqual(probabilities.map((p) => expect.closeTo(p, 12)))
  })

  it('of nothing has no points', () => {
    expect(ecdf([])).toEqual([])
  })

  it('thinned keeps its ends, moves nothing, and is nowhere lower by more than a gap', () => {
    const values = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 30 }), (sample, maxPoints) => {
        const [all, few] = [ecdf(sample), ecdf(sample, maxPoints)]
        expect(few.length).toBeLessThanOrEqual(maxPoints)
        expect(few[0]).toEqual(all[0])
        expect(few.at(-1)).toEqual(all.at(-1))
        for (const point of few) expect(all).toContainEqual(point)
        if (all.length <= maxPoints) expect(few).toEqual(all)
        for (const { value, fraction } of all) {
          const shown = few.findLast((point) => point.value <= value)?.fraction ?? 0
          expect(fraction - shown).toBeLessThan(1 / (maxPoints - 1) + 1e-12)
        }
      }),
    )
  })
})
