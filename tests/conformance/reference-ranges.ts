// Compares ranges that Lathe measured with those of the reference toolkit. Its kernels add in another order, so bounds differ in the last
// digits. Near ties of the entropy method may fall either way: the reference adds divergences up in float32.

import { calibrateRanges } from '../../src/core/calibration/calibrate-ranges'
import type { Model } from '../../src/core/model/model'
import type { Range } from '../../src/core/calibration/ranges'
import { testContext } from '../fixtures/test-context'
import { calibrationDataOf, type MeasuredModel } from './reference-cases'
import { calibrationOf } from './reference-options'

export interface RangeDifference {
  readonly tensor: string
  readonly theirs: Range
  readonly ours: Range
  /** Largest difference of a bound, in units of the larger bound of the reference. */
  readonly relative: number
}

/** Difference of every range that the reference measured; `method` is a name of tools/conformance/reference.py. */
export async function compareRanges(
  model: Model,
  { inputs, ranges: minMax, calibrations, ties }: MeasuredModel,
  { method, samples }: { readonly method: string; readonly samples: number },
): Promise<readonly RangeDifference[]> {
  const expected = method === 'MinMax' ? minMax : (calibrations[method] ?? {})
  const data = calibrationDataOf(inputs, samples)
  const names = Object.keys(expected)
  const { ranges } = await calibrateRanges(model, names, calibrationOf(method), data, testContext())
  return Object.entries(expected).map(([tensor, range]) => {
    const choices = [range, ...(ties[method]?.[tensor] ?? [])]
    const compared = choices.map((theirs) => differenceOf(tensor, theirs, ranges[tensor] ?? [NaN, NaN]))
    return compared.reduce((nearest, other) => (other.relative < nearest.relative ? other : nearest))
  })
}

function differenceOf(tensor: string, range: Range, ours: Range): RangeDifference {
  const theirs: Range = [Math.fround(range[0]), Math.fround(range[1])]
  const size = Math.max(Math.abs(theirs[0]), Math.abs(theirs[1])) || 1
  const most = Math.max(Math.abs(ours[0] - theirs[0]), Math.abs(ours[1] - theirs[1]))
  return { tensor, theirs, ours, relative: most / size }
}
