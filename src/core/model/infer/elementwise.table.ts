// Operators that work element by element, with numpy's broadcasting. Before opset 7 the second operand was fitted to the first
// (`broadcast`, `axis`), so the output has the first one's shape.

import { LabError } from '../../errors/lab-error'
import { dtypeFacts, dtypeFromCode, isFloat, type DType } from '../dtype'
import { intAttribute } from '../node'
import { formatShape, type Dim } from '../shape'
import { broadcastShapes, canBroadcast, multiplyDims } from './dims'
import { sameAs, tensorFacts, type NodeContext, type Rule, type RuleTable } from './rule'
import { fitItem, mapSmall, type SmallTensor } from './small-tensor'

const BROADCAST_OPSET = 7

const inputNumbers = (context: NodeContext): readonly number[] =>
  Array.from({ length: context.inputCount }, (_, at) => at)

function broadcastInputs(context: NodeContext) {
  if (context.node.domain === '' && context.opset < BROADCAST_OPSET) return context.shape(0)
  const shapes = inputNumbers(context).map((input) => context.shape(input))
  if (!canBroadcast(shapes)) {
    const stated = shapes.map((shape) => formatShape(shape)).join(' and ')
    throw new LabError('model/invalid', `The inputs have the shapes ${stated}, which do not broadcast.`)
  }
  return broadcastShapes(shapes)
}

/** The first input whose data type is known; operands of arithmetic share theirs. */
function sharedDtype(context: NodeContext, inputs: readonly number[]): DType | undefined {
  for (const input of inputs) {
    const dtype = context.dtype(input)
    if (dtype) return dtype
  }
  return undefined
}

type ItemFunction = (items: readonly Dim[], dtype: DType) => Dim

function contents(context: NodeContext, dtype: DType | undefined, item: ItemFunction | undefined) {
  if (!dtype || !item) return undefined
  return mapSmall(
    inputNumbers(context).map((input) => context.value(input)),
    (items) => item(items, dtype),
  )
}

/** Operands and result share one data type. */
const arithmetic =
  (item?: ItemFunction): Rule =>
  (context) => {
    const dtype = sharedDtype(context, inputNumbers(context))
    return [tensorFacts(dtype, broadcastInputs(context), contents(context, dtype, item))]
  }

const comparison =
  (item?: ItemFunction): Rule =>
  (context) => [tensorFacts('bool', broadcastInputs(context), contents(context, 'bool', item))]

/** One operand; the result has its shape and, unless stated, its data type. */
const unary =
  (item?: (value: number) => number, result?: DType): Rule =>
  (context) => {
    const dtype = result ?? context.dtype(0)
    const compute: ItemFunction | undefined =
      item && (([operand], type) => (typeof operand === 'number' ? fitItem(item(operand), type) : null))
    return [tensorFacts(dtype, context.shape(0), contents(context, dtype, compute))]
  }

/** An item function on numbers only; a symbolic or unknown operand gives unknown. */
const numbers =
  (item: (a: number, b: number, dtype: DType) => number): ItemFunction =>
  ([a, b], dtype) =>
    typeof a === 'number' && typeof b === 'number' ? fitItem(item(a, b, dtype), dtype) : null

const fold =
  (item: (a: number, b: number) => number): ItemFunction =>
  (items, dtype) => {
    let result: number | undefined
    for (const operand of items) {
      if (typeof operand !== 'number') return null
      result = result === undefined ? operand : item(result, operand)
    }
    return result === undefined ? null : fitItem(result, dtype)
  }

/** `whenNeutral` names the result where the right operand is neutral, so that symbolic sizes survive `+ 0`, `· 1`, `÷ 1`. */
const keepingSymbols =
  (neutral: number, isCommutative: boolean, item: ItemFunction): ItemFunction =>
  (items, dtype) => {
    const [a, b] = items
    if (b === neutral && typeof a === 'string') return a
    if (isCommutative && a === neutral && typeof b === 'string') return b
    return item(items, dtype)
  }

const divide = (a: number, b: number, dtype: DType): number =>
  isFloat(dtype) ? a / b : b === 0 ? NaN : Math.trunc(a / b)
const divideItems: ItemFunction = (items, dtype) =>
  items[0] === items[1] && typeof items[0] === 'string' ? 1 : numbers(divide)(items, dtype)

const multiplyItems: ItemFunction = (items, dtype) => {
  const [a, b] = items
  if (a === 0 || b === 0) return multiplyDims(a ?? null, b ?? null)
  return numbers((x, y) => x * y)(items, dtype)
}

const modulo: Rule = (context) => {
  const isFmod = intAttribute(context.node, 'fmod', 0) === 1
  return arithmetic(numbers((a, b) => (b === 0 ? NaN : isFmod ? a % b : a - b * Math.floor(a / b))))(context)
}

const equalItems: ItemFunction = ([a, b]) => {
  if (typeof a === 'string' && a === b) return 1
  // A symbolic size is never negative, which decides the comparison with the -1 of exported `expand` calls.
  if (typeof a === 'string') return typeof b === 'number' && b < 0 ? 0 : null
  if (typeof b === 'string') return typeof a === 'number' && a < 0 ? 0 : null
  return typeof a === 'number' && typeof b === 'number' ? Number(a === b) : null
}

const power: Rule = (context) => {
  const dtype = context.dtype(0)
  return [tensorFacts(dtype, broadcastInputs(context), contents(context, dtype, numbers(Math.pow)))]
}

const where: Rule = (context) => {
  const value = mapSmall([context.value(0), context.value(1), context.value(2)], ([condition, yes, no]) => {
    if (typeof condition !== 'number') return yes === no ? (yes ?? null) : null
    return (condition === 0 ? no : yes) ?? null
  })
  return [tensorFacts(sharedDtype(context, [1, 2]), broadcastInputs(context), value)]
}

/** Rounds half to even, as ONNX's `Round` does. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** The data type a `Cast` asks for; in opset 5 and below `to` was a name such as `FLOAT`. */
function castTarget(context: NodeContext): DType | undefined {
  const to = context.node.attributes.get('to')
  if (to?.kind === 'int') return dtypeFromCode(Number(to.value))
  if (to?.kind !== 'string') return undefined
  const name = new TextDecoder().decode(to.value).toLowerCase()
  const known = dtypeFromName(name)
  return known
}

function dtypeFromName(name: string): DType | undefined {
  const alias = name === 'float' ? 'float32' : name === 'double' ? 'float64' : name
  for (let code = 1; ; code++) {
    const dtype = dtypeFromCode(code)
    if (dtypeFacts(dtype) === undefined) return undefined
    if (dtype === alias) return dtype
  }
}

/** Names of sizes stay names in any number type; they are whole and not negative. */
function castValue(value: SmallTensor | undefined, dtype: DType | undefined): SmallTensor | undefined {
  return (
    dtype && value && mapSmall([value], ([item]) => (typeof item === 'number' ? fitItem(item, dtype) : (item ?? null)))
  )
}

const castTo = (context: NodeContext, dtype: DType | undefined) => [
  tensorFacts(dtype, context.shape(0), dtype === 'bool' ? undefined : castValue(context.value(0), dtype)),
]

const bitCast: Rule = (context) => {
  const to = castTarget(context)
  const from = context.dtype(0)
  const sameWidth = to && from && dtypeFacts(to)?.bits === dtypeFacts(from)?.bits
  return [tensorFacts(to, sameWidth ? context.shape(0) : undefined)]
}

const identity: Rule = (context) => [context.facts(0)]

const MASK_IS_BOOL_OPSET = 10

const dropout: Rule = (context) => {
  const maskDtype = context.node.domain !== '' || context.opset >= MASK_IS_BOOL_OPSET ? 'bool' : context.dtype(0)
  return [context.facts(0), tensorFacts(maskDtype, context.shape(0))]
}

const SAME = sameAs()
const PLAIN = unary()

export const ELEMENTWISE_RULES: RuleTable = {
  Abs: unary(Math.abs),
  Acos: PLAIN,
  Acosh: PLAIN,
  Asin: PLAIN,
  Asinh: PLAIN,
  Atan: PLAIN,
  Atanh: PLAIN,
  BitwiseNot: PLAIN,
  Ceil: unary(Math.ceil),
  Celu: PLAIN,
  Cos: PLAIN,
  Cosh: PLAIN,
  Elu: PLAIN,
  Erf: PLAIN,
  Exp: PLAIN,
  Floor: unary(Math.floor),
  Gelu: PLAIN,
  HardSigmoid: PLAIN,
  HardSwish: PLAIN,
  Identity: identity,
  IsInf: unary(undefined, 'bool'),
  IsNaN: unary(undefined, 'bool'),
  LeakyRelu: PLAIN,
  Log: PLAIN,
  Mish: PLAIN,
  Neg: unary((value) => -value),
  Not: unary((value) => Number(value === 0)),
  Reciprocal: unary((value) => 1 / value),
  Relu: unary((value) => Math.max(0, value)),
  Round: unary(roundHalfEven),
  Selu: PLAIN,
  Shrink: PLAIN,
  Sigmoid: PLAIN,
  Sign: unary(Math.sign),
  Sin: PLAIN,
  Sinh: PLAIN,
  Softplus: PLAIN,
  Softsign: PLAIN,
  Sqrt: unary(Math.sqrt),
  Swish: PLAIN,
  Tan: PLAIN,
  Tanh: PLAIN,
  ThresholdedRelu: PLAIN,

  Add: arithmetic(
    keepingSymbols(
      0,
      true,
      numbers((a, b) => a + b),
    ),
  ),
  Sub: arithmetic(
    keepingSymbols(
      0,
      false,
      numbers((a, b) => a - b),
    ),
  ),
  Mul: arithmetic(keepingSymbols(1, true, multiplyItems)),
  Div: arithmetic(keepingSymbols(1, false, divideItems)),
  Mod: modulo,
  Pow: power,
  Max: arithmetic(fold(Math.max)),
  Min: arithmetic(fold(Math.min)),
  Sum: arithmetic(fold((a, b) => a + b)),
  Mean: arithmetic(),
  BitShift: arithmetic(),
  BitwiseAnd: arithmetic(),
  BitwiseOr: arithmetic(),
  BitwiseXor: arithmetic(),
  PRelu: SAME,

  And: comparison(numbers((a, b) => Number(a !== 0 && b !== 0))),
  Or: comparison(numbers((a, b) => Number(a !== 0 || b !== 0))),
  Xor: comparison(numbers((a, b) => Number((a !== 0) !== (b !== 0)))),
  Equal: comparison(equalItems),
  Greater: comparison(numbers((a, b) => Number(a > b))),
  GreaterOrEqual: comparison(numbers((a, b) => Number(a >= b))),
  Less: comparison(numbers((a, b) => Number(a < b))),
  LessOrEqual: comparison(numbers((a, b) => Number(a <= b))),
  StringConcat: arithmetic(),
  RegexFullMatch: unary(undefined, 'bool'),

  Where: where,
  Cast: (context) => castTo(context, castTarget(context)),
  CastLike: (context) => castTo(context, context.dtype(1)),
  BitCast: bitCast,
  Clip: SAME,
  Dropout: dropout,
}

/** The com.microsoft operators that work element by element or add a bias first. */
export const MICROSOFT_ELEMENTWISE_RULES: RuleTable = {
  BiasAdd: SAME,
  BiasDropout: dropout,
  BiasGelu: PLAIN,
  BiasSoftmax: SAME,
  BiasSplitGelu: (context) => {
    const shape = context.shape(0)
    const last = shape?.at(-1)
    const half = typeof last === 'number' && last % 2 === 0 ? last / 2 : null
    return [tensorFacts(context.dtype(0), shape && [...shape.slice(0, -1), half])]
  },
  ComplexMul: arithmetic(),
  ComplexMulConj: arithmetic(),
  FastGelu: PLAIN,
  Gelu: PLAIN,
  IsAllFinite: () => [tensorFacts('bool', [])],
  QLinearLeakyRelu: PLAIN,
  QLinearSigmoid: PLAIN,
  QLinearSoftmax: PLAIN,
  QuickGelu: PLAIN,
  ScaledSiLU: PLAIN,
  Trilu: SAME,
}
