// Scale and zero point of a quantized tensor from the range of its values, to the bit like `compute_scale_zp` of the reference
// toolkit (docs: QuantizeLinear, opset 10 and later). Turning values into integers is the business of `quantize.ts`.

import { LabError } from '../errors/lab-error'
import { roundHalfEven } from './rounding'

export type QuantDType = 'int4' | 'uint4' | 'int8' | 'uint8' | 'int16' | 'uint16'

export interface QuantParams {
  /** A float32 value above 0. */
  readonly scale: number
  readonly zeroPoint: number
}

export interface QuantParamOptions {
  /** Zero in the middle: zero point 0 for signed types. */
  readonly symmetric?: boolean
  /** One bit less, for CPUs whose u8·s8 dot products saturate (x64 without VNNI; not WASM). */
  readonly reduceRange?: boolean | undefined
  /** The range is widened to at least this. */
  readonly minRealRange?: number | undefined
  /**
   * Only for asymmetric uint8: zero point 0 where no value is negative, else 128, and the scale that covers both sides. Kernels for
   * symmetric data take such tensors.
   */
  readonly restricted?: boolean
}

type Limits = readonly [lowest: number, highest: number]

/** Every integer the type holds: what quantized values are clipped to. */
export const QUANT_LIMITS: Readonly<Record<QuantDType, Limits>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
}

/** Symmetric 8- and 16-bit types leave out their lowest integer; 4-bit ones cannot spare it. */
const SYMMETRIC_LIMITS: Readonly<Record<QuantDType, Limits>> = {
  ...QUANT_LIMITS,
  int8: [-127, 127],
  int16: [-32767, 32767],
}

const REDUCED_LIMITS: Readonly<Record<QuantDType, Limits>> = {
  int4: [-4, 3],
  uint4: [0, 7],
  int8: [-64, 64],
  uint8: [0, 127],
  int16: [-16384, 16384],
  uint16: [0, 32767],
}

/** The smallest normal float32. A smaller scale would lose bits, so such a tensor counts as all zeros. */
const SMALLEST_SCALE = 2 ** -126

/**
 * `min` and `max` are float32 values; zero is always included. A range of zeros gets scale 1 and zero point 0.
 * Throws `data/invalid` when the range is not finite, also when `max - min` overflows float32.
 */
export function quantParams(min: number, max: number, dtype: QuantDType, options: QuantParamOptions = {}): QuantParams {
  const { symmetric = false, restricted = false } = options
  const [lowest, highest] = limitsOf(dtype, options)
  const { low, extent } = realRange(min, max, options)
  if (restricted && !symmetric && dtype === 'uint8') return restrictedParams(min, max, [lowest, highest], options)
  const scale = extent / (highest - lowest)
  if (scale < SMALLEST_SCALE) return { scale: 1, zeroPoint: 0 }
  const zeroPoint = roundHalfEven(symmetric ? (lowest + highest) / 2 : lowest - low / scale)
  return { scale: Math.fround(scale), zeroPoint }
}

/**
 * The parameters of one block of a blocked weight. The reference computes them with other code than `quantParams`: the zero point comes
 * from the scale rounded to float32, and a symmetric block of zeros keeps the middle zero point. Throws as `quantParams`.
 */
export function blockParams(min: number, max: number, dtype: QuantDType, options: QuantParamOptions = {}): QuantParams {
  const [lowest, highest] = limitsOf(dtype, options)
  const { low, extent } = realRange(min, max, options)
  const scale = Math.fround(extent / (highest - lowest))
  const isZero = scale < SMALLEST_SCALE
  if (options.symmetric) return { scale: isZero ? 1 : scale, zeroPoint: middleZeroPoint(dtype, options) }
  if (isZero) return { scale: 1, zeroPoint: 0 }
  return { scale, zeroPoint: Math.min(Math.max(roundHalfEven(lowest - low / scale), lowest), highest) }
}

/** The zero point of symmetric data: 0 for signed types. */
export function middleZeroPoint(dtype: QuantDType, options: Pick<QuantParamOptions, 'reduceRange'> = {}): number {
  const [lowest, highest] = limitsOf(dtype, { ...options, symmetric: true })
  return roundHalfEven((lowest + highest) / 2) + 0
}

const limitsOf = (dtype: QuantDType, { symmetric, reduceRange }: QuantParamOptions): Limits =>
  (reduceRange ? REDUCED_LIMITS : symmetric ? SYMMETRIC_LIMITS : QUANT_LIMITS)[dtype]

interface RealRange {
  readonly low: number
  /** float32. */
  readonly extent: number
}

function realRange(min: number, max: number, { symmetric, minRealRange }: QuantParamOptions): RealRange {
  let low = Math.min(min, 0)
  let high = Math.max(max, 0)
  if (minRealRange !== undefined) high = Math.max(high, Math.fround(low + Math.fround(minRealRange)))
  if (symmetric) {
    high = Math.max(-low, high)
    low = -high
  }
  const extent = Math.fround(high - low)
  if (!Number.isFinite(extent)) {
    throw new LabError('data/invalid', `The range ${min} to ${max} is not finite in float32.`, { min, max })
  }
  return { low, extent }
}

/** Reference: `snap_zero_point_to_uint8` of ONNX Runtime 1.30. All of it is float64, `minRealRange` too. */
function restrictedParams(
  min: number,
  max: number,
  [lowest, highest]: Limits,
  { minRealRange = 0 }: QuantParamOptions,
): QuantParams {
  const low = Math.min(min, 0)
  const high = Math.max(max, 0, low + minRealRange)
  const middle = Math.floor((lowest + highest + 1) / 2)
  const isPositive = low === 0
  const scale = isPositive
    ? (high || 1) / (highest - lowest)
    : Math.max(-low / (middle - lowest), high / (highest - middle))
  return {
    scale: Math.fround(Math.max(scale, minRealRange / (highest - lowest))),
    zeroPoint: isPositive ? lowest : middle,
  }
}
