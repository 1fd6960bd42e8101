// One tensor under the magnifying glass: how its numbers lie before and after rounding, with which scale and zero point, and the formula worked
// through for one of them. A weight is read from both models; an activation is rounded here as its QuantizeLinear does, on real samples.

import { LabError } from '../core/errors/lab-error'
import { indexGraph } from '../core/model/graph-index'
import type { Model } from '../core/model/model'
import { tensorBytes, viewAs } from '../core/model/tensor'
import { roundHalfEven } from '../core/numeric/rounding'
import { encodeParts } from '../core/onnx/encode-parts'
import type { CalibrationData, PassContext } from '../core/pass/pass-context'
import { outputNumbers } from '../core/pass/tensor-numbers'
import { integerNumbers } from './integer-numbers'
import { quantizedForms } from './quantized-forms'
import { weightPairs, type Grain } from './stored-weight'

export interface TensorName {
  readonly kind: 'weight' | 'activation'
  readonly name: string
}

export interface TensorDetail extends TensorName {
  /** Of the integers: `int8`, `uint4`. */
  readonly dtype: string
  readonly grain: Grain
  /** Numbers looked at. */
  readonly count: number
  /** Runs they come from; null for a weight. */
  readonly samples: number | null
  readonly scale: Extent
  readonly zeroPoint: Extent
  /** The smallest and the largest integer of the type. */
  readonly integers: Extent
  /** Where the histograms begin and end; values beyond are in the outermost bins. */
  readonly span: Extent
  /** Numbers per bin, `HISTOGRAM_BINS` of equal width. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** Numbers that the type does not reach, which become its smallest or largest. */
  readonly clipped: number
  /** The number that loses the most; null where there is none. */
  readonly example: WorkedExample | null
}

type Extent = readonly [lowest: number, highest: number]

/** integer = clip(round(value ÷ scale) + zeroPoint), restored = (integer − zeroPoint) · scale. */
export interface WorkedExample {
  readonly value: number
  readonly scale: number
  readonly zeroPoint: number
  /** round(value ÷ scale) + zeroPoint, before it is clipped. */
  readonly rounded: number
  /** What is stored; another than the nearest one where a technique chose so on purpose (GPTQ). */
  readonly integer: number
  readonly restored: number
}

export const HISTOGRAM_BINS = 64

/** Throws `data/invalid` where the changed model does not store that weight in integers. */
export function weightDetail(float: Model, changed: Model, name: string): TensorDetail {
  for (const pair of weightPairs(float.graph, changed.graph)) {
    if (pair.name !== name) continue
    const { form, dtype } = pair
    const values = pair.floats()
    const tally = new Tally(integersOf(dtype), extentOf(values))
    for (let i = 0; i < form.count; i++) tally.add(values[i] as number, form.scale(i), form.zero(i), form.integer(i))
    return { kind: 'weight', name, dtype, grain: form.grain, samples: null, ...tally.result() }
  }
  throw notRounded(name)
}

/** Runs the float model on samples `indices`. Throws `data/invalid` where the changed model does not round it, and what engine and data throw. */
export async function activationDetail(
  { float, changed }: { readonly float: Model; readonly changed: Model },
  name: string,
  data: CalibrationData,
  indices: readonly number[],
  context: Pick<PassContext, 'infer' | 'checkpoint' | 'progress'>,
): Promise<TensorDetail> {
  const { scale, zero, dtype } = roundingOf(changed, name)
  const [lowest, highest] = integersOf(dtype)
  const tally = new Tally([lowest, highest], [(lowest - zero) * scale, (highest - zero) * scale])
  const isInput = float.graph.inputs.some((input) => input.name === name)
  const session = await context.infer.open(encodeParts(withOutput(float, name)))
  try {
    for (const [step, index] of indices.entries()) {
      await context.checkpoint()
      context.progress(step / indices.length, `sample ${step + 1} of ${indices.length}`)
      const feeds = await data.sample(index)
      const value = isInput ? feeds[name] : (await session.run(feeds, [name]))[name]
      for (const x of Array.from(value ? outputNumbers(value) : [])) {
        tally.add(x, scale, zero, clip(nearest(x, scale, zero), [lowest, highest]))
      }
    }
  } finally {
    await session.close()
  }
  return { kind: 'activation', name, dtype, grain: 'tensor', samples: indices.length, ...tally.result() }
}

function roundingOf({ graph }: Model, name: string): { scale: number; zero: number; dtype: string } {
  const index = indexGraph(graph)
  const quantize = quantizedForms(graph).get(name)?.quantize
  const [scale, zero] = [1, 2].map((input) => index.constant(quantize?.inputs[input] ?? ''))
  const scales = scale?.dtype === 'float32' ? viewAs(tensorBytes(scale), Float32Array) : new Float32Array(0)
  const [only] = scales
  if (!quantize || scales.length !== 1 || only === undefined) throw notRounded(name)
  return { scale: only, zero: (zero && integerNumbers(zero)?.numbers[0]) ?? 0, dtype: zero?.dtype ?? 'uint8' }
}

const notRounded = (name: string): LabError =>
  new LabError('data/invalid', `"${name}" is not rounded to integers by this step.`, { path: name })

function withOutput(model: Model, name: string): Model {
  const { graph } = model
  if ([...graph.inputs, ...graph.outputs].some((known) => known.name === name)) return model
  const info = { name, type: { kind: 'tensor', dtype: 'float32' } as const }
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, info] } }
}

/** Of `int8`, `uint4` and the like. */
function integersOf(dtype: string): Extent {
  const bits = Number(dtype.replace(/\D/g, ''))
  return dtype.startsWith('u') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
}

function extentOf(values: ArrayLike<number>): Extent {
  let [lowest, highest] = [Infinity, -Infinity]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (value < lowest) lowest = value
    if (value > highest) highest = value
  }
  return [lowest, highest]
}

const nearest = (value: number, scale: number, zero: number): number => roundHalfEven(value / scale) + zero
const clip = (value: number, [lowest, highest]: Extent): number => Math.min(Math.max(value, lowest), highest)
const widened = ([lowest, highest]: Extent, value: number): Extent => [
  Math.min(lowest, value),
  Math.max(highest, value),
]

/** Counts numbers one by one; nothing but counts is kept. */
class Tally {
  readonly #integers: Extent
  readonly #span: Extent
  readonly #before = new Float64Array(HISTOGRAM_BINS)
  readonly #after = new Float64Array(HISTOGRAM_BINS)
  #count = 0
  #clipped = 0
  #scale: Extent = [Infinity, -Infinity]
  #zero: Extent = [Infinity, -Infinity]
  #worst = -1
  #example: WorkedExample | null = null

  constructor(integers: Extent, span: Extent) {
    this.#integers = integers
    this.#span = span
  }

  add(value: number, scale: number, zeroPoint: number, integer: number): void {
    const [lowest, highest] = this.#integers
    const restored = (integer - zeroPoint) * scale
    const rounded = nearest(value, scale, zeroPoint)
    const error = Math.abs(value - restored)
    this.#count++
    if (rounded < lowest || rounded > highest) this.#clipped++
    ;(this.#before[this.#binOf(value)] as number)++
    ;(this.#after[this.#binOf(restored)] as number)++
    if (scale < this.#scale[0] || scale > this.#scale[1]) this.#scale = widened(this.#scale, scale)
    if (zeroPoint < this.#zero[0] || zeroPoint > this.#zero[1]) this.#zero = widened(this.#zero, zeroPoint)
    if (error <= this.#worst) return
    this.#worst = error
    this.#example = { value, scale, zeroPoint, rounded, integer, restored }
  }

  result() {
    return {
      ...{ count: this.#count, clipped: this.#clipped, example: this.#example },
      ...{ scale: this.#scale, zeroPoint: this.#zero, integers: this.#integers, span: this.#span },
      ...{ before: [...this.#before], after: [...this.#after] },
    }
  }

  #binOf(value: number): number {
    const [low, high] = this.#span
    const bin = Math.floor(((value - low) / (high - low)) * HISTOGRAM_BINS)
    return bin > 0 ? Math.min(bin, HISTOGRAM_BINS - 1) : 0
  }
}
