// The contract of a data set: samples that are already feeds of a model, and what is known about them. Who decodes images or
// text is the business of whoever builds the data set; everybody else only asks for sample `i`.

import { LabError } from '../core/errors/lab-error'
import type { NamedValues } from '../core/pass/tensor-value'

export interface Dataset {
  /** Stable id, such as `fashion-mnist-test`. */
  readonly id: string
  /** Where the samples come from; what a recipe records as `calibration.source`. */
  readonly source: string
  /** Licence of the data in a few words; absent for a visitor's own files and for synthetic inputs. */
  readonly licence?: string
  /** Number of samples. */
  readonly size: number
  /** Class index of every sample; absent when the set is not labelled. */
  readonly labels?: readonly number[]
  /** Name of every class, by index. */
  readonly classNames?: readonly string[]
  /** Group of every sample; samples of one group (crops of one photograph) are not independent. */
  readonly clusters?: readonly number[]
  /** True for made-up inputs: speed may be measured on them, accuracy and calibration may not. */
  readonly isSynthetic: boolean
  /** Sample `index` (0 … size − 1) as feeds of the model, first axis 1. Throws `data/invalid` outside that range. */
  sample(index: number): Promise<NamedValues>
}

/** Throws `data/invalid` unless `index` is a sample of a set of `size`. */
export function verifySampleIndex(index: number, size: number, id: string): void {
  if (Number.isInteger(index) && index >= 0 && index < size) return
  throw new LabError('data/invalid', `Data set "${id}" has samples 0 to ${size - 1}, not ${index}.`, { index, size })
}
