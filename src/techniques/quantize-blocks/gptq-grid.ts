// Scale and zero point of one block of weights, as GPTQ chooses them: from its smallest and largest weight, or with the grid shrunk to
// where the error is least. Codes are (weight / scale, rounded half to even) + zero point, clipped.

import { roundHalfEven } from '../../core/numeric/rounding'

export interface GridRules {
  /** 2^bits − 1. */
  readonly maxCode: number
  readonly symmetric: boolean
  /** Look for the shrunk grid with the least error. */
  readonly gridMse: boolean
}

/** `scale` is a float32 value, not 0; `zeroPoint` an integer, 0 … maxCode. */
export interface Grid {
  readonly scale: number
  readonly zeroPoint: number
}

/** As in the authors' code: shares of the full range from 1 down to 0.21, error to the power of 2.4. */
const SHRINK_STEPS = 80
const SHRINK_STEP = 0.01
const ERROR_POWER = 2.4

export function chooseGrid(block: Float64Array, rules: GridRules): Grid {
  let min = 0
  let max = 0
  for (let i = 0; i < block.length; i++) {
    const weight = block[i] as number
    if (weight < min) min = weight
    if (weight > max) max = weight
  }
  let best = gridOf(min, max, rules)
  if (!rules.gridMse) return best
  let least = Infinity
  for (let step = 0; step < SHRINK_STEPS; step++) {
    const share = 1 - step * SHRINK_STEP
    const grid = gridOf(share * min, share * max, rules)
    const error = errorOn(grid, block, rules.maxCode, least)
    if (error < least) {
      least = error
      best = grid
    }
  }
  return best
}

/**
 * Symmetric: the weight of largest magnitude lies on the grid exactly, as code 0, so the scale is negative where it is positive (the grid
 * of plain rounding, finer than the authors' 2 · max|w| / maxCode).
 */
function gridOf(min: number, max: number, { maxCode, symmetric }: GridRules): Grid {
  const middle = (maxCode + 1) / 2
  const scale = Math.fround(symmetric ? -(max > -min ? max : min) / middle : (max - min) / maxCode)
  if (scale === 0) return { scale: 1, zeroPoint: symmetric ? middle : 0 }
  return { scale, zeroPoint: symmetric ? middle : Math.min(roundHalfEven(-min / scale), maxCode) }
}

/** Infinity as soon as the sum passes `limit`. */
function errorOn({ scale, zeroPoint }: Grid, block: Float64Array, maxCode: number, limit: number): number {
  let sum = 0
  for (let i = 0; i < block.length; i++) {
    const weight = block[i] as number
    const code = nearestCode(weight, scale, zeroPoint, maxCode)
    sum += Math.abs(weight - (code - zeroPoint) * scale) ** ERROR_POWER
    if (sum > limit) return Infinity
  }
  return sum
}

export const nearestCode = (weight: number, scale: number, zeroPoint: number, maxCode: number): number =>
  Math.max(0, Math.min(roundHalfEven(weight / scale) + zeroPoint, maxCode))
