import { describe, expect, it } from 'vitest'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../model/tensor'
import { quantizeWeight, type WeightFormat } from './quantize-weight'

const NAMES = { quantized: 'w_quantized', scale: 'w_scale', zeroPoint: 'w_zero_point' }
const weight = (dims: readonly number[], values: readonly number[]): Tensor =>
  makeTensor('w', 'float32', dims, Float32Array.from(values))
const floats = (tensor: Tensor | undefined): number[] => (tensor ? [...viewAs(tensorBytes(tensor), Float32Array)] : [])
const bytes = (tensor: Tensor | undefined): number[] => (tensor ? [...tensorBytes(tensor)] : [])

/** Conformance test C9. */
const W = weight([4, 2], [1, -2, 3, 4, -5, 6, 0.5, 0])

describe('quantizeWeight', () => {
  it('gives blocks along axis 0 the scales, zero points and integers of the reference: int8, symmetric, two rows', () => {
    const format: WeightFormat = { dtype: 'int8', axis: 0, blockSize: 2, isSymmetric: true }
    const result = quantizeWeight(W, format, NAMES)
    const scales = [6 / 254, 8 / 254, 10 / 254, 12 / 254].map(Math.fround)
    expect(result?.scale).toMatchObject({ name: 'w_scale', dtype: 'float32', dims: [2, 2] })
    expect(floats(result?.scale)).toEqual(scales)
    expect(result?.zeroPoint).toMatchObject({ name: 'w_zero_point', dtype: 'int8', dims: [2, 2] })
    expect(bytes(result?.zeroPoint)).toEqual([0, 0, 0, 0])
    expect(result?.quantized).toMatchObject({ name: 'w_quantized', dtype: 'int8', dims: [4, 2] })
    expect(bytes(result?.quantized)).toEqual([42, 192, 127, 127, 129, 127, 13, 0])
  })

  it('packs 4-bit integers and zero points, with a shorter last block: uint4, asymmetric, three rows', () => {
    const format: WeightFormat = { dtype: 'uint4', axis: 0, blockSize: 3, isSymmetric: false }
    const result = quantizeWeight(W, format, NAMES)
    expect(result?.scale.dims).toEqual([2, 2])
    expect(floats(result?.scale)).toEqual([8 / 15, 8 / 15, 0.5 / 15, 1].map(Math.fround))
    expect(result?.zeroPoint).toMatchObject({ dtype: 'uint4', dims: [2, 2] })
    expect(bytes(result?.zeroPoint)).toEqual([0x49, 0x00])
    expect(result?.quantized).toMatchObject({ dtype: 'uint4', dims: [4, 2] })
    expect(bytes(result?.quantized)).toEqual([11, 191, 240, 15])
  })

  it('gives one scale as a scalar and one per channel as a vector, along a negative axis too', () => {
    const scalar = quantizeWeight(W, { dtype: 'int8', isSymmetric: true }, NAMES)
    expect([scalar?.scale.dims, scalar?.zeroPoint.dims]).toEqual([[], []])
    const vector = quantizeWeight(W, { dtype: 'int16', axis: -1, isSymmetric: true }, NAMES)
    expect(vector?.scale.dims).toEqual([2])
    expect(floats(vector?.scale)).toEqual([5 / 32767, 6 / 32767].map(Math.fround))
    expect(vector?.zeroPoint).toMatchObject({ dtype: 'int16', dims: [2] })
  })

  it('takes given scales and zero points as they are, and saturates what they cannot say', () => {
    const params = { scales: Float32Array.of(0.5, 1), zeroPoints: Int32Array.of(1, 2) }
    const result = quantizeWeight(W, { dtype: 'uint8', axis: 1, isSymmetric: false, params }, NAMES)
    expect(floats(result?.scale)).toEqual([0.5, 1])
    expect(bytes(result?.zeroPoint)).toEqual([1, 2])
    expect(bytes(result?.quantized)).toEqual([3, 0, 7, 6, 0, 8, 2, 2])
  })

  it.each<[string, Tensor, WeightFormat, string]>([
    ['blocks without an axis', W, { dtype: 'int8', blockSize: 2, isSymmetric: true }, 'model/unsupported'],
    [
      'blocks of a vector',
      weight([4], [1, 2, 3, 4]),
      { dtype: 'int8', axis: 0, blockSize: 2, isSymmetric: true },
      'model/unsupported',
    ],
    [
      'too few given scales',
      W,
      {
        dtype: 'int8',
        axis: 0,
        isSymmetric: true,
        params: { scales: Float32Array.of(1), zeroPoints: Int32Array.of(0) },
      },
      'data/invalid',
    ],
    ['a range beyond float32', weight([2], [3e38, -3e38]), { dtype: 'int8', isSymmetric: false }, 'data/invalid'],
  ])('refuses %s', (_what, tensor, format, code) => {
    expect(() => quantizeWeight(tensor, format, NAMES)).toThrowError(expect.objectContaining({ code }))
  })

  it('gives nothing for a weight that is not finite, also with given scales', () => {
    const broken = weight([2, 2], [1, 2, NaN, 4])
    expect(quantizeWeight(broken, { dtype: 'int8', axis: 0, isSymmetric: true }, NAMES)).toBeUndefined()
    const params = { scales: Float32Array.of(1), zeroPoints: Int32Array.of(0) }
    expect(quantizeWeight(broken, { dtype: 'int8', isSymmetric: true, params }, NAMES)).toBeUndefined()
  })

  it('gives an empty weight scale 1 and zero point 0', () => {
    const empty = quantizeWeight(weight([0, 3], []), { dtype: 'uint8', isSymmetric: true }, NAMES)
    expect(floats(empty?.scale)).toEqual([1])
    expect(bytes(empty?.zeroPoint)).toEqual([0])
    const perChannel = quantizeWeight(weight([0, 3], []), { dtype: 'uint4', axis: 1, isSymmetric: false }, NAMES)
    expect(floats(perChannel?.scale)).toEqual([1, 1, 1])
    expect(bytes(perChannel?.zeroPoint)).toEqual([0, 0])
    expect(
      quantizeWeight(weight([0, 3], []), { dtype: 'int8', axis: 0, isSymmetric: true }, NAMES)?.scale.dims,
    ).toEqual([0])
  })
})
