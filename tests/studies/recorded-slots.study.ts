// Records what real slots do on this machine: models against themselves in Node, quiet and beside a busy neighbour, never stopping
// early. The simulation of error rates replays them. Run: npx vitest run --config vitest.study.config.ts recorded-slots

import { loadavg } from 'node:os'
import { test } from 'vitest'

import { seededRng } from '../../src/core/numeric/rng'
import { compareLatency } from '../../src/measure/compare-latency'
import { localContender } from '../../src/measure/contender'
import { bindAll } from '../../workers/host/bound-session'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../workers/host/probe-environment'
import { besideBusyNeighbour } from './busy-neighbour'
import { openNodeSession } from './node-session'
import { raceRow } from './race-row'
import { RECORDED_SLOTS, type RecordedSlots } from './replayed-noise'
import { DIGITS, RESNET, type StudyModel } from './study-models'
import { runStudy } from './study-results'

const MODELS = [RESNET, DIGITS]
const BUDGET_MS = 60_000
/** A recording that goes round sooner would replay the same moments again and again. */
const MIN_SLOTS = 160
/** No interval fits into so small a margin: the race goes on to the end of its budget. */
const MARGIN = 1e-4

const now = (): number => performance.now()
const checkpoint = (): Promise<void> => new Promise((done) => setImmediate(done))

/** One session in both places, so that nothing differs but the moment. */
async function raceWithItself(model: StudyModel, seed: number) {
  const engine = await createNodeEngine({ threads: 1 })
  try {
    const { session, feeds } = await openNodeSession(engine, model)
    const { run, inputCount } = await bindAll(session, feeds)
    const contender = localContender({ run, inputCount, now, checkpoint })
    const environment = probeEnvironment(engine.facts, { baseUrl: '' })
    const comparison = await compareLatency({
      ...{ contenders: [contender, contender], now, checkpoint, budgetMs: BUDGET_MS, margin: MARGIN },
      timerStepMs: environment.timerStepMs,
      rng: seededRng(seed),
      progress: () => undefined,
    })
    return { comparison, environment }
  } finally {
    await engine.close()
  }
}

test('slots of models against themselves are recorded', () =>
  runStudy<RecordedSlots>({
    name: RECORDED_SLOTS,
    question: 'What do the slots of a model against itself do on a real machine, one after the other?',
    command: 'npx vitest run --config vitest.study.config.ts recorded-slots',
    settings: { models: MODELS.map(({ name }) => name), budgetMs: BUDGET_MS, threads: 1 },
    rows: 8,
    run: async (index) => {
      const model = MODELS[index % MODELS.length]!
      const neighbour = index % 4 < 2 ? 'quiet' : 'busy'
      const race = () => raceWithItself(model, index)
      const { comparison, environment } = await (neighbour === 'busy' ? besideBusyNeighbour(race) : race())
      const counted = comparison.trace.filter(({ voided }) => voided === null)
      if (counted.length < MIN_SLOTS)
        throw new Error(`Only ${counted.length} slots in ${BUDGET_MS} ms: too busy a machine.`)
      const typical = raceRow(comparison).medianMs[0] ?? NaN
      const logs = counted.map(({ valueMs }) => Number(Math.log(valueMs / typical).toFixed(4)))
      return {
        row: { model: model.name, neighbour, load: loadavg()[0]!, spread: raceRow(comparison).spread, logs },
        environment,
      }
    },
    totals: () => [],
  }))
