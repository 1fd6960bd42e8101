// The tasks of `quantize-weight-with.ts`: finding ranges and integers of a piece of a tensor.

import { channelRanges, type ChannelRanges } from '../numeric/channel-ranges'
import type { QuantDType } from '../numeric/quant-params'
import { quantizeChannelsInto, quantizeInto, type ScaleOptions, type ScaleParams } from '../numeric/quantize'
import { channelLayout } from '../numeric/scale-layout'
import type { Task, TaskInput } from './task'

/** Some rows of a float32 tensor: a tensor itself. */
export interface Piece extends TaskInput {
  /** Little-endian; need not be aligned. */
  readonly bytes: Uint8Array
  readonly dims: readonly number[]
  /** Of the scales, see `channelLayout`. */
  readonly axis?: number | undefined
  readonly blockSize?: number | undefined
}

/** A piece that gives integers. */
interface QuantizedPiece extends Piece {
  readonly dtype: QuantDType
  /** Where the integers go, as ONNX stores them. */
  readonly target: Uint8Array
}

interface GivenScales extends QuantizedPiece, ScaleParams {
  /** See `fitsType`. */
  readonly fits: boolean
}

interface OwnScales extends QuantizedPiece {
  readonly options: ScaleOptions
}

const layoutOf = ({ dims, axis, blockSize }: Piece) => channelLayout(dims, axis, blockSize)

export const channelRangesTask: Task<Piece & { readonly isSymmetric: boolean }, ChannelRanges> = {
  name: 'channel-ranges',
  run: (input) => channelRanges(input.bytes, layoutOf(input), input.isSymmetric),
}

export const quantizeWithTask: Task<GivenScales, void> = {
  name: 'quantize-with',
  run: (input) => quantizeInto(input.target, input.bytes, layoutOf(input), input.dtype, input),
}

/** With the scales that the piece asks for; undefined when it holds a value that is not finite. */
export const quantizeChannelsTask: Task<OwnScales, ScaleParams | undefined> = {
  name: 'quantize-channels',
  run: (input) => quantizeChannelsInto(input.target, input.bytes, layoutOf(input), input.dtype, input.options),
}
