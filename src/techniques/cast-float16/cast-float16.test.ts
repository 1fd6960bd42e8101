import { describe, expect, test } from 'vitest'

import { buildGraph, node, tensor } from '../../../tests/fixtures/build-model'
import { convert, difference, lines, model, OPTIONS, TOLERANCE, W, X } from '../../../tests/fixtures/float16-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { inferShapes } from '../../core/model/infer-shapes'
import { float, intAttribute, subgraphs } from '../../core/model/node'
import type { NamedValues } from '../../core/pass/tensor-value'
import { encodeFloat16 } from '../../core/numeric/float16'
import { apply } from './apply'

describe('borders', () => {
  const scaled = model({ initializers: { w: W }, nodes: [node('Mul', ['x', 'w'], ['m']), node('Relu', ['m'], ['y'])] })

  test('casts stand at the borders and the interface stays float32', async () => {
    const converted = await convert(scaled)
    expect(lines(converted.graph)).toEqual(['Cast(x) x_fp16', 'Mul(x_fp16,w) m', 'Relu(m) y_fp16', 'Cast(y_fp16) y'])
    expect([converted.graph.inputs, converted.graph.outputs]).toEqual([scaled.graph.inputs, scaled.graph.outputs])
    expect(converted.graph.initializers.get('w')?.dtype).toBe('float16')
    expect(await difference(scaled, converted)).toBeLessThan(TOLERANCE)
  })

  test('without keepIo inputs and outputs are float16 and there is no cast', async () => {
    const converted = await convert(scaled, false)
    expect(lines(converted.graph)).toEqual(['Mul(x,w) m', 'Relu(m) y'])
    expect([...converted.graph.inputs, ...converted.graph.outputs].map(({ type }) => type)).toEqual([
      { kind: 'tensor', dtype: 'float16', shape: [2, 3] },
      { kind: 'tensor', dtype: 'float16', shape: [2, 3] },
    ])
    const half: NamedValues = {
      x: { dtype: 'float16', dims: [2, 3], data: encodeFloat16(X['x']?.data as Float32Array) },
    }
    expect(await difference(scaled, converted, X, half)).toBeLessThan(TOLERANCE)
  })

  test('an output that inner operators read as well is converted behind them', async () => {
    const read = model({
      outputs: { y: ['float32'], z: ['float32'] },
      nodes: [node('Relu', ['x'], ['y']), node('Neg', ['y'], ['z'])],
    })
    const converted = await convert(read)
    expect(lines(converted.graph)).toContain('Neg(y_fp16) z_fp16')
    expect(await difference(read, converted)).toBeLessThan(TOLERANCE)
  })

  test('integers and declared types of other values stay, those of converted values follow', async () => {
    const typed = model({
      valueInfos: { m: ['float32', [2, 3]], s: ['int64', [2]] },
      outputs: { y: ['float32'], s: ['int64'] },
      nodes: [node('Neg', ['x'], ['m']), node('Shape', ['m'], ['s']), node('Relu', ['m'], ['y'])],
    })
    const converted = await convert(typed)
    expect(converted.graph.valueInfos.get('m')?.type).toMatchObject({ dtype: 'float16' })
    expect(await difference(typed, converted)).toBeLessThan(TOLERANCE)
  })
})

describe('operators that keep float32', () => {
  test('CumSum stands between casts, in topological order (conformance test C35)', async () => {
    const summed = model({
      initializers: { w: W, axis: tensor('int64', [], [1]) },
      nodes: [node('Add', ['x', 'w'], ['a']), node('CumSum', ['a', 'axis'], ['y'])],
    })
    const converted = await convert(summed)
    expect(lines(converted.graph)).toEqual([
      'Cast(x) x_fp16',
      'Add(x_fp16,w) a',
      'Cast(a) a_fp32',
      'CumSum(a_fp32,axis) y',
    ])
    expect(await difference(summed, converted)).toBeLessThan(TOLERANCE)
  })

  test('a weight that both kinds read is kept in both precisions', async () => {
    const shared = model({
      initializers: { w: W },
      nodes: [node('Max', ['x', 'w'], ['m']), node('Mul', ['m', 'w'], ['y'])],
    })
    const converted = await convert(shared)
    const { initializers } = converted.graph
    expect([initializers.get('w')?.dtype, initializers.get('w_fp16')?.dtype]).toEqual(['float32', 'float16'])
    expect(await difference(shared, converted)).toBeLessThan(TOLERANCE)
  })

  test('a weight that only they read stays as it is', async () => {
    const only = model({ initializers: { w: W }, nodes: [node('Max', ['x', 'w'], ['y'])] })
    const converted = await convert(only)
    expect(converted.graph.initializers.get('w')).toBe(only.graph.initializers.get('w'))
    expect(lines(converted.graph)).toEqual(['Max(x,w) y'])
  })

  test('the scales of Resize stay float32 while the image does not', async () => {
    const resized = model({
      inputs: { x: ['float32', [1, 1, 2, 3]] },
      outputs: { y: ['float32'] },
      initializers: { scales: tensor('float32', [4], [1, 1, 2, 2]), w: tensor('float32', [1], [0.5]) },
      nodes: [node('Mul', ['x', 'w'], ['m']), node('Resize', ['m', '', 'scales'], ['y'], { mode: 'linear' })],
    })
    const converted = await convert(resized)
    expect(converted.graph.initializers.get('scales')?.dtype).toBe('float32')
    const feeds = { x: floats([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]) }
    expect(await difference(resized, converted, feeds)).toBeLessThan(TOLERANCE)
  })

  test('scales of quantized tensors stay float32', async () => {
    const quantized = model({
      initializers: { q: tensor('int8', [3], [1, -2, 3]), s: tensor('float32', [], [1e-6]) },
      nodes: [node('DequantizeLinear', ['q', 's'], ['w']), node('Add', ['x', 'w'], ['y'])],
    })
    const converted = await convert(quantized)
    expect(converted.graph.initializers.get('s')?.dtype).toBe('float32')
    expect(await difference(quantized, converted)).toBeLessThan(TOLERANCE)
  })

  test('a batch normalization whose variance is beyond float16 stays, and with it its answers', async () => {
    const normalized = model({
      inputs: { x: ['float32', [2, 3]] },
      initializers: { g: W, b: W, m: W, v: tensor('float32', [3], [1e8, 1, 1]) },
      nodes: [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], ['n']), node('Relu', ['n'], ['y'])],
    })
    const converted = await convert(normalized)
    expect(converted.graph.initializers.get('v')).toBe(normalized.graph.initializers.get('v'))
    expect(await difference(normalized, converted)).toBeLessThan(TOLERANCE)
  })

  test('an operator of another domain, a call of a function and what they make stay float32', async () => {
    const calling = model({
      domains: { 'com.microsoft': 1, local: 1 },
      functions: [
        {
          name: 'Twice',
          domain: 'local',
          overload: '',
          inputs: ['a'],
          outputs: ['b'],
          nodes: [node('Add', ['a', 'a'], ['b'])],
          opsets: new Map([['', 17]]),
        },
      ],
      nodes: [
        node('Relu', ['x'], ['r']),
        node('Twice', ['r'], ['t'], {}, 'local'),
        node('Gelu', ['t'], ['g'], {}, 'com.microsoft'),
        node('Neg', ['g'], ['y']),
      ],
    })
    const { model: converted, notes } = await apply(calling, OPTIONS, testContext())
    expect(notes.filter(({ kind }) => kind === 'skipped').map(({ subject }) => subject)).toEqual(['t', 'g'])
    expect(await difference(calling, converted)).toBeLessThan(TOLERANCE)
  })

  test('an operator whose types are not known stays as it is', async () => {
    const unknown = model({
      outputs: { y: ['float32'] },
      domains: { strange: 1 },
      nodes: [node('Odd', ['x'], ['o'], {}, 'strange'), node('Relu', ['o'], ['y'])],
    })
    const { model: converted } = await apply(unknown, OPTIONS, testContext())
    expect(lines(converted.graph)).toEqual(['Odd(x) o', 'Relu(o) y'])
  })
})

describe('types in attributes', () => {
  test('a Cast to float32 becomes one to float16, unless a float32 reader needs it', async () => {
    const cast = model({
      inputs: { x: ['float32', [2, 3]], i: ['int64', [2, 3]] },
      nodes: [
        node('Cast', ['i'], ['f'], { to: 1 }),
        node('Mul', ['x', 'f'], ['m']),
        node('Cast', ['i'], ['g'], { to: 1 }),
        node('Max', ['m', 'g'], ['y']),
      ],
    })
    const converted = await convert(cast)
    const to = (name: string): number | undefined => {
      const found = converted.graph.nodes.find(({ outputs }) => outputs.includes(name))
      return found && intAttribute(found, 'to', undefined)
    }
    expect([to('f'), to('g')]).toEqual([10, 1])
    const i = { dtype: 'int64', dims: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, -4n, 5n, 6n) } as const
    expect(await difference(cast, converted, { ...X, i })).toBeLessThan(TOLERANCE)
  })

  test('a Cast from float32 to float32 becomes an Identity', async () => {
    const idle = model({
      nodes: [node('Neg', ['x'], ['a']), node('Cast', ['a'], ['c'], { to: 1 }), node('Relu', ['c'], ['y'])],
    })
    const converted = await convert(idle)
    expect(lines(converted.graph)).toContain('Identity(a) c')
    expect(await difference(idle, converted)).toBeLessThan(TOLERANCE)
  })

  test('a Cast to float32 right before an output leaves the output float32', async () => {
    const cast = model({
      inputs: { i: ['int64', [2]] },
      outputs: { y: ['float32', [2]] },
      nodes: [node('Cast', ['i'], ['y'], { to: 1 })],
    })
    const converted = await convert(cast)
    expect(lines(converted.graph)).toEqual(['Cast(i) y'])
    const feeds = { i: { dtype: 'int64', dims: [2], data: BigInt64Array.of(70000n, 3n) } } as const
    expect(await difference(cast, converted, feeds)).toBe(0)
  })

  test.each([
    ['Constant', node('Constant', [], ['k'], { value: { kind: 'tensor', value: W } })],
    ['Constant of one number', node('Constant', [], ['k'], { value_float: float(0.3) })],
    ['Constant of numbers', node('Constant', [], ['k'], { value_floats: { kind: 'floats', value: [0.1, 0.2, 0.3] } })],
    [
      'ConstantOfShape',
      node('ConstantOfShape', ['size'], ['k'], { value: { kind: 'tensor', value: tensor('float32', [1], [0.7]) } }),
    ],
    ['ConstantOfShape of zeros', node('ConstantOfShape', ['size'], ['k'])],
    ['RandomUniform of a fixed range', node('RandomUniform', [], ['k'], { shape: [3], low: float(2), high: float(2) })],
  ])('%s is converted', async (_, made) => {
    const constant = model({
      initializers: { size: tensor('int64', [1], [3]) },
      nodes: [made, node('Add', ['x', 'k'], ['y'])],
    })
    const converted = await convert(constant)
    expect(inferShapes(converted).type('y_fp16')).toMatchObject({ dtype: 'float16' })
    expect(await difference(constant, converted)).toBeLessThan(TOLERANCE)
  })
})

describe('bodies', () => {
  const on = (value: number) => ({ dtype: 'bool', dims: [], data: Uint8Array.of(value) }) as const

  test('both branches of an If are converted, with what they capture', async () => {
    const branch = (opType: string) =>
      buildGraph({
        outputs: { inner: ['float32', [2, 3]] },
        initializers: { own: tensor('float32', [3], [0.5, 1.5, 2.5]) },
        nodes: [node(opType, ['a', 'w'], ['t']), node('Mul', ['t', 'own'], ['inner'])],
      })
    const nested = model({
      inputs: { x: ['float32', [2, 3]], on: ['bool', []] },
      initializers: { w: W },
      nodes: [
        node('Neg', ['x'], ['a']),
        node('If', ['on'], ['i'], {
          then_branch: { kind: 'graph', value: branch('Add') },
          else_branch: { kind: 'graph', value: branch('Max') },
        }),
        node('Relu', ['i'], ['y']),
      ],
    })
    const converted = await convert(nested)
    const holder = converted.graph.nodes.find(({ opType }) => opType === 'If')
    const [then, other] = holder ? subgraphs(holder).map(({ graph }) => graph) : []
    expect(then && lines(then)).toContain('Add(a,w_fp16) t')
    expect(other && lines(other)).toContain('Max(a_fp32,w) t')
    expect(then?.initializers.get('own')?.dtype).toBe('float16')
    for (const value of [0, 1]) {
      expect(await difference(nested, converted, { ...X, on: on(value) })).toBeLessThan(TOLERANCE)
    }
  })

  test('a branch may hand out a value of the graph around it', async () => {
    const through = buildGraph({ outputs: { a: ['float32', [2, 3]] }, nodes: [] })
    const other = buildGraph({ outputs: { o: ['float32', [2, 3]] }, nodes: [node('Relu', ['a'], ['o'])] })
    const nested = model({
      inputs: { x: ['float32', [2, 3]], on: ['bool', []] },
      nodes: [
        node('Neg', ['x'], ['a']),
        node('If', ['on'], ['y'], {
          then_branch: { kind: 'graph', value: other },
          else_branch: { kind: 'graph', value: through },
        }),
      ],
    })
    const converted = await convert(nested)
    const holder = converted.graph.nodes.find(({ opType }) => opType === 'If')
    expect(holder && subgraphs(holder)[1]?.graph.outputs.map(({ name }) => name)).toEqual(['a_fp32'])
  })

  test('what a Loop carries stays float32 on the way round, what it computes does not', async () => {
    const body = buildGraph({
      inputs: { n: ['int64', []], go: ['bool', []], carried: ['float32', [2, 3]] },
      outputs: { go_on: ['bool', []], next: ['float32', [2, 3]], each: ['float32', [2, 3]] },
      nodes: [
        node('Identity', ['go'], ['go_on']),
        node('Mul', ['carried', 'w'], ['next']),
        node('Add', ['carried', 'x'], ['each']),
      ],
    })
    const looped = model({
      outputs: { y: ['float32', [2, 3]], all: ['float32', [3, 2, 3]] },
      initializers: { w: W, trips: tensor('int64', [], [3]) },
      nodes: [node('Loop', ['trips', '', 'x'], ['y', 'all'], { body: { kind: 'graph', value: body } })],
    })
    const converted = await convert(looped)
    const [inner] = converted.graph.nodes.flatMap(subgraphs).map(({ graph }) => graph)
    expect(inner && lines(inner)).toContain('Mul(carried_fp16,w) next_fp16')
    expect(await difference(looped, converted)).toBeLessThan(TOLERANCE)
  })
})

test('converting twice changes nothing', async () => {
  const mixed = model({
    initializers: { w: W, axis: tensor('int64', [], [1]) },
    nodes: [
      node('Mul', ['x', 'w'], ['a']),
      node('Max', ['a', 'w'], ['b']),
      node('CumSum', ['b', 'axis'], ['c']),
      node('Softmax', ['c'], ['y']),
    ],
  })
  for (const keepIo of [true, false]) {
    const once = await convert(mixed, keepIo)
    expect(await convert(once, keepIo)).toEqual(once)
  }
})

test('values beyond float16 are clamped and reported', async () => {
  const large = model({
    initializers: { w: tensor('float32', [3], [1e6, 1, -1e9]) },
    nodes: [node('Add', ['x', 'w'], ['y'])],
  })
  const { notes } = await apply(large, OPTIONS, testContext())
  expect(notes).toContainEqual(
    expect.objectContaining({ kind: 'warning', subject: 'w', text: expect.stringMatching(/^2 of/) }),
  )
})

test('a model of opset 6 is raised', async () => {
  const old = model({ opset: 6, initializers: { w: W }, nodes: [node('Elu', ['x'], ['a']), node('Neg', ['a'], ['y'])] })
  const converted = await convert(old)
  expect(converted.opsets.get('')).toBeGreaterThanOrEqual(7)
  expect(await difference(old, converted)).toBeLessThan(TOLERANCE)
})

test('a model without operators of ONNX is refused', async () => {
  const strange = { ...model({ nodes: [] }), opsets: new Map([['strange', 1]]) }
  await expect(apply(strange, OPTIONS, testContext())).rejects.toMatchObject({ code: 'model/unsupported' })
})
