import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildGraph, buildModel, node, tensor, type ModelParts } from '../../../tests/fixtures/build-model'
import { LabError } from '../errors/lab-error'
import type { Graph } from './graph'
import { inferShapes, withInferredTypes } from './infer-shapes'
import type { ModelFunction } from './model'
import { float, subgraphs, type Attribute, type Node } from './node'
import type { Shape } from './shape'

const BOTH = ['float32', ['batch', 'seq', 768]] as const
const int64 = (...values: number[]) => tensor('int64', [values.length], values)
const scalar = (value: number) => tensor('int64', [], [value])
const graphAttribute = (value: Graph): Attribute => ({ kind: 'graph', value })

/** dtype and shape of `y`, or the value called `name`. */
function typeOf(parts: ModelParts, name = 'y', freeDimensions = {}) {
  const type = inferShapes(buildModel(parts), { freeDimensions }).type(name)
  return type?.kind === 'tensor' ? [type.dtype, type.shape] : type
}

function errorOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe('symbolic sizes', () => {
  const headSplit: ModelParts = {
    inputs: { x: BOTH },
    initializers: { zero: scalar(0), one: scalar(1), axis: int64(0), heads: int64(12), size: int64(64) },
    nodes: [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'zero'], ['b']),
      node('Gather', ['shape', 'one'], ['s']),
      node('Unsqueeze', ['b', 'axis'], ['b1']),
      node('Unsqueeze', ['s', 'axis'], ['s1']),
      node('Concat', ['b1', 's1', 'heads', 'size'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['split']),
      node('Transpose', ['split'], ['y'], { perm: [0, 2, 1, 3] }),
    ],
  }

  test('come through Shape → Gather → Unsqueeze → Concat → Reshape by name', () => {
    expect(typeOf(headSplit)).toEqual(['float32', ['batch', 12, 'seq', 64]])
  })

  test('become sizes everywhere when the caller fixes them', () => {
    expect(typeOf(headSplit, 'y', { batch: 2, seq: 5 })).toEqual(['float32', [2, 12, 5, 64]])
    expect(typeOf(headSplit, 'x', { batch: 2, seq: 5 })).toEqual(['float32', [2, 5, 768]])
  })

  test('cancel out where a reshape leaves the rest to -1', () => {
    const parts: ModelParts = {
      inputs: { x: BOTH },
      initializers: { target: int64(0, -1, 12, 64) },
      nodes: [node('Reshape', ['x', 'target'], ['y'])],
    }
    expect(typeOf(parts)).toEqual(['float32', ['batch', 'seq', 12, 64]])
    expect(typeOf({ ...parts, initializers: { target: int64(-1, 768) } })).toEqual(['float32', [null, 768]])
  })

  test('survive the expand idiom that PyTorch exports with ConstantOfShape, Mul, Equal and Where', () => {
    const parts: ModelParts = {
      inputs: { x: BOTH, token: ['float32', [1, 1, 768]] },
      initializers: { zero: scalar(0), axis: int64(0), minus: int64(-1), length: int64(3), minusOne: scalar(-1) },
      nodes: [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'zero'], ['b']),
        node('Unsqueeze', ['b', 'axis'], ['b1']),
        node('Concat', ['b1', 'minus', 'minus'], ['wanted'], { axis: 0 }),
        node('ConstantOfShape', ['length'], ['ones'], { value: { kind: 'tensor', value: int64(1) } }),
        node('Mul', ['ones', 'minusOne'], ['minuses']),
        node('Equal', ['wanted', 'minuses'], ['isKept']),
        node('Where', ['isKept', 'ones', 'wanted'], ['target']),
        node('Expand', ['token', 'target'], ['y']),
      ],
    }
    expect(typeOf(parts)).toEqual(['float32', ['batch', 1, 768]])
  })

  test('are not guessed: a name times two is unknown, two different names do not broadcast', () => {
    const concatenated: ModelParts = { inputs: { x: BOTH }, nodes: [node('Concat', ['x', 'x'], ['y'], { axis: 1 })] }
    expect(typeOf(concatenated)).toEqual(['float32', ['batch', null, 768]])
    const added: ModelParts = {
      inputs: { a: ['float32', ['n', 4]], b: ['float32', ['m', 1]] },
      nodes: [node('Add', ['a', 'b'], ['y'])],
    }
    expect(typeOf(added)).toEqual(['float32', [null, 4]])
  })

  test('stay under a convolution whose padding makes up for the kernel, and are lost under a stride', () => {
    const convolve = (strides: number[]): ModelParts => ({
      inputs: { x: ['float32', ['n', 3, 'h', 'w']] },
      initializers: { w: tensor('float32', [8, 3, 3, 3], new Array<number>(216).fill(0)) },
      nodes: [node('Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1], strides })],
    })
    expect(typeOf(convolve([1, 1]))).toEqual(['float32', ['n', 8, 'h', 'w']])
    expect(typeOf(convolve([2, 2]))).toEqual(['float32', ['n', 8, null, null]])
  })
})

describe('what the file says', () => {
  test('gives the type behind an unknown operator, which is named', () => {
    const model = buildModel({
      inputs: { x: ['float32', [2]] },
      valueInfos: { t: ['int8', [2, 3]] },
      domains: { 'com.example': 1 },
      nodes: [node('Mystery', ['x'], ['t'], {}, 'com.example'), node('Transpose', ['t'], ['y'])],
    })
    const types = inferShapes(model)
    expect(types.unknownOps).toEqual([{ opType: 'Mystery', domain: 'com.example', node: 't' }])
    expect(types.type('y')).toEqual({ kind: 'tensor', dtype: 'int8', shape: [3, 2] })
  })

  test('loses against the operator, and the contradiction is told', () => {
    const model = buildModel({
      inputs: { x: ['float32', [2, 3]] },
      outputs: { y: ['float32', [2, 3]] },
      nodes: [node('Transpose', ['x'], ['y'])],
    })
    const types = inferShapes(model)
    expect(types.type('y')).toEqual({ kind: 'tensor', dtype: 'float32', shape: [3, 2] })
    expect(types.conflicts).toEqual([
      { node: 'y', text: '"y" is declared as float32 [2, 3], its operator gives float32 [3, 2].' },
    ])
  })

  test('does not count as constant when an input may replace it, from IR version 4 on', () => {
    const parts: ModelParts = {
      inputs: { x: ['float32', [6]], target: ['int64', [2]] },
      initializers: { target: int64(2, 3) },
      nodes: [node('Reshape', ['x', 'target'], ['y'])],
    }
    expect(typeOf({ ...parts, irVersion: 8 })).toEqual(['float32', [null, null]])
    expect(typeOf({ ...parts, irVersion: 3 })).toEqual(['float32', [2, 3]])
  })

  test('about dtypes is derived even where shapes are not', () => {
    const parts: ModelParts = {
      inputs: { x: ['float16'], i: ['int64'] },
      nodes: [
        node('MatMul', ['x', 'x'], ['m']),
        node('ArgMax', ['m'], ['a']),
        node('Equal', ['a', 'i'], ['e']),
        node('Cast', ['e'], ['y'], { to: 10 }),
      ],
    }
    expect(['m', 'a', 'e', 'y'].map((name) => typeOf(parts, name))).toEqual([
      ['float16', undefined],
      ['int64', undefined],
      ['bool', undefined],
      ['float16', undefined],
    ])
  })
})

describe('bodies', () => {
  const branches = (then: Shape, otherwise: Shape): ModelParts => {
    const body = (shape: Shape, name: string) =>
      graphAttribute(
        buildGraph({
          outputs: { [name]: ['float32'] },
          initializers: { [`${name}_shape`]: int64(...shape.map(Number)) },
          nodes: [node('Reshape', ['x', `${name}_shape`], [name])],
        }),
      )
    return {
      inputs: { x: ['float32', [12]], c: ['bool', []] },
      nodes: [node('If', ['c'], ['y'], { then_branch: body(then, 't'), else_branch: body(otherwise, 'e') })],
    }
  }

  test('of If see outer values, and give what both branches share', () => {
    expect(typeOf(branches([3, 4], [3, 4]))).toEqual(['float32', [3, 4]])
    expect(typeOf(branches([3, 4], [2, 6]))).toEqual(['float32', [null, null]])
    expect(typeOf(branches([3, 4], [12]))).toEqual(['float32', undefined])
  })

  test('of If: a known condition decides', () => {
    const { inputs, nodes } = branches([3, 4], [12])
    const parts = { inputs: { x: inputs?.['x'] ?? BOTH }, initializers: { c: tensor('bool', [], [0]) }, nodes }
    expect(typeOf(parts)).toEqual(['float32', [12]])
  })

  test('can be asked by identity', () => {
    const model = buildModel(branches([3, 4], [2, 6]))
    const types = inferShapes(model)
    const [then] = model.graph.nodes.flatMap(subgraphs)
    expect(then && types.body(then.graph)?.type('t')).toEqual({ kind: 'tensor', dtype: 'float32', shape: [3, 4] })
    expect(then && types.body(then.graph)?.type('x')).toEqual({ kind: 'tensor', dtype: 'float32', shape: [12] })
    expect(types.type('t')).toBeUndefined()
  })

  test('of Loop: a carried value that grows loses its size, one that stays keeps it, results stack', () => {
    const body = buildGraph({
      inputs: { i: ['int64', []], go: ['bool', []], grow: ['float32'], keep: ['float32'] },
      outputs: { goOn: ['bool', []], grown: ['float32'], kept: ['float32'], each: ['float32'] },
      nodes: [
        node('Identity', ['go'], ['goOn']),
        node('Concat', ['grow', 'grow'], ['grown'], { axis: 0 }),
        node('Relu', ['keep'], ['kept']),
        node('Neg', ['keep'], ['each']),
      ],
    })
    const parts: ModelParts = {
      inputs: { n: ['int64', []], go: ['bool', []], a: ['float32', [2, 5]], b: ['float32', ['k', 3]] },
      nodes: [node('Loop', ['n', 'go', 'a', 'b'], ['g', 'k', 'y'], { body: graphAttribute(body) })],
    }
    expect(typeOf(parts, 'g')).toEqual(['float32', [null, 5]])
    expect(typeOf(parts, 'k')).toEqual(['float32', ['k', 3]])
    expect(typeOf(parts, 'y')).toEqual(['float32', [null, 'k', 3]])
  })
})

describe('model-local functions', () => {
  const f = (name: string, nodes: Node[]): ModelFunction => ({
    name,
    domain: 'local',
    overload: '',
    inputs: ['a'],
    outputs: ['b'],
    nodes,
    opsets: new Map([
      ['', 17],
      ['local', 1],
    ]),
  })

  test('are inferred where they are called, with the attributes of the call', () => {
    const transpose = node('Transpose', ['a'], ['b'], { perm: { kind: 'reference', value: 'order' } })
    const parts: ModelParts = {
      inputs: { x: ['float32', [1, 2, 3]] },
      domains: { local: 1 },
      functions: [f('Turn', [transpose])],
      nodes: [node('Turn', ['x'], ['y'], { order: [2, 0, 1] }, 'local')],
    }
    expect(typeOf(parts)).toEqual(['float32', [3, 1, 2]])
  })

  test('that call themselves, or multiply without end, give unknown in bounded time', () => {
    const twice = (inner: string) => [node(inner, ['a'], ['m'], {}, 'local'), node(inner, ['m'], ['b'], {}, 'local')]
    const chain = Array.from({ length: 60 }, (_, level) => f(`F${level}`, twice(`F${level + 1}`)))
    const parts: ModelParts = {
      inputs: { x: ['float32', [1]] },
      domains: { local: 1 },
      functions: [f('Self', twice('Self')), ...chain],
      nodes: [node('Self', ['x'], ['s'], {}, 'local'), node('F0', ['x'], ['y'], {}, 'local')],
    }
    expect(typeOf(parts)).toBeUndefined()
    expect(typeOf(parts, 's')).toBeUndefined()
  })
})

describe('hostile files', () => {
  const huge = 2 ** 52

  test.each<[string, ModelParts, Shape | undefined]>([
    [
      'Range',
      { initializers: { a: scalar(0), b: scalar(huge), c: scalar(1) }, nodes: [node('Range', ['a', 'b', 'c'], ['y'])] },
      [huge],
    ],
    [
      'ConstantOfShape',
      { initializers: { s: int64(huge, huge) }, nodes: [node('ConstantOfShape', ['s'], ['y'])] },
      [huge, huge],
    ],
    [
      'Expand',
      { initializers: { v: scalar(1), s: int64(huge, 2) }, nodes: [node('Expand', ['v', 's'], ['y'])] },
      [huge, 2],
    ],
    ['Tile', { initializers: { v: int64(1, 2), s: int64(huge) }, nodes: [node('Tile', ['v', 's'], ['y'])] }, [null]],
    [
      'a shape with a billion axes',
      { inputs: { s: ['int64', [1e9]] }, nodes: [node('ConstantOfShape', ['s'], ['y'])] },
      undefined,
    ],
    [
      'sizes beyond 2^53',
      { inputs: { x: ['float32', [huge, huge]] }, nodes: [node('Flatten', ['x'], ['y'], { axis: 2 })] },
      [null, 1],
    ],
    ['negative sizes', { inputs: { x: ['float32', [-3, 4]] }, nodes: [node('Relu', ['x'], ['y'])] }, [null, 4]],
  ])('%s: sizes are computed, contents are not made', (_, parts, shape) => {
    const type = inferShapes(buildModel(parts)).type('y')
    expect(type?.kind === 'tensor' && type.shape).toEqual(shape)
  })

  test('contents that double with every node stop growing', () => {
    const nodes = Array.from({ length: 48 }, (_, at) =>
      node('Concat', [`v${at}`, `v${at}`], [`v${at + 1}`], { axis: 0 }),
    )
    expect(typeOf({ initializers: { v0: int64(1) }, nodes }, 'v48')).toEqual(['int64', [2 ** 48]])
  })

  test('a cycle and bodies nested without end are refused by name', () => {
    const cyclic = buildModel({ nodes: [node('Relu', ['a'], ['b']), node('Relu', ['b'], ['a'])] })
    expect(errorOf(() => inferShapes(cyclic))).toMatchObject({ code: 'model/invalid' })
    expect(errorOf(() => inferShapes(cyclic))).toBeInstanceOf(LabError)
    let body = buildGraph({ nodes: [] })
    for (let depth = 0; depth < 5000; depth++) {
      body = buildGraph({ nodes: [node('If', ['c'], [`y${depth}`], { then_branch: graphAttribute(body) })] })
    }
    const error = errorOf(() => inferShapes(buildModel({ nodes: body.nodes })))
    expect(error).toMatchObject({ code: 'model/invalid', message: expect.stringContaining('deep') as string })
  })

  test('an attribute of the wrong kind is told, and only that output stays unknown', () => {
    const types = inferShapes(
      buildModel({
        inputs: { x: ['float32', [2, 3]] },
        nodes: [node('Transpose', ['x'], ['t'], { perm: float(1) }), node('Relu', ['x'], ['y'])],
      }),
    )
    expect(types.conflicts).toMatchObject([{ node: 't', text: expect.stringContaining('"perm"') as string }])
    expect(types.type('t')).toBeUndefined()
    expect(types.type('y')).toBeDefined()
  })

  test('operators named like properties of an object are just unknown', () => {
    const nodes = ['constructor', '__proto__', 'toString'].map((name) => node(name, ['x'], [`${name}_y`]))
    expect(inferShapes(buildModel({ inputs: { x: ['float32', [1]] }, nodes })).unknownOps).toHaveLength(3)
  })

  test('random inputs and attributes give sizes that are whole and not negative, or unknown, and never throw', () => {
    const url = new URL('../../../tests/conformance/infer-shapes.json', import.meta.url)
    const cases = (
      JSON.parse(readFileSync(url, 'utf8')) as { nodes: { op: string; domain: string; attributes: object }[] }
    ).nodes
    const dim = fc.oneof(fc.integer({ min: -2, max: 9 }), fc.constantFrom('n', 'm', null, huge, 0))
    const shape = fc.option(fc.array(dim, { maxLength: 6 }), { nil: undefined })
    const number = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(huge, -huge))
    const attribute = fc.oneof<fc.Arbitrary<Attribute>[]>(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ kind: 'int', value })),
      fc.integer({ min: -3, max: 3 }).map((value) => ({ kind: 'int', value: BigInt(value) })),
      fc.array(number, { maxLength: 5 }).map((values) => ({ kind: 'ints', value: values.map(BigInt) })),
      fc.float().map((value) => ({ kind: 'float', value })),
      fc
        .constantFrom('SAME_UPPER', 'ab...,bc->ac', 'none')
        .map((text) => ({ kind: 'string', value: new TextEncoder().encode(text) })),
    )
    const constant = fc.array(number, { maxLength: 7 }).map((values) => int64(...values))
    const input = fc.oneof(shape, constant, fc.constant('omitted' as const))
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.constantFrom(1, 5, 7, 9, 11, 13, 18, 21, 26),
        fc.array(input, { maxLength: 9 }),
        fc.infiniteStream(attribute),
        (chosen, opset, inputs, stream) => {
          const initializers: Record<string, ReturnType<typeof int64>> = {}
          const declared: Record<string, readonly ['float32', Shape] | readonly ['float32']> = {}
          const names = inputs.map((given, at) => {
            if (given === 'omitted') return ''
            if (given && 'dtype' in given) initializers[`i${at}`] = given
            else declared[`i${at}`] = given ? ['float32', given] : ['float32']
            return `i${at}`
          })
          const attributes = Object.keys(chosen.attributes).map((name) => [name, stream.next().value] as const)
          const made = node(chosen.op, names, ['a', 'b', 'c'], Object.fromEntries(attributes), chosen.domain)
          const model = buildModel({ opset, inputs: declared, initializers, nodes: [made] })
          const types = inferShapes(model)
          for (const name of made.outputs) {
            const type = types.type(name)
            const dims = type?.kind === 'tensor' ? (type.shape ?? []) : []
            for (const size of dims)
              expect(typeof size !== 'number' || (Number.isSafeInteger(size) && size >= 0)).toBe(true)
          }
        },
      ),
      { numRuns: 2000, seed: 1 },
    )
  })
})

describe('withInferredTypes', () => {
  const body = buildGraph({
    outputs: { o: ['float32'] },
    nodes: [node('Relu', ['m'], ['r']), node('Neg', ['r'], ['o'])],
  })
  const model = buildModel({
    inputs: { x: ['float32', ['n', 4]], c: ['bool', []] },
    outputs: { y: ['float32'] },
    nodes: [
      node('Neg', ['x'], ['m']),
      node('If', ['c'], ['y'], { then_branch: graphAttribute(body), else_branch: graphAttribute(body) }),
    ],
  })

  test('states inner values of the graph and its bodies, and leaves the interface and the input alone', () => {
    const before = structuredClone(model)
    const typed = withInferredTypes(model)
    expect(model).toEqual(before)
    expect(typed.graph.valueInfos.get('m')?.type).toEqual({ kind: 'tensor', dtype: 'float32', shape: ['n', 4] })
    expect([...typed.graph.valueInfos.keys()]).toEqual(['m'])
    expect(typed.graph.outputs).toBe(model.graph.outputs)
    const [then] = typed.graph.nodes.flatMap(subgraphs)
    expect(then?.graph.valueInfos.get('r')?.type).toEqual({ kind: 'tensor', dtype: 'float32', shape: ['n', 4] })
  })

  test('keeps a stated type that says it already, with what it carries', () => {
    const stated = withInferredTypes(model)
    const again = withInferredTypes(stated)
    expect(again.graph.valueInfos.get('m')).toBe(stated.graph.valueInfos.get('m'))
  })
})
