// Which arithmetic turns a weight into codes, where no samples are needed for it.

import type { BlockAlgorithm } from './block-codes'
import type { WeightRole } from './block-weight'
import { hqq } from './hqq'
import { incRounding } from './inc-rounding'
import { kQuant } from './k-quant'
import { linearBlocks } from './linear-blocks'
import type { BlockOptions } from './plan'
import { roundToNearest, roundToNearestQdq } from './round-to-nearest'
import { roundTable } from './table-rounding'

export type DataFreeAlgorithm = Exclude<BlockOptions['algorithm'], 'gptq'>

/** Algorithms that need nothing but the weight. `bits` are those of this weight. */
export function chooseAlgorithm(
  { algorithm, format }: { readonly algorithm: DataFreeAlgorithm; readonly format: BlockOptions['format'] },
  role: WeightRole,
  bits: number,
): BlockAlgorithm {
  switch (algorithm) {
    case 'rtn':
      // The reference rounds each kind of weight in its own way.
      if (role === 'table') return roundTable
      if (format === 'matmul-nbits') return roundToNearest
      return bits === 8 ? linearBlocks : roundToNearestQdq
    case 'rtn-inc':
      return incRounding
    case 'k-quant':
      return kQuant
    case 'hqq':
      return hqq
    default:
      return algorithm satisfies never
  }
}
