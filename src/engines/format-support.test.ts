import { describe, expect, test } from 'vitest'

import { buildGraph, buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { floats, runModel } from '../../tests/fixtures/run-model'
import type { AdapterFacts } from './engine'
import { expectNoKnownFault, knownFaults } from './format-support'

const adapter: AdapterFacts = {
  ...{ vendor: 'google', architecture: '', isSoftware: false },
  ...{ hasFloat16: true, hasSubgroups: true, hasTimestamps: false },
  limits: { maxBufferSize: 0, maxStorageBufferBindingSize: 0, maxComputeWorkgroupStorageSize: 0 },
}
const wasm = { id: 'ort-wasm' } as const
const gpu = (facts: Partial<AdapterFacts> = {}) => ({ id: 'ort-webgpu', adapter: { ...adapter, ...facts } }) as const

const nBits = (attributes: Readonly<Record<string, number>>, zeros: 'uint8' | 'float32' = 'uint8') =>
  buildModel({
    inputs: { x: ['float32', [1, 128]] },
    outputs: { y: ['float32', [1, 16]] },
    domains: { 'com.microsoft': 1 },
    initializers: {
      b: tensor('uint8', [16, 4, 32], new Array<number>(2048).fill(3)),
      s: tensor('float32', [16, 4], new Array<number>(64).fill(1)),
      z: tensor(zeros, [16, 4], new Array<number>(64).fill(1)),
    },
    nodes: [
      node(
        'MatMulNBits',
        ['x', 'b', 's', 'z'],
        ['y'],
        { K: 128, N: 16, block_size: 32, ...attributes },
        'com.microsoft',
      ),
    ],
  })

describe('float16 without 16-bit shaders', () => {
  const half = tensor('float16', [4], [0, 0, 0, 0])
  const inputs = { x: ['float32', [4]] } as const
  const outputs = { y: ['float32', [4]] } as const
  const none = gpu({ hasFloat16: false })
  const computing = buildModel({
    ...{ inputs, outputs, initializers: { w: half } },
    nodes: [
      node('Cast', ['x'], ['h'], { to: 10 }),
      node('Add', ['h', 'w'], ['a']),
      node('Cast', ['a'], ['y'], { to: 1 }),
    ],
  })
  const storing = buildModel({
    ...{ inputs, outputs, initializers: { w: half } },
    nodes: [node('Cast', ['w'], ['f'], { to: 1 }), node('Add', ['x', 'f'], ['y'])],
  })

  test('is refused where a node computes in it, with the node', () => {
    expect(knownFaults(computing, none)).toEqual([{ reason: expect.stringMatching(/shader-f16/), node: 'h' }])
    expect(() => expectNoKnownFault(computing, none)).toThrow(/ort-webgpu cannot run this file: .* First at "h"/)
  })

  test('is fine on WASM, with 16-bit shaders, and where weights are only stored in it', () => {
    for (const engine of [wasm, gpu()]) expect(knownFaults(computing, engine)).toEqual([])
    expect(knownFaults(storing, none)).toEqual([])
  })

  test('is refused where an input is float16, and in the body of a node', () => {
    const whole = buildModel({
      ...{ inputs: { x: ['float16', [4]] }, outputs: { y: ['float16', [4]] } },
      nodes: [node('Relu', ['x'], ['y'])],
    })
    const body = buildGraph({
      outputs: { b: ['float16', [4]] },
      nodes: [node('Add', ['c', 'c'], ['b'])],
      initializers: { c: half },
    })
    const nested = buildModel({
      ...{ inputs: { on: ['bool', []] }, outputs: { y: ['float16', [4]] } },
      nodes: [
        node('If', ['on'], ['y'], {
          then_branch: { kind: 'graph', value: body },
          else_branch: { kind: 'graph', value: body },
        }),
      ],
    })
    expect(knownFaults(whole, none).map((fault) => fault.node)).toEqual(['y'])
    expect(knownFaults(nested, none).map((fault) => fault.node)).toEqual(['b'])
  })
})

test('accuracy level 4 is refused exactly where the GPU rounds activations to int8', () => {
  const of = (attributes: Readonly<Record<string, number>>, engine: Parameters<typeof knownFaults>[1] = gpu()) =>
    knownFaults(nBits(attributes), engine).length
  expect(of({ accuracy_level: 4 })).toBe(1)
  for (const other of [
    {},
    { accuracy_level: 1 },
    { accuracy_level: 4, block_size: 16 },
    { accuracy_level: 4, N: 8 },
    { accuracy_level: 4, K: 64 },
  ])
    expect(of(other)).toBe(0)
  for (const engine of [wasm, gpu({ hasSubgroups: false }), gpu({ vendor: 'apple' })])
    expect(of({ accuracy_level: 4 }, engine)).toBe(0)
})

test('float zero points of 8 bits are refused, as the engine itself refuses them when it runs', async () => {
  const model = nBits({ bits: 8 }, 'float32')
  for (const engine of [wasm, gpu()]) expect(knownFaults(model, engine)).toHaveLength(1)
  await expect(runModel(model, { x: floats([1, 128], new Float32Array(128)) })).rejects.toThrow()
  const allowed = nBits({ bits: 8 })
  expect(knownFaults(allowed, wasm)).toEqual([])
  await runModel(allowed, { x: floats([1, 128], new Float32Array(128)) })
})
