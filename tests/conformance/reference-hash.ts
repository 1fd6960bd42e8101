// Short hashes of tensors and of what a graph computes, the same as in tools/conformance/reference.py, so that files of the reference
// toolkit can be compared with Lathe's without being there.

import { createHash } from 'node:crypto'

import { dtypeCode } from '../../src/core/model/dtype'
import type { Graph } from '../../src/core/model/graph'
import type { Model } from '../../src/core/model/model'
import { intAttribute, subgraphs, type Attribute, type Node } from '../../src/core/model/node'
import { makeTensor, tensorBytes, tensorCount, type Tensor } from '../../src/core/model/tensor'
import { sortTopologically } from '../../src/core/model/topological-sort'

const digest = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

/** Of type, dims and little-endian bytes; a scalar and a vector of one are alike. */
export function tensorHash(tensor: Tensor): string {
  const known = hashes.get(tensor)
  if (known !== undefined) return known
  const dims = tensor.dims.length === 1 && tensor.dims[0] === 1 ? '' : tensor.dims.join(',')
  const hash = digest(`${dtypeCode(tensor.dtype)}:${dims}:`, tensorBytes(tensor))
  hashes.set(tensor, hash)
  return hash
}

/** Most tensors of a model stay the same from case to case. */
const hashes = new WeakMap<Tensor, string>()

/** `model` with zeros for the codes of MatMulNBits beyond the last row of its weight, which nothing reads. Hash it, do not run it. */
export const withoutUnread = (model: Model): Model => ({ ...model, graph: withoutUnreadIn(model.graph) })

function withoutUnreadIn(graph: Graph): Graph {
  const initializers = new Map(graph.initializers)
  for (const node of graph.nodes) {
    const weight = initializers.get(node.inputs[1] ?? '')
    if (node.opType === 'MatMulNBits' && weight) initializers.set(weight.name, clearTails(weight, node))
  }
  const nodes = graph.nodes.map((node): Node => {
    const bodies = [...node.attributes].map(([name, attribute]): [string, Attribute] =>
      attribute.kind === 'graph'
        ? [name, { ...attribute, value: withoutUnreadIn(attribute.value) }]
        : [name, attribute],
    )
    return { ...node, attributes: new Map(bodies) }
  })
  return { ...graph, nodes, initializers }
}

function clearTails(weight: Tensor, node: Node): Tensor {
  const bits = intAttribute(node, 'K', 0) * intAttribute(node, 'bits', 4)
  const bytes = tensorBytes(weight).slice()
  const rowBytes = bytes.length / intAttribute(node, 'N', 1)
  bytes.forEach((byte, at) => {
    const kept = Math.min(Math.max(bits - 8 * (at % rowBytes), 0), 8)
    bytes[at] = byte & (2 ** kept - 1)
  })
  return makeTensor(weight.name, weight.dtype, weight.dims, bytes)
}

/** Every initializer by name, those of subgraphs too. */
export function initializersOf(graph: Graph): ReadonlyMap<string, Tensor> {
  const inner = graph.nodes.flatMap(subgraphs).flatMap(({ graph: body }) => [...initializersOf(body)])
  return new Map([...graph.initializers, ...inner])
}

/** Equal for models whose outputs are computed alike, whatever the values between are called and in whichever order the nodes stand. */
export const modelHash = (model: Model): string => graphHash(model.graph, new Map())

function graphHash(graph: Graph, outer: ReadonlyMap<string, string>): string {
  const values = new Map(outer)
  for (const [name, tensor] of graph.initializers) values.set(name, tensorHash(tensor))
  for (const { name } of graph.inputs) if (!values.has(name)) values.set(name, `input ${name}`)
  for (const node of sortTopologically(graph.nodes, graph)) {
    const constant = node.opType === 'Constant' ? node.attributes.get('value') : undefined
    if (constant?.kind === 'tensor') values.set(node.outputs[0] ?? '', tensorHash(constant.value))
    else {
      const made = nodeHash(node, graph, values)
      node.outputs.forEach((name, index) => name && values.set(name, `${made}:${index}`))
    }
  }
  return digest(graph.outputs.map(({ name }) => read(values, name)).join('|'))
}

function nodeHash(node: Node, graph: Graph, values: ReadonlyMap<string, string>): string {
  const scale = graph.initializers.get(node.inputs[1] ?? '')
  const isPerTensor = /^(Quantize|Dequantize)Linear$/.test(node.opType) && scale && tensorCount(scale) === 1
  const attributes = [...node.attributes]
    .filter(([name]) => !(isPerTensor && name === 'axis'))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, attribute]) => `${name}=${attributeText(attribute, values)}`)
  const inputs = node.inputs.map((name) => (name === '' ? '' : read(values, name)))
  return digest([node.domain, node.opType, ...inputs, ...attributes].join('|'))
}

function read(values: ReadonlyMap<string, string>, name: string): string {
  const value = values.get(name)
  if (value === undefined) throw new Error(`Nothing makes "${name}".`)
  return value
}

function attributeText(attribute: Attribute, values: ReadonlyMap<string, string>): string {
  switch (attribute.kind) {
    case 'int':
      return String(attribute.value)
    case 'float':
      return hexed(attribute.value)
    case 'string':
      return Buffer.from(attribute.value).toString()
    case 'ints':
      return attribute.value.join(',')
    case 'floats':
      return attribute.value.map(hexed).join(',')
    case 'strings':
      return attribute.value.map((text) => Buffer.from(text).toString()).join(',')
    case 'tensor':
      return tensorHash(attribute.value)
    case 'graph':
      return graphHash(attribute.value, values)
    default:
      throw new Error(`An attribute of kind ${attribute.kind} has no hash.`)
  }
}

function hexed(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes.toString('hex')
}
