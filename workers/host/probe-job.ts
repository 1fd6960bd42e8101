// The operator probe: small models of one operator each, in every format, checked against the reference engine and then timed in rounds on
// this worker's engine. It takes seconds, so its figures are hints that choose what to race; only a race gives a verdict.

import { asLabError, isCancelled } from '../../src/core/errors/lab-error'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { seededRng, type Rng } from '../../src/core/numeric/rng'
import { joinParts } from '../../src/core/numeric/join-parts'
import type { Engine, EngineFacts, EngineSession } from '../../src/engines/engine'
import { median } from '../../src/measure/quantiles'
import { probeModels, type ProbeModel } from '../../src/probe/probe-models'
import { PROBE_TABLE_VERSION, type ProbeOutcome, type ProbeRow, type ProbeTable } from '../../src/probe/probe-table'
import { ratioOfRounds } from '../../src/probe/ratio-of-rounds'
import { bindAll } from './bound-session'
import { runEngineCheck } from './check-jobs'
import type { EngineHost } from './engine-host'
import type { JobContext } from './job'
import { probeEnvironment } from './probe-environment'
import type { EngineConfig, ModelFile, ModelId, ProbeRequest } from './protocol'

/** One slot of a model in a round, ms: long enough for coarse timers, short enough for many rounds. */
const SLOT_MS = 4
/** Enough for an interval of 95 % (6), with something to spare. */
const LEAST_ROUNDS = 8
const WARM_UP_RUNS = 2
/** Part of the progress that opening and checking take. */
const CHECK_SHARE = 0.4

/** Throws what starting the engine throws, and `job/cancelled`; a model that fails is a row. */
export async function runProbe(
  host: EngineHost,
  request: EngineConfig & ProbeRequest,
  context: JobContext,
): Promise<ProbeTable> {
  const start = performance.now()
  const engine = await host.engine(request)
  const models = probeModels(request.seed)
  const outcomes = new Map<ProbeModel, ProbeOutcome>()
  for (const [index, model] of models.entries()) {
    context.progress((CHECK_SHARE * index) / models.length, `Checking ${model.operator} in ${model.format}`)
    const fault = await checkModel(host, model, request, context)
    if (fault) outcomes.set(model, fault)
  }
  await host.closeAll()
  const right = models.filter((model) => !outcomes.has(model))
  const untimed = reasonNotToTime(engine.facts)
  if (untimed !== undefined) for (const model of right) outcomes.set(model, { kind: 'not-timed', reason: untimed })
  else for (const [model, outcome] of await timeModels(engine, right, request, context)) outcomes.set(model, outcome)
  const rows = models.map((model): ProbeRow => {
    const { operator, format } = model
    return { operator, format, outcome: outcomes.get(model) ?? { kind: 'refused', reason: 'it was not run' } }
  })
  const environment = probeEnvironment(engine.facts, request.page)
  return { version: PROBE_TABLE_VERSION, environment, seconds: (performance.now() - start) / 1000, rows }
}

const reasonNotToTime = ({ adapter }: EngineFacts): string | undefined =>
  adapter?.isSoftware ? 'its graphics adapter is software, which says nothing about a GPU' : undefined

async function checkModel(
  host: EngineHost,
  { operator, format, model, feeds }: ProbeModel,
  config: EngineConfig,
  context: JobContext,
): Promise<ProbeOutcome | undefined> {
  await context.checkpoint()
  const parts = encodeParts(model) as Uint8Array<ArrayBuffer>[]
  const file: ModelFile = { id: `probe-${operator}-${format}` as ModelId, file: new Blob(parts), externalData: [] }
  try {
    const inputs = { kind: 'values', feeds: [feeds] } as const
    const check = await runEngineCheck(
      host,
      { ...config, model: file, inputs },
      { ...context, progress: () => undefined },
    )
    if (check.ok) return undefined
    const { maxAbs, tolerance } = check.outputs[0] ?? { maxAbs: null, tolerance: 0 }
    const worst = maxAbs === null ? 'the answer is not finite' : `largest error ${maxAbs.toPrecision(3)}`
    return { kind: 'wrong', detail: `${worst}, allowed ${tolerance.toPrecision(3)}` }
  } catch (error) {
    if (isCancelled(error)) throw error
    return { kind: 'refused', reason: asLabError(error).message }
  }
}

interface Timed {
  readonly model: ProbeModel
  readonly run: () => Promise<void>
  /** Inferences in a slot. */
  readonly runs: number
  /** ms for one inference, by round. */
  readonly times: number[]
}

async function timeModels(
  engine: Engine,
  models: readonly ProbeModel[],
  { seconds, seed }: ProbeRequest,
  context: JobContext,
): Promise<Map<ProbeModel, ProbeOutcome>> {
  const sessions: EngineSession[] = []
  try {
    const timed: Timed[] = []
    for (const model of models) {
      await context.checkpoint()
      const session = await engine.open(joinParts(encodeParts(model.model)), { optimization: 'all' })
      sessions.push(session)
      const bound = await bindAll(session, [model.feeds])
      timed.push(await warmUp(model, () => bound.run(0)))
    }
    await runRounds(timed, seconds * 1000, seededRng(seed), context)
    return new Map(timed.map((entry) => [entry.model, figuresOf(entry, timed)]))
  } finally {
    for (const session of sessions) await session.close()
  }
}

async function warmUp(model: ProbeModel, run: () => Promise<void>): Promise<Timed> {
  let lastMs = 0
  for (let i = 0; i < WARM_UP_RUNS; i++) lastMs = await timeRuns(run, 1)
  return { model, run, runs: Math.max(1, Math.ceil(SLOT_MS / Math.max(lastMs, 0.01))), times: [] }
}

/** At least `LEAST_ROUNDS` rounds, each in another order, then until the time is over. */
async function runRounds(entries: readonly Timed[], budgetMs: number, rng: Rng, context: JobContext): Promise<void> {
  const start = performance.now()
  const elapsed = (): number => performance.now() - start
  for (let round = 0; round < LEAST_ROUNDS || elapsed() < budgetMs; round++) {
    const share = Math.min(elapsed() / budgetMs, round / LEAST_ROUNDS, 1)
    context.progress(CHECK_SHARE + (1 - CHECK_SHARE) * share, `Round ${round + 1}`)
    for (const entry of rng.shuffle([...entries])) {
      await context.checkpoint()
      entry.times.push((await timeRuns(entry.run, entry.runs)) / entry.runs)
    }
  }
}

async function timeRuns(run: () => Promise<void>, runs: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < runs; i++) await run()
  return performance.now() - start
}

function figuresOf({ model, times, runs }: Timed, all: readonly Timed[]): ProbeOutcome {
  const float = all.find(({ model: { operator, format } }) => operator === model.operator && format === 'float32')
  const ratio = float && float.model !== model ? ratioOfRounds(times, float.times) : undefined
  return { kind: 'timed', medianMs: median(times), n: times.length * runs, ...(ratio && { ratio }) }
}
