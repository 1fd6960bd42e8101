// Conformance C38, as far as Lathe has no technique for it yet: clustering, sparsity, low rank and coupled channels, from formulas written
// down here (quantization.md 10.4 to 10.7) with the numbers of 10.11. Equalization is a technique: src/techniques/equalize-layers.

import { describe, expect, test } from 'vitest'

import { inferShapes } from '../../src/core/model/infer-shapes'
import type { Model } from '../../src/core/model/model'
import { seededRng } from '../../src/core/numeric/rng'
import { buildModel, node, tensor } from '../fixtures/build-model'
import { floats, numbersOf, runModel } from '../fixtures/run-model'
import { channelGroup, withoutSlices } from './channel-groups'

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
const close = (actual: readonly number[], expected: readonly number[]): void =>
  expected.forEach((value, at) => expect(actual[at]).toBeCloseTo(value, 5))

/** Lloyd's algorithm from evenly spread centres; a tie goes to the lower one, an empty cluster stays. */
function cluster(weights: readonly number[], count: number): { centres: number[]; codes: number[] } {
  const [low, high] = [Math.min(...weights), Math.max(...weights)]
  let centres = Array.from({ length: count }, (_, at) => low + (at * (high - low)) / (count - 1))
  let codes: number[] = []
  for (let round = 0; round < 300; round++) {
    const next = weights.map((weight) => {
      const distances = centres.map((centre) => Math.abs(weight - centre))
      return distances.indexOf(Math.min(...distances))
    })
    if (String(next) === String(codes)) break
    codes = next
    centres = centres.map((centre, at) => {
      const members = weights.filter((_, i) => codes[i] === at)
      return members.length > 0 ? sum(members) / members.length : centre
    })
  }
  return { centres, codes }
}

/** Of layer-adaptive magnitude pruning: the square of a weight as a share of those that are not smaller. */
const lamp = (weights: readonly number[]): number[] =>
  weights.map(
    (weight) => weight ** 2 / sum(weights.filter((other) => other ** 2 >= weight ** 2).map((other) => other ** 2)),
  )

/** Of every `m` weights the `n` largest stay, of equal ones the first. */
const keepLargest = (weights: readonly number[], n: number, m: number): number[] =>
  weights.map((weight, at) => {
    const group = weights.slice(at - (at % m), at - (at % m) + m)
    const order = [...group.keys()].sort((a, b) => Math.abs(group[b] ?? 0) - Math.abs(group[a] ?? 0) || a - b)
    return order.slice(0, n).includes(at % m) ? weight : 0
  })

/** Distance of each filter to all others: the smallest is nearest to their geometric median. */
const medianDistance = (filters: readonly (readonly number[])[]): number[] =>
  filters.map((one) => sum(filters.map((other) => Math.hypot(...one.map((value, at) => value - (other[at] ?? NaN))))))

/** Singular values, largest first: one-sided Jacobi rotations until all columns are orthogonal. */
function singularValues(matrix: readonly (readonly number[])[]): number[] {
  const columns = (matrix[0] ?? []).map((_, at) => matrix.map((row) => row[at] ?? 0))
  const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((value, at) => value * (b[at] ?? 0)))
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < columns.length; p++)
      for (let q = p + 1; q < columns.length; q++) {
        const [a, b] = [columns[p] ?? [], columns[q] ?? []]
        const angle = Math.atan2(2 * dot(a, b), dot(a, a) - dot(b, b)) / 2
        const [c, s] = [Math.cos(angle), Math.sin(angle)]
        columns[p] = a.map((value, at) => c * value + s * (b[at] ?? 0))
        columns[q] = a.map((value, at) => c * (b[at] ?? 0) - s * value)
      }
  return columns.map((column) => Math.hypot(...column)).sort((a, b) => b - a)
}

describe('numbers of 10.11', () => {
  test('clustering', () => {
    const { centres, codes } = cluster([-1, -0.9, -0.1, 0, 0.1, 0.8, 1, 1.1], 4)
    close(centres, [-0.95, -0.05, 0.1, 0.966667])
    expect(codes).toEqual([0, 0, 1, 1, 2, 3, 3, 3])
  })

  test('LAMP scores, 2:4 sparsity, distances and norms of filters', () => {
    close(lamp([1, 2, 3, 4]), [0.0333333, 0.137931, 0.36, 1])
    expect(keepLargest([0.1, -0.5, 0.3, 0.2, -0.9, 0.05, 0.8, -0.7], 2, 4)).toEqual([0, -0.5, 0.3, 0, -0.9, 0, 0.8, 0])
    const filters = [[1, 0], [1, 0.1], [0, 2], [-1, 0]] // prettier-ignore
    close(medianDistance(filters), [4.336068, 4.249589, 6.619226, 6.238567])
    close(
      filters.map((filter) => sum(filter.map(Math.abs))),
      [1, 1.1, 2, 1],
    )
    close(
      filters.map((filter) => sum(filter.map((value) => value ** 2))),
      [1, 1.01, 4, 1],
    )
  })

  test('low rank: the error is what the dropped singular values hold, and pays off below mn ÷ (m + n)', () => {
    const error = (values: readonly number[], rank: number): number => Math.hypot(...values.slice(rank))
    const diagonal = singularValues([[3, 0, 0], [0, 2, 0], [0, 0, 0.1]]) // prettier-ignore
    close([error(diagonal, 2)], [0.1])
    const rng = seededRng(1)
    const matrix = Array.from({ length: 6 }, () => Array.from({ length: 4 }, () => rng.normal()))
    close([error(singularValues(matrix), 0)], [Math.hypot(...matrix.flat())])
    const pays = (rank: number): boolean => rank * (1024 + 1024) < 1024 * 1024
    expect([pays(511), pays(512)]).toEqual([true, false])
  })
})

const random = (dims: readonly number[], seed: number) => {
  const rng = seededRng(seed)
  return tensor(
    'float32',
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal()),
  )
}
const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }
const pooled = { kernel_shape: [2, 2], strides: [2, 2] }
const listed = (slices: ReturnType<typeof channelGroup>) =>
  Object.fromEntries([...slices].map(([name, axes]) => [name, [...axes].map(([axis, gone]) => [axis, [...gone]])]))

/** Conv (3 channels) → BatchNormalization → Relu → MaxPool → [n, 3, 2, 2] → Flatten → Gemm. `beta`, `gamma` of channel 1 may be 0. */
const chain = (scaleOfChannel1: number): Model => {
  const masked = (name: number) => tensor('float32', [3], [0.7 + name, scaleOfChannel1 * (1.3 - name), 0.4])
  return buildModel({
    inputs: { x: ['float32', [2, 2, 4, 4]] },
    outputs: { y: ['float32', [2, 5]] },
    initializers: {
      ...{ w: random([3, 2, 3, 3], 1), b: random([3], 2), gamma: masked(0), beta: masked(0.2), mean: random([3], 3) },
      ...{ variance: tensor('float32', [3], [1, 2, 0.5]), v: random([5, 12], 4), c: random([5], 5) },
    },
    nodes: [
      node('Conv', ['x', 'w', 'b'], ['h'], padded),
      node('BatchNormalization', ['h', 'gamma', 'beta', 'mean', 'variance'], ['n']),
      node('Relu', ['n'], ['r']),
      node('MaxPool', ['r'], ['p'], pooled),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'v', 'c'], ['y'], { transB: 1 }),
    ],
  })
}

describe('channels that depend on each other (DepGraph)', () => {
  test('a channel before Flatten takes its bias, four entries of the normalization and four columns with it', () => {
    const bn = Object.fromEntries(['gamma', 'beta', 'mean', 'variance'].map((name) => [name, [[0, [1]]]]))
    const expected = { w: [[0, [1]]], b: [[0, [1]]], ...bn, v: [[1, [4, 5, 6, 7]]] }
    expect(listed(channelGroup(chain(1), 'h', [1]))).toEqual(expected)
  })

  test('without a channel that adds nothing the model passes shape inference and answers the same', async () => {
    const x = floats(
      [2, 2, 4, 4],
      Array.from({ length: 64 }, (_, at) => Math.sin(at)),
    )
    const answers = async (model: Model): Promise<number[]> => numbersOf(await runModel(model, { x }, 'disabled'), 'y')
    const pruned = (model: Model): Model => withoutSlices(model, channelGroup(model, 'h', [1]))
    const types = inferShapes(pruned(chain(0)))
    expect(types.conflicts).toEqual([])
    expect(types.type('f')).toMatchObject({ shape: [2, 8] })
    const [masked, without] = [await answers(chain(0)), await answers(pruned(chain(0)))]
    without.forEach((value, at) => expect(value).toBeCloseTo(masked[at] ?? NaN, 5))
    // A channel that does add something is missed.
    const [whole, less] = [await answers(chain(1)), await answers(pruned(chain(1)))]
    expect(Math.max(...whole.map((value, at) => Math.abs(value - (less[at] ?? NaN))))).toBeGreaterThan(0.01)
  })

  test('a sum of two convolutions takes the channel from both and from every reader', () => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 2, 4, 4]] },
      outputs: { y: ['float32', [1, 3, 4, 4]], z: ['float32', [1, 3, 4, 4]] },
      initializers: {
        ...{ a: random([4, 2, 3, 3], 6), b: random([4, 2, 3, 3], 7) },
        ...{ c: random([3, 4, 3, 3], 8), d: random([3, 4, 3, 3], 9) },
      },
      nodes: [
        ...[node('Conv', ['x', 'a'], ['p'], padded), node('Conv', ['x', 'b'], ['q'], padded)],
        node('Add', ['p', 'q'], ['s']),
        ...[node('Conv', ['s', 'c'], ['y'], padded), node('Conv', ['s', 'd'], ['z'], padded)],
      ],
    })
    const gone = { a: [[0, [2]]], b: [[0, [2]]], c: [[1, [2]]], d: [[1, [2]]] }
    for (const start of ['p', 'q', 's']) expect(listed(channelGroup(model, start, [2]))).toEqual(gone)
    expect(() => channelGroup(model, 'y', [0])).toThrow(/interface/)
  })

  test('behind Concat a channel stands further on', () => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 2, 4, 4]] },
      outputs: { y: ['float32', [1, 3, 4, 4]] },
      initializers: { a: random([4, 2, 3, 3], 10), b: random([6, 2, 3, 3], 11), c: random([3, 10, 3, 3], 12) },
      nodes: [
        ...[node('Conv', ['x', 'a'], ['p'], padded), node('Conv', ['x', 'b'], ['q'], padded)],
        node('Concat', ['p', 'q'], ['k'], { axis: 1 }),
        node('Conv', ['k', 'c'], ['y'], padded),
      ],
    })
    expect(listed(channelGroup(model, 'q', [2]))).toEqual({ b: [[0, [2]]], c: [[1, [6]]] })
  })
})
