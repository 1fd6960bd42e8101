// Hands each planned weight its algorithm, in the order in which they should be packed: GPTQ needs what the samples say about a layer's input,
// and only a few such matrices fit into memory at a time, so there weights come grouped by their input.

import { LabError } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import type { Node } from '../../core/model/node'
import type { PassContext } from '../../core/pass/pass-context'
import type { Note } from '../../core/pass/technique'
import type { BlockAlgorithm, BlockBits } from './block-codes'
import type { BlockWeight } from './block-weight'
import { chooseAlgorithm, type DataFreeAlgorithm } from './choose-algorithm'
import { factorGram, gptq, type GptqOptions } from './gptq'
import { gramMatrices } from './gram-observer'
import type { BlockOptions, BlockPlan } from './plan'
import { spec } from './spec'

/** The paper's. */
const GPTQ_OPTIONS: GptqOptions = { damping: 0.01, actOrder: false, gridMse: false }

export interface Assignment {
  readonly weight: BlockWeight
  readonly algorithm: BlockAlgorithm
  readonly note?: Note
}

export interface AssignmentRules {
  readonly options: BlockOptions
  readonly bitsOf: (weight: BlockWeight) => BlockBits
}

/** `model` is the one that was planned. Throws `recipe/needs-calibration` where GPTQ has no samples. */
export async function* assignAlgorithms(
  model: Model,
  { weights }: BlockPlan,
  { options, bitsOf }: AssignmentRules,
  context: PassContext,
): AsyncGenerator<Assignment> {
  const { algorithm, format } = options
  const choose = (weight: BlockWeight, name: DataFreeAlgorithm): BlockAlgorithm =>
    chooseAlgorithm({ algorithm: name, format }, weight.role, bitsOf(weight))
  if (algorithm !== 'gptq') {
    for (const weight of weights) yield { weight, algorithm: choose(weight, algorithm) }
    return
  }
  const byInput = groupByInput(weights, new Set(model.graph.nodes))
  for (const weight of byInput.get(undefined) ?? []) {
    yield { weight, algorithm: choose(weight, 'rtn'), note: unseen(weight) }
  }
  byInput.delete(undefined)
  yield* withSamples(model, byInput, options, context)
}

type ByInput = Map<string | undefined, BlockWeight[]>

async function* withSamples(
  model: Model,
  byInput: ByInput,
  { calibrationSamples }: BlockOptions,
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
    { data: context.calibration, count: calibrationSamples },
    context,
  )) {
    for (const [input, gram] of grams) {
      const sharing = byInput.get(input) ?? []
      const algorithm = gptq(factorGram(gram, sharing[0]?.k ?? 0, GPTQ_OPTIONS), GPTQ_OPTIONS)
      for (const weight of sharing) yield { weight, algorithm }
    }
  }
}

/** By the input of the first reader in the main graph, where samples can be watched; undefined: by none. */
function groupByInput(weights: readonly BlockWeight[], main: ReadonlySet<Node>): ByInput {
  const groups: ByInput = new Map()
  for (const weight of weights) {
    const input = weight.role === 'matrix' ? weight.readers.find((node) => main.has(node))?.inputs[0] : undefined
    groups.set(input, [...(groups.get(input) ?? []), weight])
  }
  return groups
}

const unseen = ({ tensor, role }: BlockWeight): Note => ({
  kind: 'warning',
  subject: tensor.name,
  text: `"${tensor.name}" is rounded to nearest: ${role === 'table' ? 'GPTQ is for products, not for tables' : 'samples are not watched inside bodies'}.`,
})

const needsSamples = (): LabError =>
  new LabError(
    'recipe/needs-calibration',
    'GPTQ rounds weights for the inputs that layers get from real samples; none were given.',
    {
      technique: spec.id,
    },
  )
