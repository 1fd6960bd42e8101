// Hands each planned weight its method, in the order in which they should be packed: GPTQ needs what the samples say about a layer's input,
// and only a few such matrices fit into memory at a time, so there weights come grouped by their input.

import { LabError } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import { intAttribute, type Node } from '../../core/model/node'
import type { PassContext } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import type { BlockWeight } from './block-weight'
import type { BlockMethod } from './choose-algorithm'
import { factorGram, type GptqFactor } from './gptq'
import { gramMatrices } from './gram-observer'
import type { BlockOptions, BlockPlan } from './plan'
import { spec } from './spec'

export interface Assignment {
  readonly weight: BlockWeight
  readonly method: BlockMethod
  readonly note?: Note
}

/** `model` is the one that was planned. Throws `recipe/needs-calibration` where GPTQ has no samples. */
export async function* assignAlgorithms(
  model: Model,
  { weights }: BlockPlan,
  options: BlockOptions,
  context: PassContext,
): AsyncGenerator<Assignment> {
  const { algorithm, format } = options
  if (algorithm !== 'gptq') {
    for (const weight of weights) yield { weight, method: { algorithm, format, role: weight.role } }
    return
  }
  const byInput = groupByInput(weights, new Set(model.graph.nodes))
  for (const weight of byInput.get(undefined) ?? []) {
    yield { weight, method: { algorithm: 'rtn', format, role: weight.role }, note: unseen(weight) }
  }
  byInput.delete(undefined)
  yield* withSamples(model, byInput, options, context)
}

type ByInput = Map<string | undefined, BlockWeight[]>

async function* withSamples(
  model: Model,
  byInput: ByInput,
  options: BlockOptions,
  context: PassContext,
): AsyncGenerator<Assignment> {
  const watched = [...byInput].flatMap(([value, [first]]) =>
    value !== undefined && first ? [{ value, k: first.k }] : [],
  )
  if (watched.length === 0) return
  if (!context.calibration) throw needsSamples()
  for await (const grams of gramMatrices(
    model,
    watched,
    { data: context.calibration, count: options.calibrationSamples },
    context,
  )) {
    for (const [input, gram] of grams) {
      const sharing = byInput.get(input) ?? []
      const factor = factorGram(gram, sharing[0]?.k ?? 0, options)
      const method: BlockMethod = { algorithm: 'gptq', factor, gridMse: options.gridMse }
      for (const weight of sharing) {
        yield factor.damping > options.damping
          ? { weight, method, note: moreDamping(weight, factor) }
          : { weight, method }
      }
    }
  }
}

/** undefined: by none that can be watched. */
function groupByInput(weights: readonly BlockWeight[], main: ReadonlySet<Node>): ByInput {
  const groups: ByInput = new Map()
  for (const weight of weights) {
    const input = watchedInput(weight, main)
    groups.set(input, [...(groups.get(input) ?? []), weight])
  }
  return groups
}

/**
 * The value that the first reader of a matrix in the main graph multiplies it with, k channels along its last axis. Undefined where samples
 * cannot be watched.
 */
export const watchedInput = ({ role, readers }: BlockWeight, main: ReadonlySet<Node>): string | undefined =>
  role === 'matrix'
    ? readers.find((node) => main.has(node) && intAttribute(node, 'transA', 0) === 0)?.inputs[0]
    : undefined

const moreDamping = ({ tensor }: BlockWeight, { damping }: GptqFactor): Note => ({
  kind: 'warning',
  subject: tensor.name,
  text: `"${tensor.name}" needed a damping of ${damping}: its inputs do not differ enough in the samples.`,
})

const unseen = ({ tensor, role }: BlockWeight): Note => ({
  kind: 'warning',
  subject: tensor.name,
  text: `"${tensor.name}" is rounded to nearest: ${role === 'table' ? 'GPTQ is for products, not for tables' : 'samples are watched neither inside bodies nor through transA'}.`,
})

const needsSamples = (): LabError =>
  new LabError(
    'recipe/needs-calibration',
    'GPTQ rounds weights for the inputs that layers get from real samples; none were given.',
    {
      technique: spec.id,
    },
  )
