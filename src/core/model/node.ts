// A node of the graph and typed access to its attributes (NodeProto, AttributeProto). int64 stays bigint.

import { LabError } from '../errors/lab-error'
import type { Carried } from './carried'
import type { Graph } from './graph'
import type { Tensor } from './tensor'

export type Attribute = (
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  /** Bytes, usually UTF-8. */
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** Inside a function body: stands for the attribute of that name at the call. */
  | { readonly kind: 'reference'; readonly value: string }
  /** Types, sparse tensors and kinds newer than this code. */
  | { readonly kind: 'other' }
) & { readonly carried?: Carried }

export interface Node {
  /** May be empty or repeated in files. */
  readonly name: string
  readonly opType: string
  /** `''` is ai.onnx. */
  readonly domain: string
  /** An empty string is an omitted optional input. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly overload?: string
  readonly carried?: Carried
}

/** How messages call a node: its name, else its first output. */
export const nodeLabel = (node: Node): string => node.name || `${node.opType} → ${node.outputs[0] ?? '?'}`

/** How options name a node: a node without a name goes by that of its first output, which no other node has. */
export const nodeName = ({ name, outputs }: Node): string => name || (outputs[0] ?? '')

export const isOp = (node: Node, opType: string, domain = ''): boolean =>
  node.opType === opType && node.domain === domain

function wrongKind(node: Node, name: string, expected: string, got: string): LabError {
  return new LabError('model/invalid', `Attribute "${name}" of ${nodeLabel(node)} is ${got}, expected ${expected}.`, {
    node: nodeLabel(node),
    op: node.opType,
  })
}

function read<K extends Attribute['kind']>(node: Node, name: string, kind: K) {
  const attribute = node.attributes.get(name)
  if (!attribute) return undefined
  if (attribute.kind !== kind) throw wrongKind(node, name, kind, attribute.kind)
  return attribute as Extract<Attribute, { kind: K }>
}

/** Reads an integer attribute as a number; beyond 2^53 it is refused as `model/invalid`. */
export function intAttribute<D extends number | undefined>(node: Node, name: string, fallback: D): number | D {
  const attribute = read(node, name, 'int')
  return attribute ? safeInteger(node, name, attribute.value) : fallback
}

export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  return read(node, name, 'ints')?.value.map((value) => safeInteger(node, name, value))
}

export function floatAttribute<D extends number | undefined>(node: Node, name: string, fallback: D): number | D {
  return read(node, name, 'float')?.value ?? fallback
}

export function stringAttribute<D extends string | undefined>(node: Node, name: string, fallback: D): string | D {
  const attribute = read(node, name, 'string')
  return attribute ? new TextDecoder().decode(attribute.value) : fallback
}

function safeInteger(node: Node, name: string, value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw wrongKind(node, name, 'an integer below 2^53', String(value))
  return number
}

/** Every graph nested in the node's attributes (`If`, `Loop`, `Scan` bodies), with the attribute's name. */
export function subgraphs(node: Node): readonly { readonly attribute: string; readonly graph: Graph }[] {
  return [...node.attributes].flatMap(([attribute, { kind, value }]: [string, Attribute & { value?: unknown }]) => {
    if (kind === 'graph') return [{ attribute, graph: value as Graph }]
    return kind === 'graphs' ? (value as Graph[]).map((graph) => ({ attribute, graph })) : []
  })
}

/** Plain values → attributes, for nodes that Lathe makes: integer numbers become ints, use `float()` for floats. */
export function attributes(
  values: Readonly<Record<string, number | string | readonly number[] | Attribute>>,
): ReadonlyMap<string, Attribute> {
  return new Map(Object.entries(values).map(([name, value]) => [name, toAttribute(value)]))
}

export const float = (value: number): Attribute => ({ kind: 'float', value })

function toAttribute(value: number | string | readonly number[] | Attribute): Attribute {
  if (typeof value === 'number') return { kind: 'int', value: BigInt(value) }
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) }
  if (Array.isArray(value)) return { kind: 'ints', value: value.map((item: number) => BigInt(item)) }
  return value as Attribute
}
