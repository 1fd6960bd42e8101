// Matrix products: the last two axes multiply, the ones before broadcast. `Einsum` states its axes by letters.

import type { DType } from '../dtype'
import { intAttribute, stringAttribute } from '../node'
import type { Dim, Shape } from '../shape'
import { broadcastDims, broadcastShapes, sizeDim } from './dims'
import { tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'

/** numpy's matmul: a vector on either side loses its axis. */
function multipliedShape(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (!a || !b || a.length === 0 || b.length === 0) return undefined
  const batch = broadcastShapes([a.slice(0, -2), b.slice(0, -2)])
  const rows = a.length > 1 ? [a.at(-2) ?? null] : []
  const columns = b.length > 1 ? [b.at(-1) ?? null] : []
  return batch && [...batch, ...rows, ...columns]
}

const product =
  (b: number, dtypeOf: (context: NodeContext) => DType | undefined): Rule =>
  (context) => [tensorFacts(dtypeOf(context), multipliedShape(context.shape(0), context.shape(b)))]

const transposeLast = (shape: Shape | undefined, when: boolean): Shape | undefined =>
  shape && when && shape.length > 1 ? [...shape.slice(0, -2), shape.at(-1) ?? null, shape.at(-2) ?? null] : shape

/** `transBatchA` moves the first axis to the last-but-one place. */
const transposeBatch = (shape: Shape | undefined, when: boolean): Shape | undefined =>
  shape && when && shape.length > 2 ? [...shape.slice(1, -1), shape[0] ?? null, shape.at(-1) ?? null] : shape

const fusedProduct: Rule = (context) => {
  const { node } = context
  const is = (name: string): boolean => intAttribute(node, name, 0) === 1
  const a = transposeLast(transposeBatch(context.shape(0), is('transBatchA')), is('transA'))
  const b = transposeLast(transposeBatch(context.shape(1), is('transBatchB')), is('transB'))
  return [tensorFacts(context.dtype(0), multipliedShape(a, b))]
}

const general =
  (b: number, dtypeOf: (context: NodeContext) => DType | undefined): Rule =>
  (context) => {
    const rows = transposeLast(context.shape(0), intAttribute(context.node, 'transA', 0) === 1)?.[0] ?? null
    const columns = transposeLast(context.shape(b), intAttribute(context.node, 'transB', 0) === 1)?.[1] ?? null
    return [tensorFacts(dtypeOf(context), [rows, columns])]
  }

/** The weights are packed; their logical size K × N stands in attributes. */
const packedWeight: Rule = (context) => {
  const columns = sizeDim(intAttribute(context.node, 'N', NaN))
  const shape = context.shape(0)
  return [tensorFacts(context.dtype(0), shape && [...shape.slice(0, -1), columns])]
}

/** `bij,bjk->bik`; without an arrow the letters that occur once, sorted. Ellipses broadcast. */
export interface EinsumTerms {
  readonly inputs: readonly string[]
  readonly output: string
}

const ELLIPSIS = '…'

export function parseEinsum(equation: string): EinsumTerms {
  const [left = '', right] = equation.replaceAll(' ', '').replaceAll('...', ELLIPSIS).split('->')
  const inputs = left.split(',')
  if (right !== undefined) return { inputs, output: right }
  const counts = new Map<string, number>()
  for (const letter of left) if (letter !== ',') counts.set(letter, (counts.get(letter) ?? 0) + 1)
  const once = [...counts].flatMap(([letter, count]) => (count === 1 && letter !== ELLIPSIS ? [letter] : [])).sort()
  return { inputs, output: (counts.has(ELLIPSIS) ? ELLIPSIS : '') + once.join('') }
}

/** The size behind every letter, and the broadcast axes behind the ellipsis; undefined where a rank does not fit. */
export function einsumSizes(terms: EinsumTerms, shapes: readonly (Shape | undefined)[]) {
  const sizes = new Map<string, Dim>()
  let ellipsis: Shape | undefined = []
  for (const [position, term] of terms.inputs.entries()) {
    const shape = shapes[position]
    const letters = [...term]
    if (!shape) return undefined
    const at = letters.indexOf(ELLIPSIS)
    const wide = at < 0 ? 0 : shape.length - (letters.length - 1)
    if (wide < 0 || (at < 0 && shape.length !== letters.length)) return undefined
    if (at >= 0) ellipsis = broadcastShapes([ellipsis, shape.slice(at, at + wide)])
    letters.forEach((letter, axis) => {
      if (letter === ELLIPSIS) return
      const dim = shape[at >= 0 && axis > at ? axis + wide - 1 : axis] ?? null
      sizes.set(letter, sizes.has(letter) ? broadcastDims(sizes.get(letter) ?? null, dim) : dim)
    })
  }
  return ellipsis && { sizes, ellipsis }
}

const einsum: Rule = (context) => {
  const terms = parseEinsum(stringAttribute(context.node, 'equation', ''))
  const found = einsumSizes(
    terms,
    terms.inputs.map((_, input) => context.shape(input)),
  )
  const shape =
    found &&
    [...terms.output].flatMap((letter) => (letter === ELLIPSIS ? found.ellipsis : [found.sizes.get(letter) ?? null]))
  return [tensorFacts(context.dtype(0), shape)]
}

const determinant: Rule = (context) => [tensorFacts(context.dtype(0), context.shape(0)?.slice(0, -2))]

const dtypeOfInput =
  (input: number) =>
  (context: NodeContext): DType | undefined =>
    context.dtype(input)

export const MATMUL_RULES: RuleTable = {
  MatMul: product(1, dtypeOfInput(0)),
  MatMulInteger: product(1, () => 'int32'),
  QLinearMatMul: product(3, (context) => context.dtype(7) ?? context.dtype(0)),
  Gemm: general(1, dtypeOfInput(0)),
  Einsum: einsum,
  Det: determinant,
}

export const MICROSOFT_MATMUL_RULES: RuleTable = {
  DynamicQuantizeMatMul: product(1, dtypeOfInput(0)),
  FusedGemm: general(1, dtypeOfInput(0)),
  FusedMatMul: fusedProduct,
  FusedMatMulActivation: fusedProduct,
  GemmFastGelu: product(1, dtypeOfInput(0)),
  MatMulBnb4: packedWeight,
  MatMulFpQ4: packedWeight,
  MatMulInteger16: product(1, () => 'int32'),
  MatMulIntegerToFloat: product(1, dtypeOfInput(2)),
  MatMulNBits: packedWeight,
  QGemm: general(3, (context) => context.dtype(8) ?? 'float32'),
  TransposeMatMul: fusedProduct,
}
