// The smallest and largest value of a tensor for every sample, reduced inside the model.

import { LabError } from '../errors/lab-error'
import type { GraphDraft } from '../model/graph-draft'
import { attributes } from '../model/node'
import type { ValueInfo } from '../model/shape'
import type { TensorValue } from '../pass/tensor-value'
import type { Observer } from './observe'

/** `[min, max]` in float32 values. */
export type Range = readonly [min: number, max: number]

export interface RangeObserver extends Observer {
  /** In the order of the samples. */
  readonly perSample: readonly Range[]
}

/** Ranges of the float32 tensor `value`, sample by sample (ReduceMin, ReduceMax; any opset). Folding throws `data/invalid` with `tensor` where an element is not finite. */
export function rangeObserver(value: string): RangeObserver {
  const perSample: Range[] = []
  return {
    value,
    perSample,
    // NaN or infinite in the sum when any element is; finite data may overflow it, so only NaN and range together tell.
    attach: (draft) => ['ReduceMin', 'ReduceMax', 'ReduceSum'].map((opType) => reduceToScalar(draft, opType, value)),
    fold: (results) => {
      const [min = NaN, max = NaN, sum = NaN] = results.map(firstNumber)
      if (!Number.isFinite(min) || !Number.isFinite(max) || Number.isNaN(sum)) throw notFinite(value)
      perSample.push([min, max])
    },
  }
}

/** A node that reduces all of `value` to one number, and the type of that number. */
function reduceToScalar(draft: GraphDraft, opType: string, value: string): ValueInfo {
  const name = draft.freshName(`${value}_${opType}`)
  draft.addNode({ opType, inputs: [value], outputs: [name], attributes: attributes({ keepdims: 0 }) })
  return { name, type: { kind: 'tensor', dtype: 'float32', shape: [] } }
}

function firstNumber({ data }: TensorValue): number {
  const value = data[0]
  if (typeof value === 'number') return value
  throw new LabError('engine/failed', 'The engine returned no number where one was expected.')
}

/** `data/invalid` about the values of a tensor. */
export const notFinite = (tensor: string): LabError =>
  new LabError('data/invalid', `"${tensor}" takes values that are not finite, so it has no range to quantize to.`, {
    tensor,
  })

/** The smallest magnitude of the float32 tensor `value`, for bins that begin there. Read it after the run. */
export function leastMagnitudeObserver(value: string): Observer & { least(): number } {
  let least = Infinity
  return {
    value,
    least: () => least,
    attach: (draft) => {
      const magnitudes = draft.freshName(`${value}_Abs`)
      draft.addNode({ opType: 'Abs', inputs: [value], outputs: [magnitudes] })
      return [reduceToScalar(draft, 'ReduceMin', magnitudes)]
    },
    fold: ([result]) => {
      if (result) least = Math.min(least, firstNumber(result))
    },
  }
}

/** Each bound of `range` moved into `bounds`. */
export function clampRange([min, max]: Range, bounds: Range): Range {
  const clamp = (bound: number): number => Math.min(Math.max(bound, bounds[0]), bounds[1])
  return [clamp(min), clamp(max)]
}

/** Zero in the middle. */
export function symmetric([min, max]: Range): Range {
  const bound = Math.max(Math.abs(min), Math.abs(max))
  return [-bound, bound]
}

/** Mean of the lower and of the upper bounds, float32 values. */
export const meanRange = (ranges: readonly Range[]): Range => [
  Math.fround(ranges.reduce((sum, [min]) => sum + min, 0) / ranges.length),
  Math.fround(ranges.reduce((sum, [, max]) => sum + max, 0) / ranges.length),
]

/** `before` moved by the share `constant` towards `next`, float32 values. */
export const moveTowards = (before: Range, next: Range, constant: number): Range => [
  Math.fround(before[0] + constant * (next[0] - before[0])),
  Math.fround(before[1] + constant * (next[1] - before[1])),
]

/** The range that holds all `ranges`. */
export const widest = (ranges: readonly Range[]): Range => [
  Math.min(...ranges.map(([min]) => min)),
  Math.max(...ranges.map(([, max]) => max)),
]
