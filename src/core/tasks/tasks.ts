// The work that a pool of workers may do: pure functions over a piece of a tensor. What goes in and comes out is data that crosses to
// another thread, large parts as typed arrays; what a piece gives does not depend on who computes it.

import { channelRanges, type ChannelRanges } from '../numeric/channel-ranges'
import type { QuantDType } from '../numeric/quant-params'
import { quantizeChannels, quantizeWith, type IntegerValues, type ScaleOptions } from '../numeric/quantize'
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

interface OwnScales extends Piece {
  readonly dtype: QuantDType
  readonly options: ScaleOptions
}

interface GivenScales extends Piece {
  readonly dtype: QuantDType
  readonly scales: Float32Array
  readonly zeroPoints: Int32Array
}

interface QuantizedPiece {
  readonly values: IntegerValues
  readonly scales: Float32Array
  readonly zeroPoints: Int32Array
}

const layoutOf = ({ dims, axis, blockSize }: Piece) => channelLayout(dims, axis, blockSize)

export const TASKS = {
  'channel-ranges': (input: Piece & { readonly isSymmetric: boolean }): ChannelRanges =>
    channelRanges(input.bytes, layoutOf(input), input.isSymmetric),

  /** With the scales that the piece asks for; undefined when it holds a value that is not finite. */
  'quantize-channels': (input: OwnScales): QuantizedPiece | undefined => {
    const result = quantizeChannels(input.bytes, layoutOf(input), input.dtype, input.options)
    return result && { ...result, zeroPoints: Int32Array.from(result.zeroPoints) }
  },

  'quantize-with': (input: GivenScales): { readonly values: IntegerValues } => ({
    values: quantizeWith(input.bytes, layoutOf(input), input.dtype, input.scales, input.zeroPoints),
  }),
}

export type TaskName = keyof typeof TASKS
export type TaskInput<K extends TaskName> = Parameters<(typeof TASKS)[K]>[0]
export type TaskOutput<K extends TaskName> = ReturnType<(typeof TASKS)[K]>

/** Runs tasks somewhere else. Undefined where a port is expected: everything is computed at once, in place. */
export interface TaskPort {
  /** How many tasks it can work on at a time; more may wait, as `bytes` are copied only when their turn comes. */
  readonly workers: number
  /** Rejects with what the task throws. The caller must not change `input.bytes` before. */
  run<K extends TaskName>(name: K, input: TaskInput<K>): Promise<TaskOutput<K>>
}
