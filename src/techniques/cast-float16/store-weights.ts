// Storage only: each float32 weight becomes a float16 one and a Cast back to float32. Engines fold the Cast away when they load the model,
// so it computes as before, with weights that were rounded once.

import { dtypeCode } from '../../core/model/dtype'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { inferShapes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { attributes } from '../../core/model/node'
import { tensorCount, type Tensor } from '../../core/model/tensor'
import type { Note } from '../../core/pass/technique'
import { float16Tensor } from './convert-weights'
import { clampNote } from './clamp-note'

/** Below this a Cast node takes more bytes than the weight gives back. */
const MIN_NUMBERS = 128

/** `onItem` is called before each weight with its name. */
export async function storeWeights(
  model: Model,
  onItem: (name: string) => Promise<void>,
): Promise<{ readonly model: Model; readonly notes: readonly Note[] }> {
  const notes: Note[] = []
  let stored = 0
  const result = await mapGraphs(model, inferShapes(model), async (edit) => {
    const weights = weightsOf(edit)
    const restored = new Map(weights.map(({ name }) => [name, edit.freshName(`${name}_fp32`)]))
    edit.draft.redirectAll(restored)
    for (const weight of weights) {
      await onItem(weight.name)
      const clampedCount = store(weight, restored.get(weight.name) ?? '', edit)
      if (clampedCount > 0) notes.push(clampNote(weight.name, clampedCount))
    }
    stored += weights.length
    return weights.length > 0
  })
  const text =
    stored > 0
      ? `Stored ${stored} weights in float16; the model computes in float32.`
      : 'No float32 weight is large enough to store in float16.'
  return { model: result, notes: [{ kind: stored > 0 ? 'changed' : 'skipped', text }, ...notes] }
}

/** Large float32 initializers that are neither inputs, which whoever runs the model may replace, nor outputs. */
function weightsOf({ draft: { initializers, index } }: GraphEdit): Tensor[] {
  const isOwn = ({ name }: Tensor): boolean => !index.isInput(name) && !index.isOutput(name)
  return [...initializers.values()].filter(
    (tensor) => tensor.dtype === 'float32' && tensorCount(tensor) >= MIN_NUMBERS && isOwn(tensor),
  )
}

/** Returns how many of its values were too large. */
function store(weight: Tensor, output: string, { draft, freshName }: GraphEdit): number {
  const { tensor, clampedCount } = float16Tensor(weight, freshName(`${weight.name}_fp16`))
  draft.setInitializer(tensor)
  const to = attributes({ to: dtypeCode('float32') })
  draft.addNode({
    opType: 'Cast',
    name: `${weight.name}_Cast`,
    inputs: [tensor.name],
    outputs: [output],
    attributes: to,
  })
  return clampedCount
}
