// One layer at a time: the step runs with every other operator left in float, and the answers are set against those of the float model.
// What a layer costs alone, and what leaving it in float would win, is read off here.

import type { Model } from '../core/model/model'
import { nodeLabel } from '../core/model/node'
import { weightSlot } from '../core/model/weight-slots'
import { indexGraph } from '../core/model/graph-index'
import { runRecipe, type RecipeHost, type Techniques } from '../core/pass/run-recipe'
import { outputNumbers } from '../core/pass/tensor-numbers'
import type { CalibrationData } from '../core/pass/pass-context'
import { runSamples } from '../core/pass/run-samples'
import type { NamedValues } from '../core/pass/tensor-value'
import { argmax } from '../data/classification'
import { withExcluded } from './keep-in-float'
import { NoiseSums } from './noise-sums'
import type { ModelPair } from './prepare-pair'

export interface LayerError {
  /** Name of the operator. */
  readonly name: string
  readonly opType: string
  /** Ratio of the answers, dB. */
  readonly sqnrDb: number
  /** Mean divergence KL(float ‖ changed) of the answers as probabilities, nats; null where they are no class scores. */
  readonly kl: number | null
  /**
   * Fraction of samples lost: of right answers where the data have labels, else of answers that agree with the float model.
   * Null where the model is no classifier.
   */
  readonly metricDrop: number | null
}

export interface LayerRequest {
  readonly pair: ModelPair
  readonly techniques: Techniques
  readonly host: RecipeHost
  readonly data: CalibrationData
  readonly indices: readonly number[]
  /** Class of sample `index`. */
  readonly labelOf?: ((index: number) => number) | undefined
}

/** Operators with weights that the step changed, in the order of the network. */
function layersOf({ float, changedNodes }: Pick<ModelPair, 'float' | 'changedNodes'>): readonly string[] {
  const index = indexGraph(float.graph)
  return float.graph.nodes.flatMap((node) => {
    const hasWeight = node.inputs.some((name, input) => {
      const tensor = name === '' ? undefined : index.constant(name)
      return tensor !== undefined && weightSlot(node, input, tensor.dims.length) !== undefined
    })
    return hasWeight && changedNodes.has(nodeLabel(node)) ? [node.name] : []
  })
}

/** Throws what the step, engine and data throw. */
export async function layerErrors(request: LayerRequest): Promise<readonly LayerError[]> {
  const { pair, host } = request
  const names = layersOf(pair)
  const opTypes = new Map(pair.float.graph.nodes.map(({ name, opType }) => [name, opType]))
  const truth = await answers(pair.float, request)
  const errors: LayerError[] = []
  for (const [position, name] of names.entries()) {
    host.progress(position / names.length, `${name}, layer ${position + 1} of ${names.length}`)
    const alone = await onlyThis(name, request)
    errors.push({
      name,
      opType: opTypes.get(name) ?? '',
      ...compareAnswers(truth, await answers(alone, request), request),
    })
  }
  return errors
}

async function onlyThis(name: string, { pair, techniques, host }: LayerRequest): Promise<Model> {
  const others = [...pair.changedNodes].filter((other) => other !== name)
  const recipe = { ...pair.recipe, steps: [withExcluded(pair.step, others)] }
  return (await runRecipe(pair.float, recipe, techniques, { ...host, progress: () => undefined })).model
}

const answers = (model: Model, { host, data, indices }: LayerRequest): Promise<readonly NamedValues[]> =>
  runSamples(model, read(data, indices), host)

/** One after the other, as they are asked for. */
function* read(data: CalibrationData, indices: readonly number[]): Generator<Promise<NamedValues>> {
  for (const index of indices) yield data.sample(index)
}

type Figures = Pick<LayerError, 'sqnrDb' | 'kl' | 'metricDrop'>

/** All float outputs for the ratio; the first one, where it is a row of class scores, for the rest. */
function compareAnswers(
  truth: readonly NamedValues[],
  actual: readonly NamedValues[],
  { indices, labelOf }: Pick<LayerRequest, 'indices' | 'labelOf'>,
): Figures {
  const sums = new NoiseSums()
  const divergences: number[] = []
  let lost = 0
  for (const [sample, expected] of truth.entries()) {
    const got = actual[sample] ?? {}
    for (const [name, value] of Object.entries(expected)) {
      if (value.dtype === 'float32' && got[name]) sums.add(outputNumbers(value), outputNumbers(got[name]))
    }
    const [scores, others] = [classScores(expected), classScores(got)]
    if (!scores || !others) continue
    divergences.push(divergence(scores, others))
    const label = labelOf?.(indices[sample] ?? -1) ?? argmax(scores)
    lost += Number(argmax(scores) === label) - Number(argmax(others) === label)
  }
  const isClassifier = divergences.length > 0
  const mean = divergences.reduce((sum, value) => sum + value, 0) / divergences.length
  return {
    sqnrDb: sums.sqnrDb,
    kl: isClassifier ? mean : null,
    metricDrop: isClassifier ? lost / divergences.length : null,
  }
}

/** A first output of shape [1, classes]. */
function classScores(outputs: NamedValues): ArrayLike<number> | undefined {
  const [first] = Object.values(outputs)
  const isRow = first?.dtype === 'float32' && first.dims.length === 2 && first.dims[0] === 1 && (first.dims[1] ?? 0) > 1
  return isRow ? outputNumbers(first) : undefined
}

/** Σ p·ln(p/q) of the softmax of both, in nats. Probabilities that are softmaxed already are taken as scores, too: the order stays. */
function divergence(scores: ArrayLike<number>, others: ArrayLike<number>): number {
  const [p, q] = [logSoftmax(scores), logSoftmax(others)]
  return p.reduce((sum, logP, i) => sum + Math.exp(logP) * (logP - (q[i] ?? NaN)), 0)
}

function logSoftmax(scores: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(scores)
  const peak = values.reduce((a, b) => Math.max(a, b), -Infinity)
  const logSum = Math.log(values.reduce((sum, value) => sum + Math.exp(value - peak), 0))
  return values.map((value) => value - peak - logSum)
}
