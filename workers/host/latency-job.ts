// Races variants on one engine: opens fresh sessions in random order, times the cold start of each, and hands them as contenders to the
// procedure in `src/measure/compare-latency.ts`. `racing-sessions.ts` keeps the sessions.

import { LabError } from '../../src/core/errors/lab-error'
import { seededRng } from '../../src/core/numeric/rng'
import type { Engine } from '../../src/engines/engine'
import { compareLatency } from '../../src/measure/compare-latency'
import { localContender, type Contender } from '../../src/measure/contender'
import type { HostEvent, LatencyComparison, LatencyProgress } from '../../src/measure/latency-comparison'
import { progressText } from '../../src/measure/progress-text'
import type { JobContext } from './job'
import { probeEnvironment } from './probe-environment'
import type { EngineConfig, LatencyJobRequest, LatencyJobResult } from './protocol'
import { RacingSessions } from './racing-sessions'
import { planSessions } from './session-plan'
import { watchGarbage } from './watch-garbage'

type Request = EngineConfig & LatencyJobRequest

/** Throws `options/invalid` for variants that make no race, and what opening, running or `compareLatency` throw. */
export async function raceVariants(engine: Engine, request: Request, context: JobContext): Promise<LatencyJobResult> {
  const { variants, seed } = request
  verifyVariants(request)
  const environment = probeEnvironment(engine.facts, request.page)
  const sessions = planSessions(variants, environment, request.sessions)
  const racing = new RacingSessions({ engine, job: request, open: sessions.open, context })
  try {
    await racing.openAll(seededRng(seed), (step, of, label) =>
      context.progress((step / of) * OPENING, `Opening ${label}`),
    )
    const comparison = await race(request, context, { racing, timerStepMs: environment.timerStepMs })
    const { isSynthetic, freeDimensions } = racing.inputs
    const residency = request.residency ?? 'cpu'
    const facts = { isSynthetic, freeDimensions, residency, sessions, environment }
    return { comparison, variants: racing.coldStarts, ...facts }
  } finally {
    await racing.close()
  }
}

/** Before anything is opened, which takes time. */
function verifyVariants({ variants }: Request): void {
  const refuse = (path: string, expected: string, got: number): never => {
    throw new LabError('options/invalid', `A race needs ${path} to be ${expected}, not ${got}.`, {
      path,
      expected,
      got,
    })
  }
  if (variants.length < 2) refuse('variants', 'at least 2', variants.length)
  for (const [index, { repeat = 1 }] of variants.entries()) {
    if (!(Number.isInteger(repeat) && repeat >= 1)) refuse(`variants[${index}].repeat`, 'a whole number from 1', repeat)
  }
}

/** Parts of the job that progress gives to opening and to warming up; the rest is sampling. */
const OPENING = 0.1
const WARM_UP = 0.3

interface Race {
  readonly racing: RacingSessions
  readonly timerStepMs: number
}

async function race(request: Request, context: JobContext, { racing, timerStepMs }: Race): Promise<LatencyComparison> {
  const { seconds, mode, margin, warmUp, seed, variants } = request
  const garbage = watchGarbage()
  const now = (): number => performance.now()
  const checkpoint = (): Promise<void> => context.checkpoint()
  const inputCount = racing.inputs.feeds.length
  const contender = (variant: number, repeat = 1): Contender => {
    const once = (input: number): Promise<void> => racing.run(variant, input)
    const often = async (input: number): Promise<void> => {
      for (let inference = 0; inference < repeat; inference++) await once(input)
    }
    const prepare = (): Promise<void> => racing.prepare(variant)
    return localContender({ run: repeat === 1 ? once : often, inputCount, now, checkpoint, prepare })
  }
  try {
    return await compareLatency({
      contenders: variants.map(({ repeat }, index) => contender(index, repeat)),
      sentinel: localContender({ run: () => racing.runSentinel(), inputCount: 1, now, checkpoint }),
      now,
      timerStepMs,
      budgetMs: seconds * 1000,
      ...(mode && { mode }),
      ...(margin !== undefined && { margin }),
      ...(warmUp && { warmUp }),
      rng: seededRng(seed + 1),
      checkpoint,
      progress: (state) => context.progress(overall(state), progressText(state)),
      takeEvents: () => eventsSince(context.wasDisturbed(), garbage.wasCollected()),
      recover: (error) => racing.recover(error),
    })
  } finally {
    garbage.stop()
  }
}

const eventsSince = (wasHidden: boolean, wasCollected: boolean): readonly HostEvent[] => [
  ...(wasHidden ? (['hidden'] as const) : []),
  ...(wasCollected ? (['gc'] as const) : []),
]

const overall = ({ phase, fraction }: LatencyProgress): number =>
  phase === 'warm-up' ? OPENING + WARM_UP * fraction : OPENING + WARM_UP + (1 - OPENING - WARM_UP) * fraction
