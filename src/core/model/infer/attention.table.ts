// Fused attention, of ONNX (opset 23 on) and of com.microsoft.

import { intAttribute, intsAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import { addDims, multiplyDims, sizeDim } from './dims'
import { sameAs, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'

/** ONNX `Attention`: query, key and value as [batch, heads, length, size] or [batch, length, heads · size]. */
const attention: Rule = (context) => {
  const [q, k, v] = [context.shape(0), context.shape(1), context.shape(2)]
  const dtype = context.dtype(0)
  const heads = { q: intAttribute(context.node, 'q_num_heads', 0), kv: intAttribute(context.node, 'kv_num_heads', 0) }
  const key = headsApart(k, heads.kv)
  const value = headsApart(v, heads.kv)
  const present = (apart: Shape | undefined, past: number): Shape | undefined => {
    if (!apart || !context.has(past)) return apart
    return apart.map((dim, axis) => (axis === 2 ? addDims(dim, context.shape(past)?.[2] ?? null) : dim))
  }
  const [allKeys, allValues] = [present(key, 4), present(value, 5)]
  const query = headsApart(q, heads.q)
  const scores = query && [query[0] ?? null, query[1] ?? null, query[2] ?? null, allKeys?.[2] ?? null]
  return [
    tensorFacts(dtype, attended(q, query, value)),
    tensorFacts(context.dtype(1), allKeys),
    tensorFacts(context.dtype(2), allValues),
    tensorFacts(dtype, scores),
  ]
}

/** As [batch, heads, length, size], whichever form the tensor has. */
function headsApart(shape: Shape | undefined, heads: number): Shape | undefined {
  if (shape?.length !== 3 || heads <= 0) return shape?.length === 4 ? shape : undefined
  const [batch = null, length = null, width = null] = shape
  return [batch, heads, length, typeof width === 'number' && width % heads === 0 ? width / heads : null]
}

function attended(q: Shape | undefined, query: Shape | undefined, value: Shape | undefined): Shape | undefined {
  if (!q || !query) return undefined
  const size = value?.[3] ?? null
  if (q.length === 4) return [q[0] ?? null, q[1] ?? null, q[2] ?? null, size]
  return [q[0] ?? null, q[1] ?? null, multiplyDims(query[1] ?? null, size)]
}

/** com.microsoft `Attention` and `QAttention`: one input, the weights of Q, K and V side by side. */
const packedAttention =
  (weightInput: number, pastInput: number): Rule =>
  (context) => {
    const input = context.shape(0)
    const dtype = context.node.opType === 'QAttention' ? (context.dtype(3) ?? 'float32') : context.dtype(0)
    const sizes = intsAttribute(context.node, 'qkv_hidden_sizes')
    const packed = context.shape(weightInput)?.[1]
    const width: Dim = sizes ? sizeDim(sizes[2] ?? NaN) : typeof packed === 'number' ? sizeDim(packed / 3) : null
    const output = input && [input[0] ?? null, input[1] ?? null, width]
    return [tensorFacts(dtype, output), tensorFacts(dtype, presentPair(context, input, width, pastInput))]
  }

/** Keys and values of past and present in one tensor: [2, batch, heads, length, size]. */
function presentPair(context: NodeContext, input: Shape | undefined, width: Dim, pastInput: number): Shape {
  const heads = intAttribute(context.node, 'num_heads', 0)
  const size = typeof width === 'number' && heads > 0 ? sizeDim(width / heads) : null
  const past = context.has(pastInput) ? (context.shape(pastInput)?.[3] ?? null) : 0
  return [2, input?.[0] ?? null, heads > 0 ? heads : null, addDims(past, input?.[1] ?? null), size]
}

/** com.microsoft `MultiHeadAttention`; packed QKV ([batch, length, heads, 3, size]) comes as a 5-D query. */
const multiHead: Rule = (context) => {
  const [query, value] = [context.shape(0), context.shape(2)]
  const [batch = null, length = null, width = null] = query ?? []
  const heads = intAttribute(context.node, 'num_heads', 0)
  const state = tensorFacts(context.dtype(0), [batch, heads > 0 ? heads : null, null, null])
  if (!query) return [tensorFacts(context.dtype(0), undefined), state, state]
  if (query.length === 5) return [tensorFacts(context.dtype(0), [batch, length, multiplyDims(width, query[4] ?? null)])]
  const valueWidth = value?.length === 4 ? multiplyDims(value[1] ?? null, value[3] ?? null) : value?.[2]
  const output = tensorFacts(context.dtype(0), [batch, length, context.has(2) ? (valueWidth ?? null) : width])
  return [output, state, state]
}

/** Output like the query (without packed keys and values); the caches follow, which may be quantized, and the scores. */
const groupQuery: Rule = (context) => {
  const query = context.shape(0)
  const isPacked = !context.has(1)
  const output = query && (isPacked ? [query[0] ?? null, query[1] ?? null, null] : query)
  const kv = intAttribute(context.node, 'kv_num_heads', 0)
  const cache = (past: number) =>
    tensorFacts(context.dtype(past) ?? context.dtype(0), [query?.[0] ?? null, kv > 0 ? kv : null, null, null])
  return [tensorFacts(context.dtype(0), output), cache(3), cache(4), tensorFacts(context.dtype(0), undefined)]
}

const SAME = sameAs()

export const ATTENTION_RULES: RuleTable = { Attention: attention, RotaryEmbedding: SAME }

export const MICROSOFT_ATTENTION_RULES: RuleTable = {
  Attention: packedAttention(1, 4),
  QAttention: packedAttention(1, 8),
  MultiHeadAttention: multiHead,
  GroupQueryAttention: groupQuery,
  RotaryEmbedding: SAME,
}
