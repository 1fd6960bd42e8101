// How the integers of one tensor are made: its type, symmetry and range limits from the options, and from the overrides of that tensor.

import type { Tensor } from '../../core/model/tensor'
import type { QuantDType, QuantParams } from '../../core/numeric/quant-params'
import type { TensorOverride } from '../../core/options/tensor-overrides'
import type { PlannedConstant } from './plan'
import type { StaticOptions } from './spec'

export interface ActivationFormat {
  readonly dtype: QuantDType
  readonly symmetric: boolean
  /** Zero points 0 or 128 only, for uint8. */
  readonly restricted: boolean
  readonly minRealRange: number | undefined
  /** In place of what was measured. */
  readonly min: number | undefined
  readonly max: number | undefined
  /** In place of all the above. */
  readonly given: QuantParams | undefined
}

export interface ConstantFormat {
  readonly dtype: QuantDType
  readonly axis: number | undefined
  readonly blockSize: number | undefined
  readonly symmetric: boolean
  readonly reduceRange: boolean
  readonly minRealRange: number | undefined
  /** Overrides of one channel, or one for all. */
  readonly channels: readonly TensorOverride[]
}

export const overridesOf = (
  tensor: string,
  { overrides }: Pick<StaticOptions, 'overrides'>,
): readonly TensorOverride[] => (Object.hasOwn(overrides, tensor) ? overrides[tensor] : undefined) ?? []

export const activationFormat = (value: string, options: StaticOptions): ActivationFormat =>
  formatOf(overridesOf(value, options)[0] ?? {}, options)

export interface Conversion {
  readonly format: ActivationFormat
  /** Names of the nodes that get the converted form; undefined: all. */
  readonly receivers: ReadonlySet<string> | undefined
}

export function conversionOf(value: string, options: StaticOptions): Conversion | undefined {
  const convert = overridesOf(value, options)[0]?.convert
  if (!convert) return undefined
  const { receivers } = convert
  return { format: formatOf(convert, options), receivers: receivers && new Set(receivers) }
}

function formatOf(override: Omit<TensorOverride, 'convert' | 'axis'>, options: StaticOptions): ActivationFormat {
  const { quantType, symmetric, min, max } = override
  return {
    dtype: quantType ?? options.activationType,
    symmetric: symmetric ?? options.activationSymmetric,
    restricted: options.activationRestrictedAsymmetric,
    minRealRange: options.minRealRange || undefined,
    min: min === undefined ? undefined : Math.fround(min),
    max: max === undefined ? undefined : Math.fround(max),
    given: givenParams(override),
  }
}

export function givenParams({ scale, zeroPoint }: TensorOverride): QuantParams | undefined {
  return scale === undefined || zeroPoint === undefined ? undefined : { scale: Math.fround(scale), zeroPoint }
}

export function constantFormat(constant: PlannedConstant, options: StaticOptions): ConstantFormat {
  const { tensor, role } = constant
  const channels = overridesOf(tensor.name, options)
  const [first = {}] = channels
  const dtype = first.quantType ?? (role === 'weight' ? options.weightType : options.activationType)
  const isBlocked = role === 'weight' && options.blockSize > 0 && tensor.dims.length === 2 && !givenParams(first)
  const isSymmetric = role === 'weight' ? isWeightSymmetric(dtype, options) : options.activationSymmetric
  return {
    dtype,
    axis: isBlocked ? (constant.axis ?? 0) : constant.axis,
    blockSize: isBlocked ? options.blockSize : undefined,
    symmetric: first.symmetric ?? (constant.axis !== undefined || isSymmetric),
    // The reference has neither for blocks.
    reduceRange: !isBlocked && (first.reduceRange ?? options.reduceRange),
    minRealRange: isBlocked ? undefined : options.minRealRange || undefined,
    channels,
  }
}

const isWeightSymmetric = (dtype: QuantDType, { weightSymmetric }: StaticOptions): boolean =>
  weightSymmetric === 'auto' ? dtype.startsWith('int') : weightSymmetric === 'yes'

/** The axis with one scale per index, if the options want one and the tensor has it. An override of the tensor has the last word. */
export function channelAxis(
  { name, dims }: Tensor,
  usual: number | undefined,
  options: StaticOptions,
): number | undefined {
  const [override] = overridesOf(name, options)
  const wanted = override ? override.axis : options.granularity === 'channel' ? usual : undefined
  if (wanted === undefined) return undefined
  const axis = wanted < 0 ? wanted + dims.length : wanted
  return axis >= 0 && axis < dims.length ? axis : undefined
}
