import { describe, expect, it } from 'vitest'
import { encodeFloat16 } from '../core/numeric/float16'
import type { NamedValues, TensorValue } from '../core/pass/tensor-value'
import { checkEngine } from './engine-check'
import { measureFidelity } from './fidelity'

const float32 = (values: readonly number[], dims = [1, values.length]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
})
const scores = (...values: number[]): NamedValues => ({ scores: float32(values) })

describe('the engine check', () => {
  it('passes identical outputs and says that they are', () => {
    const check = checkEngine([scores(1, 2, 3)], [scores(1, 2, 3)])
    expect(check).toMatchObject({ ok: true, failing: null, samples: 1 })
    expect(check.outputs).toMatchObject([{ name: 'scores', isIdentical: true, sqnrDb: null, maxAbs: 0, worst: null }])
  })

  it('holds float32 to a thousandth of the largest value', () => {
    expect(checkEngine([scores(-10, 2)], [scores(-10, 2.009)]).ok).toBe(true)
    expect(checkEngine([scores(-10, 2)], [scores(-10, 2.011)])).toMatchObject({ ok: false, failing: 'scores' })
  })

  it('holds a float16 file to a hundredth, whatever its outputs are stored as', () => {
    expect(checkEngine([scores(10, 2)], [scores(10, 2.09)], { precision: 'float16' }).ok).toBe(true)
    expect(checkEngine([scores(10, 2)], [scores(10, 2.11)], { precision: 'float16' }).ok).toBe(false)
    const half = (...values: number[]): NamedValues => ({
      y: { dtype: 'float16', dims: [1, values.length], data: encodeFloat16(Float32Array.from(values)) },
    })
    expect(checkEngine([half(8, 2)], [half(8, 2.0625)]).ok).toBe(true)
    expect(checkEngine([half(8, 2)], [half(8, 2.125)]).ok).toBe(false)
  })

  it('holds 8-bit outputs to one step, given or taken from the range', () => {
    const bytes = (...values: number[]): NamedValues => ({
      y: { dtype: 'uint8', dims: [1, values.length], data: Uint8Array.from(values) },
    })
    expect(checkEngine([bytes(7, 200)], [bytes(8, 199)]).ok).toBe(true)
    expect(checkEngine([bytes(7, 200)], [bytes(9, 200)]).ok).toBe(false)
    const options = { precision: 'int8', outputSteps: { scores: 0.5 } } as const
    expect(checkEngine([scores(0, 10)], [scores(0.5, 10)], options).ok).toBe(true)
    expect(checkEngine([scores(0, 10)], [scores(0.6, 10)], options).ok).toBe(false)
    expect(checkEngine([scores(0, 255)], [scores(1, 255)], { precision: 'int8' }).ok).toBe(true)
    expect(checkEngine([scores(0, 255)], [scores(1.1, 255)], { precision: 'int8' }).ok).toBe(false)
    const deep = { precision: 'int8', roundings: 49 } as const
    expect(checkEngine([bytes(7, 200)], [bytes(14, 193)], deep).ok).toBe(true)
    expect(checkEngine([bytes(7, 200)], [bytes(15, 200)], deep).ok).toBe(false)
    expect(checkEngine([scores(0, 255)], [scores(7, 255)], deep).ok).toBe(true)
    expect(checkEngine([scores(0, 255)], [scores(7.1, 255)], deep).ok).toBe(false)
  })

  it('finds the step of a quantized output in its values, where they are all multiples of one', () => {
    const step = 0.0979
    const quantized = [-9, 0, 3, 4, 17, 40, 41, 90, 120].map((level) => Math.fround(level * step))
    const moved = (difference: number) => [
      scores(...quantized.map((value, i) => (i === 2 ? value + difference : value))),
    ]
    expect(checkEngine([scores(...quantized)], moved(step), { precision: 'int8' }).ok).toBe(true)
    expect(checkEngine([scores(...quantized)], moved(2 * step), { precision: 'int8' }).ok).toBe(false)
    // Rectified scores are few and trivially multiples of the smallest gap; their range decides.
    expect(checkEngine([scores(0, 0, 10)], [scores(0, 0, 9)], { precision: 'int8' }).ok).toBe(false)
  })

  it('takes differences below the floor for none, which tiny values want lower', () => {
    const [tiny, wrong] = [scores(0, 4e-7), scores(0, 8e-7)]
    expect(checkEngine([tiny], [wrong]).ok).toBe(true)
    expect(checkEngine([tiny], [wrong], { floor: 1e-9 }).ok).toBe(false)
  })

  it('allows no difference in integers, flags and strings', () => {
    const named = (value: TensorValue): NamedValues => ({ y: value })
    const whole = (value: bigint) => named({ dtype: 'int64', dims: [1], data: BigInt64Array.of(value) })
    const text = (value: string) => named({ dtype: 'string', dims: [1], data: [value] })
    for (const [one, other] of [
      [whole(5n), whole(6n)],
      [text('a'), text('b')],
    ] as const) {
      expect(checkEngine([one], [one]).ok).toBe(true)
      expect(checkEngine([one], [other]).ok).toBe(false)
    }
  })

  it.each([NaN, Infinity, -Infinity])('fails %s and names the element', (value) => {
    const check = checkEngine([scores(1, 2)], [scores(1, value)])
    expect(check.outputs).toMatchObject([
      {
        ok: false,
        reason: 'not-finite',
        maxAbs: null,
        worst: { sample: 0, position: [0, 1], candidate: String(value), reference: '2' },
      },
    ])
    // Also where the reference gives it, too: such a file has nothing that could be checked.
    expect(checkEngine([scores(1, value)], [scores(1, value)]).ok).toBe(false)
  })

  it('names the first failing output and its worst element over all samples', () => {
    const values = (first: number, second: number): NamedValues => ({
      good: float32([1]),
      bad: float32([0, 0, 0, first, 5, second], [1, 2, 3]),
    })
    const check = checkEngine([values(1, 1), values(1, 1)], [values(1.2, 1), values(1, 1.7)])
    expect(check.failing).toBe('bad')
    expect(check.outputs[1]?.worst).toMatchObject({ sample: 1, position: [0, 1, 2], reference: '1' })
    expect(check.outputs[1]?.maxAbs).toBeCloseTo(0.7, 6)
  })

  it('fails an output that is missing or has another shape', () => {
    expect(checkEngine([scores(1)], [{}]).outputs[0]?.reason).toBe('missing')
    expect(checkEngine([scores(1)], [scores(1, 2)]).outputs[0]?.reason).toBe('shape')
  })

  it('survives JSON even where values are not finite', () => {
    const check = checkEngine([scores(1, 2)], [scores(NaN, 2)])
    expect(JSON.parse(JSON.stringify(check))).toEqual(check)
  })

  it('is refused for runs that do not match', () => {
    expect(() => checkEngine([scores(1)], [])).toThrow(/1 runs and 0/)
    expect(() => checkEngine([], [])).toThrow(/0 runs/)
  })
})

describe('fidelity', () => {
  it('measures each output over all samples together', () => {
    const fidelity = measureFidelity([scores(3, 4), scores(0, 5)], [scores(3, 4), scores(0, 6)])
    // Noise 1, signal 9 + 16 + 25.
    expect(fidelity.outputs[0]).toMatchObject({
      name: 'scores',
      maxAbs: 1,
      rmse: 0.5,
      isIdentical: false,
      isFinite: true,
    })
    expect(fidelity.outputs[0]?.sqnrDb).toBeCloseTo(10 * Math.log10(50), 12)
    expect(fidelity.outputs[0]?.cosine).toBeCloseTo((25 + 30) / Math.sqrt(50 * 61), 12)
  })

  it('counts how often the largest score stays in its place', () => {
    const original = [scores(1, 2), scores(2, 1), scores(1, 2), scores(5, 4)]
    const fidelity = measureFidelity(original, [scores(0, 9), scores(1, 2), scores(1, 3), scores(9, 0)])
    expect(fidelity.topOneAgrees).toEqual([true, false, true, true])
    expect(fidelity.topOneAgreement).toBe(0.75)
  })

  it('has no such count where no output is a row of scores', () => {
    const map = (value: number): NamedValues => ({ map: float32([value, 1, 2, 3], [1, 1, 2, 2]) })
    expect(measureFidelity([map(1)], [map(2)])).toMatchObject({ topOneAgreement: null, topOneAgrees: [] })
  })

  it('marks outputs that are not finite and gives no numbers for them', () => {
    expect(measureFidelity([scores(1, 2)], [scores(NaN, 2)]).outputs).toEqual([
      { name: 'scores', maxAbs: null, rmse: null, cosine: null, sqnrDb: null, isIdentical: false, isFinite: false },
    ])
  })

  it('is infinite for identical outputs, which is a flag and not a number', () => {
    const [output] = measureFidelity([scores(1, 2)], [scores(1, 2)]).outputs
    expect(output).toMatchObject({ isIdentical: true, sqnrDb: null, cosine: 1, rmse: 0 })
  })
})
