// Histograms of values inside a network, counted by the engine itself: each element finds its bin by the same float32 arithmetic as
// `numpy.histogram`, so the counts are numpy's to the last one, and only they leave the engine.

import type { GraphDraft } from '../model/graph-draft'
import { dtypeCode } from '../model/dtype'
import { attributes } from '../model/node'
import { makeTensor, type Tensor } from '../model/tensor'
import type { TensorValue } from '../pass/tensor-value'
import { outputNumbers } from '../pass/tensor-numbers'
import { binGrid, type Bins } from './bins'
import type { Observer } from './observe'
import type { Range } from './ranges'

/** `ScatterElements` adds up from this ai.onnx version on. */
export const HISTOGRAM_OPSET = 16

export interface Histogram {
  readonly edges: Float32Array
  /** Whole numbers, one per bin. */
  readonly counts: Float64Array
  /** Smallest and largest value counted, with its sign even where the bins are of magnitudes. */
  readonly range: Range
}

export interface HistogramObserver extends Observer {
  /** Counts per bin: of the samples at even and at odd positions. */
  readonly counts: readonly [even: Float64Array, odd: Float64Array]
}

/**
 * Counts the elements of the float32 tensor `value` (their magnitudes with `ofMagnitudes`) in `bins`. `reach` is the range of what is
 * counted, known from an earlier run. Needs ai.onnx 16.
 */
export function histogramObserver(value: string, bins: Bins, reach: Range, ofMagnitudes = false): HistogramObserver {
  const count = bins.edges.length - 1
  const counts = [new Float64Array(count), new Float64Array(count)] as const
  return {
    value,
    counts,
    attach: (draft) => {
      const name = countNodes(new Nodes(draft, value), bins, reach, ofMagnitudes)
      return [{ name, type: { kind: 'tensor', dtype: 'int32', shape: [count] } }]
    },
    fold: ([result], position) => {
      if (result) addCounts(counts[position % 2 === 0 ? 0 : 1], result)
    },
  }
}

function addCounts(counts: Float64Array, result: TensorValue): void {
  const added = outputNumbers(result)
  for (let bin = 0; bin < counts.length; bin++) (counts[bin] as number) += added[bin] as number
}

/**
 * i = trunc((x − first) / (last − first) · n), then one less where x < edge[i], one more where x ≥ edge[i + 1], at most n − 1; all in
 * float32 as in numpy, which takes the last edge off before it compares: to the same end.
 */
function countNodes(nodes: Nodes, { edges }: Bins, [min, max]: Range, ofMagnitudes: boolean): string {
  const count = edges.length - 1
  const low = edges[0] as number
  const high = edges[count] as number
  const { span, step } = binGrid(low, high, count)
  const first = nodes.float(low)
  const width = nodes.float(step)
  const edgeOf = (index: string): string => nodes.add('Add', [nodes.add('Mul', [index, width]), first])

  const flat = nodes.add('Reshape', [nodes.value, nodes.constant('flat', 'int64', [1], BigInt64Array.of(-1n))])
  const all = ofMagnitudes ? nodes.add('Abs', [flat]) : flat
  const reachesOut = !ofMagnitudes && (min < low || max > high)
  const x = reachesOut ? nodes.add('Clip', [all, first, nodes.float(high)]) : all
  const share = nodes.add('Div', [nodes.add('Sub', [x, first]), nodes.float(span)])
  const guess = nodes.cast(nodes.add('Mul', [share, nodes.float(count)]), 'int32')
  const guessed = nodes.cast(guess, 'float32')
  const isBelow = nodes.add('Less', [x, edgeOf(guessed)])
  const isAbove = nodes.add('GreaterOrEqual', [x, edgeOf(nodes.add('Add', [guessed, nodes.float(1)]))])
  const lowered = nodes.add('Sub', [guess, nodes.cast(isBelow, 'int32')])
  const raised = nodes.add('Add', [lowered, nodes.cast(isAbove, 'int32')])
  const bin = nodes.add('Min', [raised, nodes.constant(`int_${count - 1}`, 'int32', [], Int32Array.of(count - 1))])
  const ones = nodes.cast(nodes.add('Equal', [x, all]), 'int32')
  const zeros = nodes.constant(`zeros_${count}`, 'int32', [count], new Int32Array(count))
  return nodes.add('ScatterElements', [zeros, bin, ones], { axis: 0, reduction: 'add' })
}

/** Adds nodes around one value, under names that begin with its name, and the constants they need. */
class Nodes {
  readonly #draft: GraphDraft
  readonly value: string

  constructor(draft: GraphDraft, value: string) {
    this.#draft = draft
    this.value = value
  }

  add(opType: string, inputs: readonly string[], values: Parameters<typeof attributes>[0] = {}): string {
    const output = this.#draft.freshName(`${this.value}_${opType}`)
    this.#draft.addNode({ opType, inputs, outputs: [output], attributes: attributes(values) })
    return output
  }

  cast(input: string, dtype: 'int32' | 'float32'): string {
    return this.add('Cast', [input], { to: dtypeCode(dtype) })
  }

  float(number: number): string {
    return this.constant(`float_${number}`, 'float32', [], Float32Array.of(number))
  }

  /** `what` says all about it, so that values share it: opening a session takes time for every initializer. */
  constant(what: string, dtype: Tensor['dtype'], dims: readonly number[], array: ArrayBufferView): string {
    const name = `lathe_histogram_${what}`
    if (!this.#draft.initializers.has(name)) this.#draft.setInitializer(makeTensor(name, dtype, dims, array))
    return name
  }
}
