// Which arithmetic turns a weight into codes. A method is that choice as data, which a worker understands too.

import type { BlockAlgorithm } from './block-codes'
import type { WeightRole } from './block-weight'
import { gptq, type GptqFactor, type GptqOptions } from './gptq'
import { hqq } from './hqq'
import { incRounding } from './inc-rounding'
import { kQuant } from './k-quant'
import { linearBlocks } from './linear-blocks'
import type { BlockOptions } from './plan'
import { roundToNearest, roundToNearestQdq } from './round-to-nearest'
import { roundTable } from './table-rounding'

/** Needs nothing but the weight. */
interface DataFreeMethod {
  readonly algorithm: Exclude<BlockOptions['algorithm'], 'gptq'>
  readonly format: BlockOptions['format']
  readonly role: WeightRole
}

interface GptqMethod extends Pick<GptqOptions, 'gridMse'> {
  readonly algorithm: 'gptq'
  readonly factor: GptqFactor
}

export type BlockMethod = DataFreeMethod | GptqMethod

/** `bits` are those of the weight. */
export function chooseAlgorithm(method: BlockMethod, bits: number): BlockAlgorithm {
  switch (method.algorithm) {
    case 'rtn':
      return chooseRounding(method, bits)
    case 'rtn-inc':
      return incRounding
    case 'k-quant':
      return kQuant
    case 'hqq':
      return hqq
    case 'gptq':
      return gptq(method.factor, method)
    default:
      return method satisfies never
  }
}

/** The reference rounds each kind of weight in its own way. */
function chooseRounding({ role, format }: DataFreeMethod, bits: number): BlockAlgorithm {
  if (role === 'table') return roundTable
  if (format === 'matmul-nbits') return roundToNearest
  return bits === 8 ? linearBlocks : roundToNearestQdq
}
