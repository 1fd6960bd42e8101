// Which precision an operator wants for each float32 input and gives for each float32 output once the model is converted.

import type { TypeScope } from '../../core/model/infer-shapes'
import { dtypeCode } from '../../core/model/dtype'
import { tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { FLOAT16_MAX } from '../../core/numeric/float16'
import { intAttribute, isOp, stringAttribute, subgraphs, type Node } from '../../core/model/node'
import { BLOCKED, FLOAT_ONLY } from './float-only.table'

export type Precision = 'float16' | 'float32'

export interface NodeRule {
  /** `any`: the operator takes the value as it comes. */
  wants(input: number): Precision | 'any'
  /** `flexible`: the operator can give either, as its readers prefer. */
  gives(output: number): Precision | 'flexible'
  /** Why the operator stays in float32; absent where it does not. */
  readonly blockedBy?: string
}

export interface RuleContext {
  readonly opset: number
  /** Calls of the model's own functions. */
  isCall(node: Node): boolean
  /** Why an operator that could be converted is to stay in float32; undefined where it is not. */
  keeps(node: Node): string | undefined
}

/** What is known of the values that a node reads and makes. */
export interface ValueFacts extends TypeScope {
  constant(value: string): Tensor | undefined
}

export const isFloat32 = (types: TypeScope, value: string): boolean => {
  const type = value === '' ? undefined : types.type(value)
  return type?.kind === 'tensor' && type.dtype === 'float32'
}

const CAST_TO_FLOAT32 = dtypeCode('float32')
const isCastToFloat32 = (node: Node): boolean => isOp(node, 'Cast') && intAttribute(node, 'to', 0) === CAST_TO_FLOAT32

/** From float32 to float32: it becomes an `Identity`, for ONNX Runtime stumbles over casts from float16 to float16. */
export const isIdleCast = (node: Node, types: TypeScope): boolean =>
  isCastToFloat32(node) && isFloat32(types, node.inputs[0] ?? '')

const EVERYTHING_HALF: NodeRule = { wants: () => 'float16', gives: () => 'float16' }
/** They read the shape or convert by themselves. */
const TAKES_ANY: ReadonlySet<string> = new Set(['Cast', 'Shape', 'Size'])

export function nodeRule(node: Node, values: ValueFacts, context: RuleContext): NodeRule {
  // The borders of bodies stay float32: what a loop carries must have one type all the way round.
  if (subgraphs(node).length > 0) return { wants: () => 'float32', gives: () => 'float32' }
  const blockedBy = blockReason(node, values, context)
  if (blockedBy) return { wants: () => 'float32', gives: () => 'float32', blockedBy }
  if (isOp(node, 'Constant')) return { wants: () => 'any', gives: () => 'flexible' }
  if (isCastToFloat32(node)) {
    return isIdleCast(node, values) ? EVERYTHING_HALF : { wants: () => 'any', gives: () => 'flexible' }
  }
  if (TAKES_ANY.has(node.opType)) return { wants: () => 'any', gives: () => 'float16' }
  const floatOnly = FLOAT_ONLY[node.opType]?.find(({ from, to }) => from <= context.opset && context.opset <= to)
  return {
    wants: (input) => (floatOnly?.inputs.includes(input) ? 'float32' : 'float16'),
    gives: (output) => (floatOnly?.outputs.includes(output) ? 'float32' : 'float16'),
  }
}

/** Whether float16 changes what the operator computes: it makes float32 values and nothing holds it back. */
export const isConverted = (node: Node, values: ValueFacts, context: RuleContext): boolean =>
  !isOp(node, 'Constant') &&
  subgraphs(node).length === 0 &&
  node.outputs.some((name) => isFloat32(values, name)) &&
  blockReason(node, values, context) === undefined

function blockReason(node: Node, values: ValueFacts, { isCall, keeps }: RuleContext): string | undefined {
  if (isCall(node)) return 'it calls a function of the model, whose body is left as it is'
  if (node.domain !== '') return `operators of ${node.domain} are left as they are`
  if (node.opType.startsWith('Scatter') && stringAttribute(node, 'reduction', 'none') !== 'none') {
    return 'ONNX Runtime reduces in float32 only'
  }
  if (BLOCKED.has(node.opType)) return 'it needs the range or the precision of float32'
  const asked = keeps(node)
  if (asked) return asked
  for (const name of [...node.inputs, ...node.outputs]) {
    if (name === '') continue
    const type = values.type(name)
    if (!type) return `the type of "${name}" is not known`
    if (type.kind !== 'tensor') return `"${name}" is a ${type.kind}, not a tensor`
  }
  return isOp(node, 'BatchNormalization') ? statisticsReason(node, values) : undefined
}

/** A clamped variance would scale its channel wrongly; other weights that large (masks) mean "as large as can be". */
function statisticsReason(node: Node, { constant }: ValueFacts): string | undefined {
  const large = node.inputs.slice(1).find((name) => {
    const tensor = constant(name)
    if (tensor?.dtype !== 'float32' || tensor.data.kind !== 'bytes') return false
    return viewAs(tensorBytes(tensor), Float32Array).some((value) => Math.abs(value) > FLOAT16_MAX)
  })
  return large === undefined ? undefined : `"${large}" holds numbers beyond float16; fold batch normalization first`
}
