// Fusions around matrix products: a product with its bias becomes `Gemm`, a transposed operand becomes an attribute of it, a division by
// powers of two becomes a multiplication.

import type { GraphEdit } from '../../core/model/map-graphs'
import { attributes, intAttribute, intsAttribute, isOp, type Node } from '../../core/model/node'
import type { Shape } from '../../core/model/shape'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { absorbable, fused, type Edit, type Fusion } from './edit'

/** What `Gemm` is computed in everywhere. */
const PRODUCT_TYPES: ReadonlySet<string> = new Set(['float32', 'float64', 'float16'])

/** The product of two matrices plus a constant per column. The bias may enter the sum earlier: see the README. */
export const matMulAddToGemm: Fusion = (node, graph, opset) => {
  // Before opset 7 an attribute said how operands broadcast.
  if (!isOp(node, 'Add') || opset < 7) return undefined
  for (const position of [0, 1]) {
    const product = absorbable(graph, node.inputs[position] ?? '', 'MatMul')
    const biasName = node.inputs[1 - position] ?? ''
    const bias = graph.constant(biasName)
    if (!product || !bias || !isBias(bias, product, graph)) continue
    const made = { ...product, opType: 'Gemm', inputs: [...product.inputs, biasName], outputs: node.outputs }
    return fused('MatMul + Add → Gemm', product, node, { ...made, attributes: attributes({}) })
  }
  return undefined
}

function isBias({ dims, dtype }: Tensor, { inputs }: Node, graph: GraphEdit): boolean {
  const [a, b] = [0, 1].map((input) => tensorType(graph, inputs[input]))
  if (a?.dtype !== dtype || !PRODUCT_TYPES.has(dtype)) return false
  return a.shape?.length === 2 && b?.shape?.length === 2 && dims.length === 1 && dims[0] === b.shape[1]
}

function tensorType(
  graph: GraphEdit,
  value = '',
): { readonly dtype: string; readonly shape?: Shape | undefined } | undefined {
  const type = graph.type(value)
  return type?.kind === 'tensor' ? type : undefined
}

/** `Gemm` reads either matrix transposed at no cost; another kernel may sum in another order. */
export const transposeIntoGemm: Fusion = (node, graph) => {
  if (!isOp(node, 'Gemm')) return undefined
  for (const [position, attribute] of ['transA', 'transB'].entries()) {
    const transpose = absorbable(graph, node.inputs[position] ?? '', 'Transpose')
    // The operand is a matrix, so without `perm` its two axes change places, too.
    if (!transpose || (intsAttribute(transpose, 'perm') ?? [1, 0]).join() !== '1,0') continue
    const inputs = node.inputs.map((name, at) => (at === position ? (transpose.inputs[0] ?? '') : name))
    const flipped = attributes({ [attribute]: 1 - intAttribute(node, attribute, 0) })
    const made = { ...node, inputs, attributes: new Map([...node.attributes, ...flipped]) }
    return fused('Transpose + Gemm', transpose, node, made)
  }
  return undefined
}

/** x / 2^k and x · 2^-k are the same real number, so they round alike. */
export const divisionToProduct: Fusion = (node, graph) => {
  if (!isOp(node, 'Div')) return undefined
  const [x = '', name = ''] = node.inputs
  const divisor = graph.constant(name)
  const reciprocals = divisor && reciprocalPowers(divisor)
  if (!reciprocals) return undefined
  const weight = makeTensor(graph.freshName(`${name}_reciprocal`), 'float32', divisor.dims, reciprocals)
  const edit: Edit = {
    label: 'Div → Mul',
    put: new Map([[node, { ...node, opType: 'Mul', inputs: [x, weight.name] }]]),
    weights: [weight],
  }
  return edit
}

/** Undefined unless every number is a power of two (of either sign) whose reciprocal is a normal number. */
function reciprocalPowers(divisor: Tensor): Float32Array | undefined {
  if (divisor.dtype !== 'float32' || divisor.data.kind !== 'bytes') return undefined
  const bits = viewAs(tensorBytes(divisor), Uint32Array)
  const result = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const pattern = bits[i] as number
    const exponent = (pattern >>> 23) & 0xff
    if ((pattern & 0x7fffff) !== 0 || exponent < 1 || exponent > 253) return undefined
    result[i] = (pattern & 0x80000000) | ((254 - exponent) << 23)
  }
  return new Float32Array(result.buffer)
}
