// What each channel of a value reaches on real samples, reduced inside the model to one number a channel.

import { LabError } from '../errors/lab-error'
import type { GraphDraft } from '../model/graph-draft'
import { attributes } from '../model/node'
import type { ValueInfo } from '../model/shape'
import { makeTensor } from '../model/tensor'
import type { TensorValue } from '../pass/tensor-value'
import type { Observer } from './observe'

/** A float32 value of the main graph with its channels on axis 1, or on the last one where nothing lies behind them. */
export interface ChannelValue {
  readonly value: string
  readonly channels: number
  /** Axes behind the channels; 0: the channels lie on the last axis, whatever the rank. */
  readonly spatialAxes: number
}

type Reduction = 'ReduceMax' | 'ReduceMin' | 'ReduceMean' | 'ReduceSumSquare'

/** Of all of them. */
const AXES_ARE_AN_INPUT = 18

/** Adds nodes that reduce the value to a vector with one number per channel (any opset). */
export function reduceChannels(
  draft: GraphDraft,
  opset: number,
  opType: Reduction,
  { value, channels, spatialAxes }: ChannelValue,
): ValueInfo {
  const name = draft.freshName(`${value}_${opType}`)
  const input = spatialAxes > 0 ? value : addRows(draft, value, channels)
  const axes = spatialAxes > 0 ? [0, ...Array.from({ length: spatialAxes }, (_, axis) => axis + 2)] : [0]
  const reduce = { opType, outputs: [name] }
  if (opset < AXES_ARE_AN_INPUT)
    draft.addNode({ ...reduce, inputs: [input], attributes: attributes({ axes, keepdims: 0 }) })
  else {
    const inputs = [input, addIntegers(draft, `${name}_axes`, axes)]
    draft.addNode({ ...reduce, inputs, attributes: attributes({ keepdims: 0 }) })
  }
  return { name, type: { kind: 'tensor', dtype: 'float32', shape: [channels] } }
}

/** All axes but the last become one. Returns the name of the matrix with `channels` columns. */
function addRows(draft: GraphDraft, value: string, channels: number): string {
  const rows = draft.freshName(`${value}_rows`)
  const shape = addIntegers(draft, `${rows}_shape`, [-1, channels])
  draft.addNode({ opType: 'Reshape', inputs: [value, shape], outputs: [rows] })
  return rows
}

function addIntegers(draft: GraphDraft, wantedName: string, integers: readonly number[]): string {
  const name = draft.freshName(wantedName)
  draft.setInitializer(makeTensor(name, 'int64', [integers.length], BigInt64Array.from(integers, BigInt)))
  return name
}

/** The numbers of one reduction. Throws `engine/failed` for anything but `channels` floats, `data/invalid` where one is not finite. */
export function channelNumbers(result: TensorValue | undefined, { value, channels }: ChannelValue): Float32Array {
  const data = result?.data
  if (!(data instanceof Float32Array) || data.length !== channels) {
    const message = `The engine returned no ${channels} numbers about "${value}".`
    throw new LabError('engine/failed', message, { tensor: value, expected: channels, got: data?.length ?? null })
  }
  if (data.every(Number.isFinite)) return data
  throw new LabError('data/invalid', `"${value}" takes values that are not finite.`, { tensor: value })
}

export interface ChannelBounds extends Observer {
  /** Over all samples so far, one number per channel. */
  readonly min: Float64Array
  readonly max: Float64Array
}

/** Smallest and largest value of each channel. */
export function channelBoundsObserver(of: ChannelValue): ChannelBounds {
  const min = new Float64Array(of.channels).fill(Infinity)
  const max = new Float64Array(of.channels).fill(-Infinity)
  return {
    value: of.value,
    min,
    max,
    attach: (draft, opset) => [
      reduceChannels(draft, opset, 'ReduceMin', of),
      reduceChannels(draft, opset, 'ReduceMax', of),
    ],
    fold: ([lowest, highest]) => {
      const [low, high] = [channelNumbers(lowest, of), channelNumbers(highest, of)]
      for (let i = 0; i < of.channels; i++) {
        min[i] = Math.min(min[i] as number, low[i] as number)
        max[i] = Math.max(max[i] as number, high[i] as number)
      }
    },
  }
}

export interface ChannelMoments extends Observer {
  /** Mean and standard deviation of each channel over all samples so far, each sample counted alike. */
  moments(): { readonly mean: Float64Array; readonly deviation: Float64Array }
}

export function channelMomentsObserver(of: ChannelValue): ChannelMoments {
  const sums = { mean: new Float64Array(of.channels), square: new Float64Array(of.channels) }
  let samples = 0
  return {
    value: of.value,
    moments: () => {
      const mean = sums.mean.map((sum) => sum / samples)
      const deviation = sums.square.map((sum, i) => Math.sqrt(Math.max(0, sum / samples - (mean[i] as number) ** 2)))
      return { mean, deviation }
    },
    attach: (draft, opset) => {
      const squares = draft.freshName(`${of.value}_squares`)
      draft.addNode({ opType: 'Mul', inputs: [of.value, of.value], outputs: [squares] })
      const square = reduceChannels(draft, opset, 'ReduceMean', { ...of, value: squares })
      return [reduceChannels(draft, opset, 'ReduceMean', of), square]
    },
    fold: ([mean, square]) => {
      const [means, squares] = [channelNumbers(mean, of), channelNumbers(square, of)]
      for (let i = 0; i < of.channels; i++) {
        sums.mean[i] = (sums.mean[i] as number) + (means[i] as number)
        sums.square[i] = (sums.square[i] as number) + (squares[i] as number)
      }
      samples++
    },
  }
}
