// Graph, Node and Attribute → GraphProto, NodeProto and AttributeProto. Nodes are sorted topologically, as the format asks.

import type { Graph } from '../model/graph'
import type { Attribute, Node } from '../model/node'
import { sortTopologically } from '../model/topological-sort'
import { carriedFields } from './carried-fields'
import { encodeTensor } from './encode-tensor'
import { encodeValueInfo } from './encode-type'
import { ATTRIBUTE, ATTRIBUTE_KINDS, GRAPH, NODE } from './schema'
import { WireWriter } from './wire-writer'

export function encodeGraph(graph: Graph): WireWriter {
  const writer = WireWriter.for(carriedFields(graph))
  for (const node of sortTopologically(graph.nodes, graph)) writer.message(GRAPH.node, encodeNode(node))
  writer.optionalString(GRAPH.name, graph.name)
  for (const tensor of graph.initializers.values()) writer.message(GRAPH.initializer, encodeTensor(tensor))
  for (const info of graph.inputs) writer.message(GRAPH.input, encodeValueInfo(info))
  for (const info of graph.outputs) writer.message(GRAPH.output, encodeValueInfo(info))
  for (const info of graph.valueInfos.values()) writer.message(GRAPH.valueInfo, encodeValueInfo(info))
  return writer
}

export function encodeNode(node: Node): WireWriter {
  const writer = WireWriter.for(carriedFields(node))
  for (const input of node.inputs) writer.string(NODE.input, input)
  for (const output of node.outputs) writer.string(NODE.output, output)
  writer.optionalString(NODE.name, node.name)
  writer.optionalString(NODE.opType, node.opType)
  for (const [name, attribute] of node.attributes) writer.message(NODE.attribute, encodeAttribute(name, attribute))
  writer.optionalString(NODE.domain, node.domain)
  writer.optionalString(NODE.overload, node.overload ?? '')
  return writer
}

function encodeAttribute(name: string, attribute: Attribute): WireWriter {
  const writer = WireWriter.for(carriedFields(attribute))
  writer.string(ATTRIBUTE.name, name)
  if (attribute.kind === 'reference') writer.string(ATTRIBUTE.refAttrName, attribute.value)
  else if (attribute.kind !== 'other') {
    const { code, field } = ATTRIBUTE_KINDS[attribute.kind]
    encodeValue(writer, field, attribute)
    writer.varint(ATTRIBUTE.type, code)
  }
  return writer
}

function encodeValue(
  writer: WireWriter,
  field: number,
  attribute: Exclude<Attribute, { kind: 'reference' | 'other' }>,
): void {
  switch (attribute.kind) {
    case 'float':
      return writer.float(field, attribute.value)
    case 'int':
      return writer.varint(field, attribute.value)
    case 'string':
      return writer.bytes(field, attribute.value)
    case 'tensor':
      return writer.message(field, encodeTensor(attribute.value))
    case 'graph':
      return writer.message(field, encodeGraph(attribute.value))
    case 'floats':
      return attribute.value.forEach((value) => writer.float(field, value))
    case 'ints':
      return attribute.value.forEach((value) => writer.varint(field, value))
    case 'strings':
      return attribute.value.forEach((value) => writer.bytes(field, value))
    case 'tensors':
      return attribute.value.forEach((value) => writer.message(field, encodeTensor(value)))
    case 'graphs':
      return attribute.value.forEach((value) => writer.message(field, encodeGraph(value)))
    default:
      attribute satisfies never
  }
}
