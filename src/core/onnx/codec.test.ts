// The reader and the writer against the code that protobuf-es generated from the same schema: what one writes the other must read,
// to the byte. Files as other writers make them (packed lists, groups, repeated fields) are built by hand.

import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { ModelProtoSchema, type AttributeProtoSchema, type TensorProtoSchema } from 'onnx-buf'
import { expect, test } from 'vitest'

import { buildModel, node, strings, tensor } from '../../../tests/fixtures/build-model'
import { dtypeCode, type KnownDType } from '../model/dtype'
import type { Model } from '../model/model'
import type { Tensor } from '../model/tensor'
import { decodeModel } from './decode'
import { encodeParts, partsSizeBytes } from './encode-parts'

type ModelInit = MessageInitShape<typeof ModelProtoSchema>
const file = (model: ModelInit): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: 17n }], ...model }),
  )
const encode = (model: Model): Uint8Array => new Uint8Array(Buffer.concat(encodeParts(model)))

const name = fc.string({ maxLength: 6, unit: 'grapheme' })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const float32 = fc.float({ noNaN: true })
const bytes = fc.uint8Array({ maxLength: 9 })
const entries = fc.array(fc.record({ key: name, value: name }), { maxLength: 2 })

const tensorInit: fc.Arbitrary<MessageInitShape<typeof TensorProtoSchema>> = fc.oneof(
  fc
    .record({ name, docString: name, dataType: fc.constant(7), values: fc.array(int64, { maxLength: 4 }) })
    .map(({ values, ...rest }) => ({ ...rest, dims: [BigInt(values.length)], int64Data: values })),
  fc.record({ name, metadataProps: entries, dataType: fc.constantFrom(2, 3, 9, 17), rawData: bytes }).map((init) => ({
    ...init,
    dims: [1n, BigInt(init.rawData.length)],
  })),
  fc
    .record({ name, dataType: fc.constant(1), values: fc.array(float32, { maxLength: 4 }) })
    .map(({ values, ...rest }) => ({
      ...rest,
      dims: [BigInt(values.length)],
      floatData: values,
    })),
  fc
    .record({ name, dataType: fc.constant(8), values: fc.array(bytes, { maxLength: 3 }) })
    .map(({ values, ...rest }) => ({
      ...rest,
      dims: [BigInt(values.length)],
      stringData: values,
    })),
)

const attributeInit: fc.Arbitrary<MessageInitShape<typeof AttributeProtoSchema>> = fc.oneof(
  fc.record({ docString: name, f: float32, type: fc.constant(1) }),
  fc.record({ i: int64, type: fc.constant(2) }),
  fc.record({ s: bytes, type: fc.constant(3) }),
  fc.record({ t: tensorInit, type: fc.constant(4) }),
  fc.record({ floats: fc.array(float32), type: fc.constant(6) }),
  fc.record({ ints: fc.array(int64), type: fc.constant(7) }),
  fc.record({ strings: fc.array(bytes), type: fc.constant(8) }),
  fc.record({ tensors: fc.array(tensorInit, { maxLength: 2 }), type: fc.constant(9) }),
  fc.record({ refAttrName: fc.constant('outer'), type: fc.constant(2) }),
)

const dim = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 50n }).map((value) => ({ value: { case: 'dimValue' as const, value } })),
  fc.record({ denotation: name, value: name.map((value) => ({ case: 'dimParam' as const, value })) }),
  fc.constant({}),
)
const valueInit = fc.record({
  name,
  docString: name,
  type: fc.record({
    denotation: name,
    value: fc.record({
      case: fc.constant('tensorType' as const),
      value: fc.record({
        elemType: fc.integer({ min: 0, max: 40 }),
        shape: fc.record({ dim: fc.array(dim, { maxLength: 3 }) }),
      }),
    }),
  }),
})

const uniqueNames = <T extends { readonly name?: string }>(items: readonly T[]): T[] =>
  items.map((item, index) => ({ ...item, name: `${item.name ?? ''}${index}` }))

// One node: the order of several is the writer's to choose.
const modelInit: fc.Arbitrary<ModelInit> = fc.record({
  // The newest, so that no data type raises it.
  irVersion: fc.constant(13n),
  producerName: name,
  domain: name,
  modelVersion: int64,
  metadataProps: entries,
  graph: fc.record({
    name,
    docString: name,
    initializer: fc.array(tensorInit, { maxLength: 3 }).map(uniqueNames),
    input: fc.array(valueInit, { maxLength: 2 }),
    valueInfo: fc.array(valueInit, { maxLength: 2 }).map(uniqueNames),
    node: fc.tuple(
      fc.record({
        input: fc.array(name, { maxLength: 2 }).map((names) => names.map((one) => `in ${one}`)),
        output: fc.constant(['out']),
        opType: name,
        domain: name,
        attribute: fc.array(attributeInit, { maxLength: 3 }).map(uniqueNames),
      }),
    ),
  }),
})

test('whatever the generated code writes comes back byte for byte', () => {
  fc.assert(
    fc.property(modelInit, (init) => {
      const written = file(init)
      expect(Buffer.compare(encode(decodeModel(written)), written)).toBe(0)
    }),
    { numRuns: 400 },
  )
})

test('the generated code reads what we write for a model of our own, and would write the same', () => {
  const ours = buildModel({
    inputs: { x: ['float16', ['batch', 3, null]], any: ['float32'] },
    outputs: { y: ['float16', []] },
    initializers: {
      w: tensor('int64', [2], [-1, 2 ** 52]),
      big: tensor('float32', [100, 100], new Float32Array(10_000).fill(0.1)),
      words: strings([2], ['a', '数']),
    },
    metadata: { author: 'Ada' },
    nodes: [
      node('Mystery', ['x', '', 'w'], ['y'], { axis: -1, mode: 'linear', pads: [0, -1, 2 ** 40] }, 'com.microsoft'),
    ],
    domains: { 'com.microsoft': 1 },
  })
  const written = encode(ours)
  const message = fromBinary(ModelProtoSchema, written)
  expect(Buffer.compare(toBinary(ModelProtoSchema, message), written)).toBe(0)
  expect(message.graph?.initializer.map(({ name: one }) => one)).toEqual(['w', 'big', 'words'])
  expect(message.graph?.node[0]?.attribute.map(({ name: one, type }) => [one, type])).toEqual([
    ['axis', 2],
    ['mode', 3],
    ['pads', 7],
  ])
})

const graphWith = (initializer: readonly MessageInitShape<typeof TensorProtoSchema>[]): Uint8Array =>
  file({ graph: { name: 'g', initializer: [...initializer] } })
const only = (bytesOfFile: Uint8Array): Tensor => {
  const [found] = decodeModel(bytesOfFile).graph.initializers.values()
  if (!found) throw new Error('There is no initializer.')
  return found
}

const TYPED: readonly (readonly [KnownDType, MessageInitShape<typeof TensorProtoSchema>, readonly number[]])[] = [
  ['int8', { int32Data: [-128, 127] }, [0x80, 0x7f]],
  ['uint8', { int32Data: [0, 255] }, [0, 255]],
  ['bool', { int32Data: [0, 1] }, [0, 1]],
  ['int16', { int32Data: [-2, 256] }, [0xfe, 0xff, 0, 1]],
  ['uint16', { int32Data: [65535, 1] }, [0xff, 0xff, 1, 0]],
  ['float16', { int32Data: [0x3c00, 0xbc00] }, [0, 0x3c, 0, 0xbc]],
  ['bfloat16', { int32Data: [0x3f80, 0xff80] }, [0x80, 0x3f, 0x80, 0xff]],
  ['int32', { int32Data: [-1, 2 ** 31 - 1] }, [255, 255, 255, 255, 255, 255, 255, 127]],
  ['uint32', { uint64Data: [2n ** 32n - 1n, 1n] }, [255, 255, 255, 255, 1, 0, 0, 0]],
  ['int64', { int64Data: [-2n, 1n] }, [254, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0]],
  ['uint64', { uint64Data: [2n ** 64n - 1n, 1n] }, [...Array<number>(8).fill(255), 1, 0, 0, 0, 0, 0, 0, 0]],
  ['float32', { floatData: [1, -2] }, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]],
  ['float64', { doubleData: [1, -2] }, [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]],
]

test.each(TYPED)(
  '%s in its typed field has the raw layout in memory and goes back as it came',
  (dtype, data, expected) => {
    const written = graphWith([{ name: 'w', dims: [2n], dataType: dtypeCode(dtype), ...data }])
    const read = only(written)
    expect(read).toMatchObject({ dtype, dims: [2], field: 'typed', data: { kind: 'bytes' } })
    expect(read.data.kind === 'bytes' && [...read.data.bytes]).toEqual(expected)
    expect(Buffer.compare(encode(decodeModel(written)), written)).toBe(0)
  },
)

/** A message field around `content`. */
const field = (number: number, content: readonly number[]): number[] => [number * 8 + 2, content.length, ...content]
const IR_AND_OPSET = [0x08, 8, ...field(8, [0x10, 17])]
const graphFile = (content: readonly number[]): Uint8Array => Uint8Array.of(...IR_AND_OPSET, ...field(7, content))

test('packed dims and unpacked data, as other writers make them, read the same', () => {
  const packedDims = field(1, [2, 1])
  const unpackedDims = [0x08, 2, 0x08, 1]
  const int32 = [0x10, 6]
  const packedData = field(5, [5, 0xac, 2])
  const unpackedData = [0x28, 5, 0x28, 0xac, 2]
  const tensors = [packedDims, unpackedDims].flatMap((dims) =>
    [packedData, unpackedData].map((data) => only(graphFile(field(5, [...dims, ...int32, ...data])))),
  )
  for (const read of tensors) {
    expect(read.dims).toEqual([2, 1])
    expect(read.data.kind === 'bytes' && [...read.data.bytes]).toEqual([5, 0, 0, 0, 44, 1, 0, 0])
  }
})

test('floats in several pieces, packed or not, are joined in order', () => {
  const one = [0, 0, 0x80, 0x3f]
  const two = [0, 0, 0, 0x40]
  const content = [0x08, 3, 0x10, 1, ...field(4, [...one, ...two]), 0x25, ...one]
  const read = only(graphFile(field(5, content)))
  expect(read.data.kind === 'bytes' && [...read.data.bytes]).toEqual([...one, ...two, ...one])
})

/** Field 30, whose tag takes two bytes. */
const LATER_FIELD = [0xf2, 0x01, 3, 1, 2, 3]

test('fields, groups and attribute kinds of a later format survive', () => {
  const group = [0x9b, 0x06, 0x08, 1, 0x9c, 0x06]
  const attribute = [...field(1, [0x61]), 0xa0, 0x01, 77, ...LATER_FIELD]
  const oneNode = [...field(2, [0x79]), ...field(4, [0x4f]), ...field(5, attribute), ...group]
  const bytesOfFile = Uint8Array.of(0x08, 8, ...field(7, field(1, oneNode)), ...field(8, [0x10, 17]), ...group)
  const model = decodeModel(bytesOfFile)
  expect(model.graph.nodes[0]?.attributes.get('a')?.kind).toBe('other')
  expect(Buffer.compare(encode(model), bytesOfFile)).toBe(0)
})

test('a changed object keeps what it carries and loses what it says anew', () => {
  const written = file({
    producerName: '',
    docString: 'text',
    metadataProps: [{ key: 'a', value: '1' }],
    graph: { name: 'g', docString: 'graph', node: [{ name: '', opType: 'A', output: ['y'], docString: 'node' }] },
  })
  const model = decodeModel(written)
  const [first] = model.graph.nodes
  if (!first) throw new Error('There is no node.')
  const nodes = [{ ...first, name: 'named', opType: 'B' }]
  const changed = { ...model, producerName: 'lathe', metadata: new Map([['a', '2']]), graph: { ...model.graph, nodes } }
  const message = fromBinary(ModelProtoSchema, encode(changed))
  expect(message).toMatchObject({ producerName: 'lathe', docString: 'text', metadataProps: [{ key: 'a', value: '2' }] })
  expect(message.graph).toMatchObject({ docString: 'graph', node: [{ name: 'named', opType: 'B', docString: 'node' }] })
})

test('the standard domain is one domain, however the file spells it', () => {
  const written = file({
    opsetImport: [{ domain: 'ai.onnx', version: 17n }],
    graph: { name: 'g', node: [{ opType: 'A', output: ['y'], domain: 'ai.onnx' }] },
  })
  const model = decodeModel(written)
  expect(model.opsets).toEqual(new Map([['', 17]]))
  expect(model.graph.nodes[0]?.domain).toBe('')
  expect(Buffer.compare(encode(model), written)).toBe(0)
})

test('weights are neither copied when they are read nor when they are written', () => {
  const weight = new Uint8Array(1 << 20).fill(7)
  const written = graphWith([{ name: 'w', dims: [BigInt(weight.length)], dataType: 2, rawData: weight }])
  const model = decodeModel(written)
  const parts = encodeParts(model)
  expect(partsSizeBytes(parts)).toBe(written.length)
  expect(parts.length).toBeLessThanOrEqual(3)
  expect(parts.filter(({ buffer }) => buffer === written.buffer).map(({ length }) => length)).toEqual([weight.length])
})

test('nodes are written in topological order', () => {
  const nodes = [node('Relu', ['t'], ['y']), node('Relu', ['x'], ['t'])]
  const model = decodeModel(encode(buildModel({ inputs: { x: ['float32'] }, outputs: { y: ['float32'] }, nodes })))
  expect(model.graph.nodes.map(({ name: one }) => one)).toEqual(['t', 'y'])
})

test('the IR version rises where a data type or a bare initializer needs it', () => {
  const irOf = (irVersion: number, initializers: Readonly<Record<string, Tensor>>, inputs = {}): number =>
    decodeModel(encode(buildModel({ irVersion, opset: 8, inputs, initializers, nodes: [] }))).irVersion
  const int4: Tensor = { ...tensor('uint8', [1], [1]), dtype: 'int4', dims: [2] }
  expect(irOf(3, {})).toBe(3)
  expect(irOf(3, { w: tensor('float32', [1], [1]) }, { w: ['float32', [1]] })).toBe(3)
  expect(irOf(3, { w: tensor('float32', [1], [1]) })).toBe(4)
  expect(irOf(3, { w: int4 })).toBe(10)
})

test('a model of 2 GiB is refused with the way out', () => {
  // One buffer stands for all weights: nothing of it is copied.
  const shared = tensor('uint8', [2 ** 26], [])
  const bytesOfWeight = new Uint8Array(2 ** 26)
  const weight: Tensor = { ...shared, data: { kind: 'bytes', bytes: bytesOfWeight } }
  const initializers = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`w${index}`, weight]))
  expect(() => encodeParts(buildModel({ initializers, nodes: [] }))).toThrow(
    expect.objectContaining({ code: 'model/too-large', message: expect.stringMatching(/write its weights to a file/) }),
  )
})
