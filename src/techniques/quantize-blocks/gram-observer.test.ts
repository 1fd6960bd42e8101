// Gram matrices that the model computes about itself, against the activations multiplied out in float64.

import { expect, test } from 'vitest'

import type { Model } from '../../core/model/model'
import { seededRng } from '../../core/numeric/rng'
import type { CalibrationData } from '../../core/pass/pass-context'
import type { NamedValues } from '../../core/pass/tensor-value'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { channelEnergies, gramMatrices } from './gram-observer'

const K = 6

/** y = relu(x · W); samples differ in length. */
const model = (opset: number): Model =>
  buildModel({
    opset,
    inputs: { x: ['float32', [1, 'length', K]] },
    outputs: { y: ['float32', [1, 'length', 2]] },
    initializers: {
      w: tensor(
        'float32',
        [K, 2],
        Array.from({ length: 2 * K }, (_, i) => i),
      ),
    },
    nodes: [node('Relu', ['x'], ['a']), node('MatMul', ['a', 'w'], ['y'])],
  })

function randomData(sizes: readonly number[], poison = 0): CalibrationData {
  const rng = seededRng(1)
  const samples = sizes.map((rows): NamedValues => {
    const data = Float32Array.from({ length: rows * K }, () => rng.normal() + poison)
    return { x: { dtype: 'float32', dims: [1, rows, K], data } }
  })
  return { source: 'random', size: samples.length, sample: (index) => Promise.resolve(samples[index] ?? {}) }
}

async function expectedGram(data: CalibrationData, indices: readonly number[]): Promise<Float64Array> {
  const gram = new Float64Array(K * K)
  for (const index of indices) {
    const x = (await data.sample(index)).x?.data ?? []
    for (let row = 0; row < x.length; row += K) {
      const a = Array.from({ length: K }, (_, i) => Math.max(0, Number(x[row + i])))
      for (let i = 0; i < K; i++)
        for (let j = 0; j < K; j++) gram[i * K + j] = (gram[i * K + j] ?? 0) + (a[i] ?? 0) * (a[j] ?? 0)
    }
  }
  return gram
}

async function all<T>(groups: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const group of groups) list.push(group)
  return list
}

const watched = { value: 'a', k: K }

test.each([13, 18])('sums over all rows of the samples used, at opset %i', async (opset) => {
  const data = randomData([3, 1, 7, 2])
  const gram = await expectedGram(data, [0, 2])
  const context = testContext()
  const groups = await all(gramMatrices(model(opset), [watched], { data, count: 2 }, context))
  const energies = await channelEnergies(model(opset), [watched], { data, count: 2 }, context)
  const got = groups[0]?.get('a') ?? []
  for (const [i, value] of gram.entries()) expect(got[i]).toBeCloseTo(value, 4)
  for (let i = 0; i < K; i++) expect(energies.get('a')?.[i]).toBeCloseTo(gram[i * (K + 1)] ?? NaN, 4)
})

test('matrices that do not fit together come one after another, each from all samples, and progress rises through all of them', async () => {
  const wide = 2048
  const data: CalibrationData = {
    ...{ source: 'ones', size: 2 },
    sample: () => Promise.resolve({ x: { dtype: 'float32', dims: [1, wide], data: new Float32Array(wide).fill(1) } }),
  }
  const shape = ['float32', [1, wide]] as const
  const chain = buildModel({
    ...{ inputs: { x: shape }, outputs: { c: shape } },
    nodes: [node('Relu', ['x'], ['a']), node('Add', ['a', 'x'], ['b']), node('Relu', ['b'], ['c'])],
  })
  const fractions: number[] = []
  const context = testContext({ progress: (fraction) => fractions.push(fraction) })
  const values = ['a', 'b', 'c'].map((value) => ({ value, k: wide }))
  const groups = await all(gramMatrices(chain, values, { data, count: 2 }, context))
  // 2048² · 8 bytes are 32 MB: two fit.
  expect(groups.map((group) => [...group.keys()])).toEqual([['a', 'b'], ['c']])
  expect([groups[0]?.get('a')?.at(-1), groups[0]?.get('b')?.at(-1), groups[1]?.get('c')?.at(0)]).toEqual([2, 8, 8])
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
  expect(fractions.at(-1)).toBe(1)
})

test('values that are not finite are refused with the name of the tensor', async () => {
  const data = randomData([2], Infinity)
  await expect(gramMatrices(model(13), [watched], { data, count: 1 }, testContext()).next()).rejects.toMatchObject({
    code: 'data/invalid',
    details: { tensor: 'a' },
  })
})
