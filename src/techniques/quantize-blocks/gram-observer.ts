// What calibration must know of the input of a layer, computed inside the model: its Gram matrix for GPTQ, or only the diagonal of it
// where bits are shared out. Activations never leave the engine. Everything is taken from the float model: what layers quantized before do
// to an input is not seen, so that no layer depends on the order in which they are worked on.

import { observeValues, spreadIndices, type ObservationContext, type Observer } from '../../core/calibration/observe'
import { LabError } from '../../core/errors/lab-error'
import type { GraphDraft } from '../../core/model/graph-draft'
import type { Model } from '../../core/model/model'
import { attributes } from '../../core/model/node'
import { makeTensor } from '../../core/model/tensor'
import type { CalibrationData } from '../../core/pass/pass-context'
import type { TensorValue } from '../../core/pass/tensor-value'

/** A float32 value of the main graph whose last axis has `k` channels. */
export interface WatchedValue {
  readonly value: string
  readonly k: number
}

export interface Samples {
  readonly data: CalibrationData
  /** At most so many, spread evenly. */
  readonly count: number
}

/** Gram matrices that are held at a time. */
const GRAM_BYTES = 64 * 2 ** 20

/**
 * Σ x xᵀ over all rows of `value` in all samples (k × k, float64), a few values at a time: as many as fit in 64 MB, one at least, each time
 * with another run over the samples. Throws `data/invalid` with `tensor` where one is not finite, and what `observeValues` throws.
 */
export async function* gramMatrices(
  model: Model,
  values: readonly WatchedValue[],
  samples: Samples,
  context: ObservationContext,
): AsyncGenerator<ReadonlyMap<string, Float64Array>> {
  const groups = fitting(values)
  for (const [done, group] of groups.entries()) {
    const progress = (fraction: number, what: string): void => context.progress((done + fraction) / groups.length, what)
    yield await observeSums(model, group.map(gramObserver), samples, { ...context, progress })
  }
}

/** Σ x² of each channel: the diagonal of the Gram matrix (k numbers, float64). Throws as `gramMatrices` does. */
export function channelEnergies(
  model: Model,
  values: readonly WatchedValue[],
  samples: Samples,
  context: ObservationContext,
): Promise<ReadonlyMap<string, Float64Array>> {
  return observeSums(model, values.map(energyObserver), samples, context)
}

/** In their order, so that the layers of a group are neighbours. */
function fitting(values: readonly WatchedValue[]): WatchedValue[][] {
  const groups: WatchedValue[][] = []
  let free = 0
  for (const watched of values) {
    const bytes = Float64Array.BYTES_PER_ELEMENT * watched.k ** 2
    const group = groups.at(-1)
    if (group && bytes <= free) group.push(watched)
    else {
      groups.push([watched])
      free = GRAM_BYTES
    }
    free -= bytes
  }
  return groups
}

/** Adds up what one node gives for each sample. */
interface SumObserver extends Observer {
  readonly sum: Float64Array
}

async function observeSums(
  model: Model,
  observers: readonly SumObserver[],
  { data, count }: Samples,
  context: ObservationContext,
): Promise<ReadonlyMap<string, Float64Array>> {
  await observeValues(model, observers, data, spreadIndices(data.size, count), context)
  return new Map(observers.map(({ value, sum }) => [value, finite(value, sum)]))
}

const gramObserver = ({ value, k }: WatchedValue): SumObserver =>
  sumObserver(value, k * k, (draft) => {
    const rows = addRows(draft, { value, k })
    const columns = draft.freshName(`${value}_columns`)
    draft.addNode({ opType: 'Transpose', inputs: [rows], outputs: [columns], attributes: attributes({ perm: [1, 0] }) })
    const gram = draft.freshName(`${value}_gram`)
    draft.addNode({ opType: 'MatMul', inputs: [columns, rows], outputs: [gram] })
    return gram
  })

const energyObserver = ({ value, k }: WatchedValue): SumObserver =>
  sumObserver(value, k, (draft, opset) => {
    const rows = addRows(draft, { value, k })
    const energy = draft.freshName(`${value}_energy`)
    const reduce = { opType: 'ReduceSumSquare', outputs: [energy] }
    if (opset < AXES_ARE_AN_INPUT) {
      draft.addNode({ ...reduce, inputs: [rows], attributes: attributes({ axes: [0], keepdims: 0 }) })
    } else {
      const axes = addIntegers(draft, `${value}_axes`, [0])
      draft.addNode({ ...reduce, inputs: [rows, axes], attributes: attributes({ keepdims: 0 }) })
    }
    return energy
  })

/** Of ReduceSumSquare. */
const AXES_ARE_AN_INPUT = 18

function sumObserver(
  value: string,
  length: number,
  addNodes: (draft: GraphDraft, opset: number) => string,
): SumObserver {
  const sum = new Float64Array(length)
  return {
    value,
    sum,
    attach: (draft, opset) => [{ name: addNodes(draft, opset), type: { kind: 'tensor', dtype: 'float32' } }],
    fold: ([result]) => addTo(sum, value, result),
  }
}

/** All axes but the last become one. */
function addRows(draft: GraphDraft, { value, k }: WatchedValue): string {
  const rows = draft.freshName(`${value}_rows`)
  const shape = addIntegers(draft, `${value}_rows_shape`, [-1, k])
  draft.addNode({ opType: 'Reshape', inputs: [value, shape], outputs: [rows] })
  return rows
}

function addIntegers(draft: GraphDraft, wantedName: string, integers: readonly number[]): string {
  const name = draft.freshName(wantedName)
  draft.setInitializer(makeTensor(name, 'int64', [integers.length], BigInt64Array.from(integers, BigInt)))
  return name
}

function addTo(sum: Float64Array, value: string, result: TensorValue | undefined): void {
  if (!(result?.data instanceof Float32Array) || result.data.length !== sum.length) {
    throw new LabError('engine/failed', `The engine returned no ${sum.length} numbers about "${value}".`, {
      tensor: value,
      got: result?.data.length ?? null,
      expected: sum.length,
    })
  }
  const { data } = result
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (data[i] as number)
}

function finite(tensor: string, sum: Float64Array): Float64Array {
  if (sum.every(Number.isFinite)) return sum
  throw new LabError(
    'data/invalid',
    `"${tensor}" takes values that are not finite, so its layers cannot be fitted to it.`,
    {
      tensor,
    },
  )
}
