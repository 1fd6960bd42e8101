// Shape and type inference against onnx.shape_inference and against what ONNX Runtime really computed. Ours may know more than the
// reference or less where it depends on data; it may never say something else. `tools/conformance/infer-shapes.py` made the values.

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { DType, KnownDType } from '../../src/core/model/dtype'
import type { Graph } from '../../src/core/model/graph'
import { inferShapes, type TypeScope } from '../../src/core/model/infer-shapes'
import type { Model } from '../../src/core/model/model'
import { subgraphs, type Attribute } from '../../src/core/model/node'
import type { Dim, Shape, ValueType } from '../../src/core/model/shape'
import type { Tensor } from '../../src/core/model/tensor'
import { decodeModel } from '../../src/core/onnx/decode'
import { buildModel, node, tensor } from '../fixtures/build-model'

interface ModelCase {
  readonly file: string
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly inferred: readonly Readonly<Record<string, string>>[]
  readonly actual: Readonly<Record<string, string>>
}
interface Contents {
  readonly type: string
  readonly values?: readonly (string | number)[]
}
type AttributeJson =
  | { readonly kind: 'int' | 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly string[] }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | ({ readonly kind: 'tensor' } & Contents)
interface NodeCase {
  readonly name: string
  readonly op: string
  readonly domain: string
  readonly opset: number
  readonly attributes: Readonly<Record<string, AttributeJson>>
  readonly inputs: readonly (Contents | null)[]
  readonly outputs: readonly (string | null)[]
}

const reference = JSON.parse(readFileSync(new URL('infer-shapes.json', import.meta.url), 'utf8')) as {
  readonly models: readonly ModelCase[]
  readonly nodes: readonly NodeCase[]
}

interface Expected {
  readonly dtype: string
  readonly dims: readonly string[] | undefined
}

function parseType(text: string): Expected {
  const bracket = text.indexOf('[')
  if (bracket < 0) return { dtype: text, dims: undefined }
  const inside = text.slice(bracket + 1, -1)
  return { dtype: text.slice(0, bracket), dims: inside === '…' ? undefined : inside === '' ? [] : inside.split(',') }
}

const isSize = (dim: string): boolean => /^\d+$/.test(dim)

/** A sentence when the two say different things; `symbols` are the sizes that names stand for. */
function contradiction(
  got: ValueType | undefined,
  text: string,
  symbols: Readonly<Record<string, number>> = {},
): string | undefined {
  const expected = parseType(text)
  if (!got || expected.dtype === 'undefined') return undefined
  const ours = got.kind === 'tensor' ? `${got.dtype} [${String(got.shape)}]` : got.kind
  if (got.kind !== 'tensor') return got.kind === expected.dtype ? undefined : `${ours} instead of ${text}`
  if (got.dtype !== expected.dtype) return `${ours} instead of ${text}`
  const { dims } = expected
  if (!got.shape || !dims) return undefined
  const clashes = got.shape.some((dim, axis) => {
    const size = typeof dim === 'string' ? symbols[dim] : dim
    const other = dims[axis] ?? ''
    return typeof size === 'number' && isSize(other) && size !== Number(other)
  })
  return got.shape.length !== dims.length || clashes ? `${ours} instead of ${text}` : undefined
}

function isLess(got: ValueType | undefined, text: string): boolean {
  const { dims } = parseType(text)
  if (!got) return true
  if (got.kind !== 'tensor' || !dims) return false
  return !got.shape || got.shape.some((dim, axis) => typeof dim !== 'number' && isSize(dims[axis] ?? ''))
}

/** Without the shapes that the file declares behind the inputs, so that every one has to be derived. */
function undeclared(model: Model): Model {
  const outputs = model.graph.outputs.map((info) =>
    info.type?.kind === 'tensor' ? { ...info, type: { ...info.type, shape: undefined } } : info,
  )
  return { ...model, graph: { ...model.graph, outputs, valueInfos: new Map() } }
}

function* scopes(graph: Graph, scope: TypeScope | undefined, body: (graph: Graph) => TypeScope | undefined) {
  const queue: (readonly [Graph, TypeScope | undefined])[] = [[graph, scope]]
  for (let next = queue.shift(); next; next = queue.shift()) {
    yield next[1]
    queue.unshift(
      ...next[0].nodes.flatMap((made) => subgraphs(made).map(({ graph: inner }) => [inner, body(inner)] as const)),
    )
  }
}

describe.each(reference.models)('$file', ({ file, inputs, inferred, actual }) => {
  const path = new URL(`../../${file}`, import.meta.url)
  if (!existsSync(path)) {
    test.skip('is not here: run npm ci', () => undefined)
    return
  }
  const model = undeclared(decodeModel(new Uint8Array(readFileSync(path))))

  test('says nothing that onnx.shape_inference contradicts, and all that it knows', () => {
    const types = inferShapes(model)
    const found = [...scopes(model.graph, types, (graph) => types.body(graph))]
    expect(found).toHaveLength(inferred.length)
    const problems = inferred.flatMap((values, position) =>
      Object.entries(values).flatMap(([name, text]) => {
        const got = found[position]?.type(name)
        const problem = contradiction(got, text) ?? (isLess(got, text) ? `less than ${text}` : undefined)
        return problem === undefined ? [] : [`${name}: ${problem}`]
      }),
    )
    expect(problems).toEqual([])
    expect(types.unknownOps).toEqual([])
    expect(types.conflicts).toEqual([])
  })

  test('holds for what ONNX Runtime computes, names standing for one size each', () => {
    const symbols: Record<string, number> = {}
    for (const { name, type } of model.graph.inputs) {
      const shape: Shape = type?.kind === 'tensor' ? (type.shape ?? []) : []
      shape.forEach((dim: Dim, axis) => {
        if (typeof dim === 'string') symbols[dim] = inputs[name]?.[axis] ?? NaN
      })
    }
    const types = inferShapes(model)
    const problems = Object.entries(actual).flatMap(
      ([name, text]) => contradiction(types.type(name), text, symbols) ?? [],
    )
    expect(problems).toEqual([])
  })

  test('gives every size once the inputs have theirs', () => {
    const types = inferShapes(model, { inputShapes: inputs })
    const problems = Object.entries(actual).flatMap(([name, text]) => {
      const got = types.type(name)
      const problem = contradiction(got, text) ?? (isLess(got, text) && !DATA_DEPENDENT.has(file) ? 'less' : undefined)
      return problem === undefined ? [] : [`${name}: ${problem}, ${text}`]
    })
    expect(problems).toEqual([])
  })
})

/** Silero chooses its branch by the sampling rate, an input: the ranks behind it depend on data. */
const DATA_DEPENDENT: ReadonlySet<string> = new Set(['node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx'])

function parseTensor({ type, values = [] }: Contents): Tensor {
  const { dtype, dims = [] } = parseType(type)
  const wide = dtype === 'int64' || dtype === 'uint64'
  const made = tensor((wide ? 'int64' : dtype) as 'float32', dims.map(Number), wide ? [] : values.map(Number))
  if (!wide) return made
  const bytes = new Uint8Array(BigInt64Array.from(values, (value) => BigInt.asIntN(64, BigInt(value))).buffer)
  return { ...made, dtype: dtype as KnownDType, data: { kind: 'bytes', bytes } }
}

function parseAttribute(attribute: AttributeJson): Attribute {
  switch (attribute.kind) {
    case 'int':
      return { kind: 'int', value: BigInt(attribute.value) }
    case 'ints':
      return { kind: 'ints', value: attribute.value.map(BigInt) }
    case 'string':
      return { kind: 'string', value: new TextEncoder().encode(attribute.value) }
    case 'tensor':
      return { kind: 'tensor', value: parseTensor(attribute) }
    case 'float':
    case 'floats':
      return attribute
    default:
      return attribute satisfies never
  }
}

function buildCase({ op, domain, opset, attributes, inputs, outputs }: NodeCase): Model {
  const inputName = (given: Contents | null, position: number): string => (given ? `i${position}` : '')
  const made = node(
    op,
    inputs.map(inputName),
    outputs.map((output, at) => (output === null ? '' : `o${at}`)),
    {},
    domain,
  )
  const named = inputs.flatMap((given, at) => (given ? [[`i${at}`, given] as const] : []))
  return buildModel({
    opset: domain === '' ? opset : 17,
    domains: domain === '' ? {} : { [domain]: opset },
    inputs: Object.fromEntries(
      named.flatMap(([name, given]) => {
        const { dtype, dims = [] } = parseType(given.type)
        return given.values ? [] : [[name, [dtype as DType, dims.map(Number)] as const]]
      }),
    ),
    initializers: Object.fromEntries(
      named.flatMap(([name, given]) => (given.values ? [[name, parseTensor(given)]] : [])),
    ),
    nodes: [
      {
        ...made,
        attributes: new Map(Object.entries(attributes).map(([name, value]) => [name, parseAttribute(value)])),
      },
    ],
  })
}

/** Their output sizes depend on the contents of float or large inputs, or on what a string says. */
const SIZES_FROM_DATA: ReadonlySet<string> = new Set([
  'Compress',
  'NonMaxSuppression',
  'NonZero',
  'StringNormalizer',
  'Unique',
])

describe('single operators', () => {
  test.each(reference.nodes)('$domain $op of opset $opset: $name', (given) => {
    const types = inferShapes(buildCase(given))
    expect(types.unknownOps).toEqual([])
    expect(types.conflicts).toEqual([])
    given.outputs.forEach((text, at) => {
      if (text === null) return
      const got = types.type(`o${at}`)
      expect(contradiction(got, text)).toBeUndefined()
      if (!SIZES_FROM_DATA.has(given.op)) expect(isLess(got, text), `${JSON.stringify(got)} for ${text}`).toBe(false)
    })
  })
})
