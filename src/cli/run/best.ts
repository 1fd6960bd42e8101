// `lathe best`: probes the device, builds the few recipes that the advisor finds promising, races them against the original and says which
// won and why the others lost.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { advise } from '../../advisor/advise'
import { judgeBest, type BestEntry } from '../../advisor/judge-best'
import { measureWorkload } from '../../advisor/workload'
import { LabError } from '../../core/errors/lab-error'
import { fittedDimensions } from '../../data/fitted-dimensions'
import type { EngineChoice } from '../../measure/engine-race'
import { parseProbeTables } from '../../probe/parse-probe-table'
import type { ProbeTable } from '../../probe/probe-table'
import { parseZooModelId, ZOO_MODELS, zooIdOf } from '../../zoo/catalog'
import { resolveTarget, writeAtomically } from '../atomic-file'
import type { commands } from '../commands'
import { choosePlace, DEFAULT_ENGINE, parseDimensions, parseEngine, type Place } from '../engine-name'
import { openLaboratory } from '../open-laboratory'
import { openModel } from '../open-model'
import { stagedProgress, type StagedProgress } from '../progress'
import { readWhole } from '../read-file'
import type { Run } from '../terminal'
import { describeRace } from './bench-race'
import { describeBest, type BestAnswer, type BestCandidate } from './best-answer'
import { buildCandidates, type BuiltCandidate } from './best-build'
import { raceCandidates, type RacedFile, type RaceOutcome } from './best-race'

const SEED = 0
const PROBE_SECONDS = 2

export const run: Run<(typeof commands)['best']['options']> = async (
  { positionals: [model = ''], options },
  { progress: plain, repository },
) => {
  const engine = parseEngine(options.engine ?? DEFAULT_ENGINE)
  const place = choosePlace(engine, options.where)
  const { output, goal = 'speed', seconds, samples } = options
  const target = output === undefined ? undefined : await resolveTarget(output)
  const progress = stagedProgress(plain)
  const host: Host = { engine, place, repository, progress }
  const { sizeBytes, model: decoded } = await openModel(model, repository)
  const given = parseDimensions(options.dimension)
  const data = dataOf(model, options)
  const workload = measureWorkload(decoded, { ...fittedDimensions(decoded), ...given })
  const probe = options.probe === undefined ? await probeEngine(host) : await readProbe(options.probe, engine)
  const advice = advise({ goal, workload, table: probe, hasSamples: data.calibration !== undefined })
  const folder = await mkdtemp(join(tmpdir(), 'lathe-best-'))
  try {
    const building = { ...host, model, folder, calibration: data.calibration }
    const built = await buildCandidates(advice.candidates, building)
    const variants = built.flatMap((one) => one.built?.path ?? [])
    const racing = { ...host, original: model, variants, data: data.evaluation, freeDimensions: given, seed: SEED }
    const outcome = await raceCandidates({ ...racing, seconds, samples })
    const entries = built.map((one) => entryOf(one, outcome, sizeBytes))
    const verdict = outcome.originalCheck.ok ? judgeBest(goal, entries) : null
    const winner = built.find(({ candidate }) => candidate.name === verdict?.winner)
    if (target !== undefined && winner?.built) await writeAtomically(target, [await readFile(winner.built.path)])
    const answer: BestAnswer = {
      ...{ model, goal, engine: engine.name, environment: outcome.environment, data, samples: outcome.samples },
      ...{ sizeBytes, probe, workload, advice, verdict },
      originalCheck: outcome.originalCheck,
      originalTiming: outcome.originalTiming ?? null,
      candidates: built.map((one) => describeCandidate(one, outcome, sizeBytes)),
      race: raceOf(outcome, engine.name, model),
      output: winner?.built && output !== undefined ? output : null,
    }
    return { document: answer, text: () => describeBest(answer, entries) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Host {
  readonly engine: EngineChoice
  readonly place: Place
  readonly repository: string
  readonly progress: StagedProgress
}

/** What was named; for models of the zoo their own data, which are disjoint. */
function dataOf(
  model: string,
  { data, calibration }: { readonly data?: string | undefined; readonly calibration?: string | undefined },
): BestAnswer['data'] {
  const id = zooIdOf(model)
  const own = id === undefined ? undefined : ZOO_MODELS[parseZooModelId(id)]
  const evaluation = data ?? (own && `zoo:${own.datasetId}`)
  return { evaluation, calibration: calibration ?? data ?? (own && `zoo:${own.calibrationId}`) }
}

async function probeEngine({ place, progress, ...rest }: Host): Promise<ProbeTable> {
  progress.stage('Probing the device')
  const laboratory = await openLaboratory({ ...rest, progress, models: [], freeDimensions: {}, seed: SEED }, place)
  try {
    return await laboratory.probe({ seconds: PROBE_SECONDS, seed: SEED })
  } finally {
    await laboratory.close()
  }
}

/** Throws `data/invalid` for a file that is none or has no table of this engine. */
async function readProbe(path: string, { engine, threads, name }: EngineChoice): Promise<ProbeTable> {
  const tables = parseProbeTables(new TextDecoder().decode(await readWhole(path, 'file of `lathe probe --save`')))
  const found = tables.find(
    ({ environment }) => environment.engine.id === engine && environment.engine.threads === threads,
  )
  if (found) return found
  const known = tables.map(({ environment }) => `${environment.engine.id}:${environment.engine.threads}`).join(', ')
  throw new LabError('data/invalid', `${path} has tables of ${known || 'no engine'}; expected one of ${name}.`, {
    path,
  })
}

const fileOf = ({ built }: BuiltCandidate, { files }: RaceOutcome): RacedFile | undefined =>
  files.find(({ path }) => path === built?.path)

function entryOf(one: BuiltCandidate, outcome: RaceOutcome, originalBytes: number): BestEntry {
  const { name, label } = one.candidate
  const file = fileOf(one, outcome)
  const { accuracy, top1Agreement } = file?.answers ?? { accuracy: null, top1Agreement: null }
  const latency = file?.latency
  const isTimed = latency && latency.ratio !== null && latency.verdict !== 'wrong'
  return {
    ...{ name, label, check: file?.check, fidelity: file?.fidelity },
    sizeRatio: one.built ? one.built.compression.output.sizeBytes / originalBytes : null,
    failure: one.failure ?? file?.failure,
    accuracy: accuracy ?? undefined,
    agreement: top1Agreement === null ? undefined : { agreement: top1Agreement, n: outcome.samples },
    latency: isTimed ? { ratio: latency.ratio, ci95: latency.ci95, verdict: latency.verdict } : undefined,
  }
}

function describeCandidate(one: BuiltCandidate, outcome: RaceOutcome, originalBytes: number): BestCandidate {
  const { candidate, built } = one
  const file = fileOf(one, outcome)
  const sizeBytes = built?.compression.output.sizeBytes ?? null
  return {
    ...candidate,
    sizeBytes,
    sizeRatio: sizeBytes === null ? null : sizeBytes / originalBytes,
    recipe: built?.compression.recipe ?? null,
    recipeKey: built?.compression.recipeKey ?? null,
    notes: built?.compression.steps ?? [],
    failure: one.failure ?? file?.failure ?? null,
    kernelCheck: file?.check ?? null,
    fidelity: file?.fidelity ?? null,
    answers: file?.answers ?? null,
    latency: file?.latency ?? null,
    timing: file?.timing ?? null,
  }
}

function raceOf({ race }: RaceOutcome, engine: string, model: string): BestAnswer['race'] {
  return (
    race && describeRace({ ...race, engine, files: race.variants.map(({ label }, i) => (i === 0 ? model : label)) })
  )
}
