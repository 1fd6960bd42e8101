// The work that a pool of workers may do: pure functions over a piece of a tensor. What goes in and comes out is data that crosses to
// another thread, large parts as typed arrays; what a piece gives does not depend on who computes it.

import { channelRanges, type ChannelRanges } from '../numeric/channel-ranges'
import type { QuantDType } from '../numeric/quant-params'
import { quantizeChannelsInto, quantizeInto, type ScaleOptions } from '../numeric/quantize'
import { channelLayout } from '../numeric/scale-layout'

/** Some rows of a float32 tensor: a tensor itself. */
export interface Piece {
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

interface GivenScales extends QuantizedPiece {
  readonly scales: Float32Array
  readonly zeroPoints: Int32Array
  /** See `fitsType`. */
  readonly fits: boolean
}

interface OwnScales extends QuantizedPiece {
  readonly options: ScaleOptions
}

interface FoundScales {
  readonly scales: Float32Array
  readonly zeroPoints: Int32Array
}

const layoutOf = ({ dims, axis, blockSize }: Piece) => channelLayout(dims, axis, blockSize)

export const TASKS = {
  'channel-ranges': (input: Piece & { readonly isSymmetric: boolean }): ChannelRanges =>
    channelRanges(input.bytes, layoutOf(input), input.isSymmetric),

  'quantize-with': (input: GivenScales): void =>
    quantizeInto(input.target, input.bytes, layoutOf(input), input.dtype, input),

  /** With the scales that the piece asks for; undefined when it holds a value that is not finite. */
  'quantize-channels': (input: OwnScales): FoundScales | undefined => {
    const { bytes, target, dtype, options } = input
    const found = quantizeChannelsInto(target, bytes, layoutOf(input), dtype, options)
    return found && { scales: found.scales, zeroPoints: Int32Array.from(found.zeroPoints) }
  },
}

export type TaskName = keyof typeof TASKS
/** `bytes` are read, `target` is written; the rest is small. */
export type TaskInput<K extends TaskName> = Parameters<(typeof TASKS)[K]>[0] & { readonly target?: Uint8Array }
export type TaskOutput<K extends TaskName> = ReturnType<(typeof TASKS)[K]>

/** Runs tasks somewhere else. Undefined where a port is expected: everything is computed at once, in place. */
export interface TaskPort {
  /** How many tasks keep it busy. More may wait, as `bytes` are copied only when their turn comes. */
  readonly depth: number
  /**
   * Resolves when `target` is written. Rejects with what the task throws. Until then the caller must leave `bytes` and `target` alone.
   */
  run<K extends TaskName>(name: K, input: TaskInput<K>): Promise<TaskOutput<K>>
}
