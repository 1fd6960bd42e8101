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
  readonly reduceRange?: boolean
  /** The range is widened to at least this. */
  readonly minRealRange?: number
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
export function quantParams(
  min: number,
  max: number,
  dtype: QuantDType,
  { symmetric = false, reduceRange = false, minRealRange }: QuantParamOptions = {},
): QuantParams {
  const limits = reduceRange ? REDUCED_LIMITS : symmetric ? SYMMETRIC_LIMITS : QUANT_LIMITS
  const [lowest, highest] = limits[dtype]
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
  const scale = extent / (highest - lowest)
  if (scale < SMALLEST_SCALE) return { scale: 1, zeroPoint: 0 }
  const zeroPoint = roundHalfEven(symmetric ? (lowest + highest) / 2 : lowest - low / scale)
  return { scale: Math.fround(scale), zeroPoint }
}
