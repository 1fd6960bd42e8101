// GraphProto, NodeProto and AttributeProto → Graph, Node and Attribute.

import { LabError } from '../errors/lab-error'
import type { Graph } from '../model/graph'
import { nodeLabel, type Attribute, type Node } from '../model/node'
import type { ValueInfo } from '../model/shape'
import type { Tensor } from '../model/tensor'
import { CarriedCollector } from './carried-fields'
import { decodeTensor } from './decode-tensor'
import { decodeValueInfo } from './decode-type'
import { ATTRIBUTE, ATTRIBUTE_KINDS, GRAPH, NODE, SPARSE_TENSOR, TENSOR, type AttributeKind } from './schema'
import { WIRE, type WireReader } from './wire-reader'

/** The standard domain has two spellings; inside Lathe it is the empty one. */
export const STANDARD_DOMAIN = 'ai.onnx'

export function decodeGraph(reader: WireReader): Graph {
  const carried = new CarriedCollector()
  const nodes: Node[] = []
  const inputs: ValueInfo[] = []
  const outputs: ValueInfo[] = []
  const initializers = new Map<string, Tensor>()
  const sparseInitializers: string[] = []
  let name = ''
  while (reader.next()) {
    switch (reader.field) {
      case GRAPH.node:
        nodes.push(decodeNode(reader.nested('NodeProto')))
        break
      case GRAPH.name:
        name = carried.text(reader)
        break
      case GRAPH.initializer:
        addInitializer(initializers, reader)
        break
      case GRAPH.input:
        inputs.push(decodeValueInfo(reader.nested('ValueInfoProto')))
        break
      case GRAPH.output:
        outputs.push(decodeValueInfo(reader.nested('ValueInfoProto')))
        break
      case GRAPH.valueInfo:
        break
      default:
        if (reader.field === GRAPH.sparseInitializer) sparseInitializers.push(sparseName(reader))
        carried.keep(reader)
    }
  }
  const valueInfos = decodeValueInfos(reader.restart(), [...inputs, ...outputs], carried)
  const sparse = sparseInitializers.length > 0 && { sparseInitializers }
  return { name, nodes, inputs, outputs, initializers, valueInfos, ...sparse, ...carried.finish() }
}

function addInitializer(initializers: Map<string, Tensor>, reader: WireReader): void {
  const tensor = decodeTensor(reader.nested('TensorProto'))
  if (initializers.has(tensor.name)) {
    const message = `There are two initializers named "${tensor.name}", the second at byte ${reader.byteOffset}.`
    throw new LabError('model/invalid', message, { tensor: tensor.name, byteOffset: reader.byteOffset })
  }
  initializers.set(tensor.name, tensor)
}

/** A sparse initializer goes by the name of its values. */
function sparseName(reader: WireReader): string {
  const sparse = reader.nested('SparseTensorProto')
  let name = ''
  while (sparse.next()) {
    if (sparse.field !== SPARSE_TENSOR.values) continue
    const values = sparse.nested('TensorProto')
    while (values.next()) if (values.field === TENSOR.name) name = values.string()
  }
  return name
}

/** Types that repeat one of `stated`, or come twice, are carried. */
function decodeValueInfos(
  reader: WireReader,
  stated: readonly ValueInfo[],
  carried: CarriedCollector,
): Map<string, ValueInfo> {
  const valueInfos = new Map<string, ValueInfo>()
  const names = new Set(stated.map(({ name }) => name))
  while (reader.next()) {
    if (reader.field !== GRAPH.valueInfo) continue
    const info = decodeValueInfo(reader.nested('ValueInfoProto'))
    if (names.has(info.name)) carried.keep(reader)
    else valueInfos.set(info.name, info)
    names.add(info.name)
  }
  return valueInfos
}

export function decodeNode(reader: WireReader): Node {
  const carried = new CarriedCollector()
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes = new Map<string, Attribute>()
  let [name, opType, domain, overload] = ['', '', '', '']
  const repeated: string[] = []
  while (reader.next()) {
    switch (reader.field) {
      case NODE.input:
        inputs.push(reader.string())
        break
      case NODE.output:
        outputs.push(reader.string())
        break
      case NODE.name:
        name = carried.text(reader)
        break
      case NODE.opType:
        opType = carried.text(reader)
        break
      case NODE.domain:
        domain = carried.text(reader, STANDARD_DOMAIN)
        break
      case NODE.overload:
        overload = carried.text(reader)
        break
      case NODE.attribute: {
        const [key, attribute] = decodeAttribute(reader.nested('AttributeProto'))
        if (attributes.has(key)) repeated.push(key)
        attributes.set(key, attribute)
        break
      }
      default:
        carried.keep(reader)
    }
  }
  const node = { name, opType, domain, inputs, outputs, attributes, ...(overload && { overload }), ...carried.finish() }
  const [twice] = repeated
  if (twice === undefined) return node
  const message = `Node ${nodeLabel(node)} has the attribute "${twice}" twice.`
  throw new LabError('model/invalid', message, { node: nodeLabel(node), op: opType })
}

const KIND_BY_CODE = new Map<number, AttributeKind>(
  (Object.keys(ATTRIBUTE_KINDS) as AttributeKind[]).map((kind) => [ATTRIBUTE_KINDS[kind].code, kind]),
)
const KIND_BY_FIELD = new Map<number, AttributeKind>(
  (Object.keys(ATTRIBUTE_KINDS) as AttributeKind[]).map((kind) => [ATTRIBUTE_KINDS[kind].field, kind]),
)
const MAX_INT32 = 2 ** 31 - 1

function decodeAttribute(reader: WireReader): readonly [name: string, attribute: Attribute] {
  const carried = new CarriedCollector()
  const { name, reference, kind } = attributeHeader(reader.restart())
  if (reference)
    return [name, { kind: 'reference', value: reference, ...keepRest(reader, carried, ATTRIBUTE.refAttrName) }]
  if (!kind) return [name, { kind: 'other', ...keepRest(reader, carried) }]
  const { field } = ATTRIBUTE_KINDS[kind]
  const value = attributeValue(kind, field, reader.restart())
  return [name, { ...value, ...keepRest(reader, carried, field, ATTRIBUTE.type) }]
}

function attributeHeader(reader: WireReader): { name: string; reference: string; kind: AttributeKind | undefined } {
  let [name, reference, code] = ['', '', 0]
  let guess: AttributeKind | undefined
  while (reader.next()) {
    if (reader.field === ATTRIBUTE.name) name = reader.string()
    else if (reader.field === ATTRIBUTE.refAttrName) reference = reader.string()
    else if (reader.field === ATTRIBUTE.type) code = reader.integer('the attribute type', 0, MAX_INT32)
    else guess ??= KIND_BY_FIELD.get(reader.field)
  }
  // Files before IR version 2 state no type: the field that is there tells.
  return { name, reference, kind: code === 0 ? guess : KIND_BY_CODE.get(code) }
}

function keepRest(reader: WireReader, carried: CarriedCollector, ...interpreted: readonly number[]) {
  while (reader.next()) {
    if (reader.field !== ATTRIBUTE.name && !interpreted.includes(reader.field)) carried.keep(reader)
  }
  return carried.finish()
}

function attributeValue(kind: AttributeKind, field: number, reader: WireReader): Attribute {
  switch (kind) {
    case 'float':
      return { kind, value: last(collect(reader, field, () => reader.float())) ?? 0 }
    case 'int':
      return { kind, value: last(collect(reader, field, () => reader.bigint())) ?? 0n }
    case 'string':
      return { kind, value: last(collect(reader, field, () => reader.bytes())) ?? new Uint8Array() }
    case 'tensor':
      return {
        kind,
        value: only(
          reader,
          collect(reader, field, () => decodeTensor(reader.nested('TensorProto'))),
        ),
      }
    case 'graph':
      return {
        kind,
        value: only(
          reader,
          collect(reader, field, () => decodeGraph(reader.nested('GraphProto'))),
        ),
      }
    case 'floats':
      return { kind, value: collect(reader, field, () => floats(reader.fixed(WIRE.fixed32))).flat() }
    case 'ints':
      return { kind, value: collect(reader, field, () => reader.bigints()).flat() }
    case 'strings':
      return { kind, value: collect(reader, field, () => reader.bytes()) }
    case 'tensors':
      return { kind, value: collect(reader, field, () => decodeTensor(reader.nested('TensorProto'))) }
    case 'graphs':
      return { kind, value: collect(reader, field, () => decodeGraph(reader.nested('GraphProto'))) }
    default:
      return kind satisfies never
  }
}

function collect<T>(reader: WireReader, field: number, read: () => T): T[] {
  const found: T[] = []
  while (reader.next()) if (reader.field === field) found.push(read())
  return found
}

const last = <T>(items: readonly T[]): T | undefined => items.at(-1)

function only<T>(reader: WireReader, items: readonly T[]): T {
  const [item] = items
  if (item !== undefined && items.length === 1) return item
  throw reader.fail(`${items.length} values of an attribute that has exactly one`)
}

function floats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true))
}
