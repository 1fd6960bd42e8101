// Races variants on one engine: opens fresh sessions in random order, times the cold start of each, and hands the sessions to the
// procedure in `src/measure/compare-latency.ts`.

import { LabError } from '../../src/core/errors/lab-error'
import { seededRng } from '../../src/core/numeric/rng'
import type { Engine, EngineSession } from '../../src/engines/engine'
import { compareLatency } from '../../src/measure/compare-latency'
import type { LatencyComparison, LatencyProgress } from '../../src/measure/latency-comparison'
import { openModel } from './engine-host'
import type { JobContext } from './job'
import { openInputs, type ModelInputs } from './model-inputs'
import { probeEnvironment } from './probe-environment'
import type { ColdStart, EngineConfig, LatencyJobRequest, LatencyJobResult } from './protocol'

type Request = EngineConfig & LatencyJobRequest
interface Contender extends ColdStart {
  readonly session: EngineSession
}

/** Throws `options/invalid` for fewer than two variants and what opening, running or `compareLatency` throw. */
export async function raceVariants(engine: Engine, request: Request, context: JobContext): Promise<LatencyJobResult> {
  const environment = probeEnvironment(engine.facts, request.page)
  const contenders: Contender[] = []
  try {
    const inputs = await openContenders(engine, request, context, contenders)
    const comparison = await race(request, context, { contenders, inputs, timerStepMs: environment.timerStepMs })
    const variants = contenders.map(({ label, loadMs, sessionMs, firstRunMs }) => ({
      label,
      loadMs,
      sessionMs,
      firstRunMs,
    }))
    const { isSynthetic, freeDimensions } = inputs
    return { comparison, variants, isSynthetic, freeDimensions, residency: request.residency ?? 'cpu', environment }
  } finally {
    for (const contender of contenders) await contender?.session.close()
  }
}

/** Fills `contenders` in the order of the request; sessions are created in random order, which may decide their memory layout. */
async function openContenders(
  engine: Engine,
  request: Request,
  context: JobContext,
  contenders: Contender[],
): Promise<ModelInputs> {
  const { variants, freeDimensions, page, seed } = request
  const order = seededRng(seed).shuffle(variants.map((_, index) => index))
  let inputs: ModelInputs | undefined
  for (const [step, index] of order.entries()) {
    const variant = variants[index]
    if (!variant) continue
    context.progress((step / order.length) * OPENING, `Opening ${variant.label}`)
    await context.checkpoint()
    const { session, loadMs } = await openModel(engine, { model: variant.model, optimization: 'all', freeDimensions })
    contenders[index] = { label: variant.label, loadMs, sessionMs: session.sessionMs, firstRunMs: NaN, session }
    inputs ??= await openInputs({ source: request.inputs, session, freeDimensions, page, signal: context.signal })
    const [first] = inputs.feeds
    if (!first) throw new LabError('data/invalid', 'There are no inputs to run the models on.')
    const start = performance.now()
    await session.run(first)
    contenders[index] = { ...contenders[index], firstRunMs: performance.now() - start }
  }
  if (!inputs) throw new LabError('options/invalid', 'There is nothing to time.', { path: 'variants' })
  return inputs
}

/** Parts of the job that progress gives to opening and to warming up; the rest is sampling. */
const OPENING = 0.1
const WARM_UP = 0.3

interface Race {
  readonly contenders: readonly Contender[]
  readonly inputs: ModelInputs
  readonly timerStepMs: number
}

function race(
  request: Request,
  context: JobContext,
  { contenders, inputs, timerStepMs }: Race,
): Promise<LatencyComparison> {
  const { feeds } = inputs
  const { seconds, margin, warmUp, seed } = request
  return compareLatency({
    variantCount: contenders.length,
    inputCount: feeds.length,
    run: async (variant, input) => {
      const [contender, feed] = [contenders[variant], feeds[input]]
      if (!contender || !feed) throw new LabError('internal', `There is no variant ${variant} or input ${input}.`)
      await contender.session.run(feed)
    },
    now: () => performance.now(),
    timerStepMs,
    budgetMs: seconds * 1000,
    ...(margin !== undefined && { margin }),
    ...(warmUp && { warmUp }),
    rng: seededRng(seed + 1),
    checkpoint: () => context.checkpoint(),
    progress: (state) => context.progress(overall(state), describe(state)),
    wasDisturbed: () => context.wasDisturbed(),
  })
}

const overall = ({ phase, fraction }: LatencyProgress): number =>
  phase === 'warm-up' ? OPENING + WARM_UP * fraction : OPENING + WARM_UP + (1 - OPENING - WARM_UP) * fraction

const describe = ({ phase, blocks, leftMs }: LatencyProgress): string => {
  const left = `at most ${Math.ceil(leftMs / 1000)} s left`
  return phase === 'warm-up' ? `Warming up, ${left}` : `Timing, ${blocks} blocks, ${left}`
}
