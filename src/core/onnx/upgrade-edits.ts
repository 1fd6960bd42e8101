// How a node is edited when its operator changes with the opset: attributes that become inputs, nodes that are put beside it,
// and the error where nothing can be done.

import { LabError } from '../errors/lab-error'
import { intsAttribute, nodeLabel, type Attribute, type Node } from '../model/node'
import type { ValueType } from '../model/shape'
import { makeTensor, type Tensor } from '../model/tensor'
import { encodeFloat16 } from '../numeric/float16'

export interface UpgradeContext {
  /** The opset that is being reached. */
  readonly opset: number
  type(value: string): ValueType | undefined
  constant(value: string): Tensor | undefined
  /** A name that neither a value nor a node of the model has. */
  freshName(base: string): string
  /** Adds a weight to the graph of the node and returns its name. */
  addConstant(base: string, make: (name: string) => Tensor): string
}

/** The attribute as an int64 input; the node itself when it has none. */
export function intsToInput(node: Node, attribute: string, position: number, context: UpgradeContext): Node {
  const values = intsAttribute(node, attribute)
  if (!values) return node
  const input = context.addConstant(`${node.outputs[0]}_${attribute}`, (name) =>
    makeTensor(name, 'int64', [values.length], BigInt64Array.from(values, BigInt)),
  )
  return withInput(withoutAttributes(node, attribute), position, input)
}

/** The attribute as a scalar of the type of the node's first input; `''` when the node has none. */
export function floatToInput(node: Node, attribute: string, context: UpgradeContext): string {
  const value = node.attributes.get(attribute)
  if (!value) return ''
  const dtype = tensorType(node.inputs[0], context)?.dtype
  const array = value.kind === 'float' ? floatScalar(dtype, value.value) : undefined
  if (!array || !dtype) {
    throw unsupported(node, context.opset, `the type of its input is ${dtype ?? 'not known'}, expected a float type`)
  }
  return context.addConstant(`${node.outputs[0]}_${attribute}`, (name) => makeTensor(name, dtype, [], array))
}

function floatScalar(dtype: string | undefined, value: number): ArrayBufferView | undefined {
  if (dtype === 'float32') return Float32Array.of(value)
  if (dtype === 'float64') return Float64Array.of(value)
  return dtype === 'float16' ? encodeFloat16(Float32Array.of(value)) : undefined
}

export function tensorType(
  value: string | undefined,
  context: UpgradeContext,
): Extract<ValueType, { kind: 'tensor' }> | undefined {
  const type = value ? context.type(value) : undefined
  return type?.kind === 'tensor' ? type : undefined
}

export function withInput(node: Node, position: number, input: string): Node {
  const inputs = Array.from({ length: Math.max(position + 1, node.inputs.length) }, (_, at) => node.inputs[at] ?? '')
  inputs[position] = input
  return { ...node, inputs }
}

export function withoutTail(inputs: readonly string[]): readonly string[] {
  const end = inputs.findLastIndex((input) => input !== '')
  return inputs.slice(0, end + 1)
}

export const withAttributes = (node: Node, added: Readonly<Record<string, Attribute>>): Node => ({
  ...node,
  attributes: new Map([...node.attributes, ...Object.entries(added)]),
})

export function withoutAttributes(node: Node, ...names: readonly string[]): Node {
  return { ...node, attributes: new Map([...node.attributes].filter(([name]) => !names.includes(name))) }
}

export function newNode(
  opType: string,
  inputs: readonly string[],
  output: string,
  context: UpgradeContext,
  added: Readonly<Record<string, Attribute>> = {},
): Node {
  const name = context.freshName(`${output}_${opType}`)
  return { name, opType, domain: '', inputs, outputs: [output], attributes: new Map(Object.entries(added)) }
}

export const int = (value: number): Attribute => ({ kind: 'int', value: BigInt(value) })
export const text = (value: string): Attribute => ({ kind: 'string', value: new TextEncoder().encode(value) })

export function unsupported(node: Node, opset: number, why: string): LabError {
  const message = `Node ${nodeLabel(node)} (${node.opType}) cannot be raised to opset ${opset}: ${why}.`
  return new LabError('model/unsupported', message, { node: nodeLabel(node), op: node.opType, opset })
}
