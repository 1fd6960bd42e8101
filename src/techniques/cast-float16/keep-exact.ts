// Finds the operators that have to stay in float32 for the answers to be as exact as asked: all others are tried in float16, segment by
// segment of the graph; a segment that fails is halved until single operators are found (as ONNX Runtime's auto_mixed_precision does).

import { LabError } from '../../core/errors/lab-error'
import { spreadIndices } from '../../core/calibration/observe'
import type { InferredTypes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import type { Node } from '../../core/model/node'
import { sortTopologically } from '../../core/model/topological-sort'
import { measureError } from '../../core/numeric/error-metrics'
import type { PassContext } from '../../core/pass/pass-context'
import { runSamples } from '../../core/pass/run-samples'
import type { NamedValues } from '../../core/pass/tensor-value'
import { simulateFloat16 } from './simulate'
import type { Float16Options } from './spec'

export interface KeepExactRequest {
  readonly model: Model
  readonly types: InferredTypes
  /** Operators that become float16 if they can. */
  readonly isCandidate: (node: Node) => boolean
  readonly options: Float16Options
  readonly context: PassContext
}

export interface ExactNodes {
  readonly keep: ReadonlySet<Node>
  /** Least ratio over outputs and samples with all other candidates in float16, dB; simulated. */
  readonly sqnrDb: number
  readonly samples: number
}

/** Throws `recipe/needs-calibration` without samples. */
export async function findExactNodes(request: KeepExactRequest): Promise<ExactNodes> {
  const { model, options, context } = request
  const feeds = await samplesOf(context, options)
  const truth = await runSamples(model, feeds, context)
  const candidates = sortTopologically(model.graph.nodes, model.graph).filter(request.isCandidate)
  const half = new Set<Node>()
  let sqnrDb = Infinity
  let decided = 0
  const passes = async (segment: readonly Node[]): Promise<boolean> => {
    await context.checkpoint()
    context.progress((0.8 * decided) / Math.max(candidates.length, 1), `${segment.length} operators in float16`)
    const tried = simulateFloat16(model, request.types, (node) => half.has(node) || segment.includes(node))
    const ratio = leastSqnr(truth, await runSamples(tried, feeds, context))
    if (!(ratio >= options.minSqnrDb)) return false
    sqnrDb = ratio
    for (const node of segment) half.add(node)
    return true
  }
  const search = async (segment: readonly Node[]): Promise<void> => {
    if (segment.length === 0) return
    const isDone = (await passes(segment)) || segment.length === 1
    if (isDone) decided += segment.length
    else {
      const middle = Math.ceil(segment.length / 2)
      await search(segment.slice(0, middle))
      await search(segment.slice(middle))
    }
  }
  await search(candidates)
  return { keep: new Set(candidates.filter((node) => !half.has(node))), sqnrDb, samples: feeds.length }
}

async function samplesOf({ calibration }: PassContext, options: Float16Options): Promise<readonly NamedValues[]> {
  if (!calibration) {
    const message = 'Keeping what suffers in float32 is measured on real data and none were given.'
    throw new LabError('recipe/needs-calibration', message, { technique: 'cast-float16' })
  }
  const indices = spreadIndices(calibration.size, options.calibrationSamples)
  const feeds: NamedValues[] = []
  for (const index of indices) feeds.push(await calibration.sample(index))
  return feeds
}

/** Over all float32 outputs and samples, dB; NaN counts as no signal at all. */
function leastSqnr(truth: readonly NamedValues[], actual: readonly NamedValues[]): number {
  const ratios = truth.flatMap((expected, sample) =>
    Object.entries(expected).flatMap(([name, value]) => {
      const got = actual[sample]?.[name]
      if (!(value.data instanceof Float32Array) || !(got?.data instanceof Float32Array)) return []
      const { sqnrDb } = measureError(value.data, got.data)
      return Number.isNaN(sqnrDb) ? -Infinity : sqnrDb
    }),
  )
  return Math.min(...ratios)
}
