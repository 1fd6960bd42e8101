// What the instrument itself adds to a run: Lathe's way of running a model against the loop that a user would write over ONNX Runtime,
// both over the same session, raced by the very procedure. Run: npm run study:measure

import * as ort from 'onnxruntime-web'
import { test, vi } from 'vitest'

import { seededRng } from '../../src/core/numeric/rng'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import { compareLatency } from '../../src/measure/compare-latency'
import { localContender, type Contender } from '../../src/measure/contender'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../workers/host/probe-environment'
import { toRuntimeTensor } from '../../workers/host/ort-tensor'
import { openNodeSession } from './node-session'
import { raceRow } from './race-row'
import { runStudy, total } from './study-results'
import { DIGITS, RESNET } from './study-models'

const MODELS = [DIGITS, RESNET]
const RUNS_PER_MODEL = 5
const BUDGET_MS = 30_000
const checkpoint = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Tensors made beforehand, outputs left as they come, a clock around each run: nothing that could be left out. */
function bareLoop(session: ort.InferenceSession, feeds: readonly NamedValues[]): Contender {
  const inputs = feeds.map((feed) =>
    Object.fromEntries(Object.entries(feed).map(([name, value]) => [name, toRuntimeTensor(value, name, ort.Tensor)])),
  )
  const time = async (first: number, count: number): Promise<number[]> => {
    const times: number[] = []
    for (let index = first; index < first + count; index++) {
      const start = performance.now()
      await session.run(inputs[index % inputs.length]!)
      times.push(performance.now() - start)
    }
    return times
  }
  return {
    async warmUp(rule) {
      const times: number[] = []
      const start = performance.now()
      while (times.length < rule.minRuns || performance.now() - start < rule.minMs) {
        times.push(...(await time(times.length, 1)))
      }
      return times
    },
    async timeSlot({ runs, isBatched }, firstInput) {
      const [switchMs = NaN] = await time(firstInput, 1)
      const start = performance.now()
      const samplesMs = await time(firstInput + 1, runs)
      return { switchMs, samplesMs: isBatched ? [(performance.now() - start) / runs] : samplesMs }
    },
  }
}

async function raceAgainstBareLoop(index: number) {
  const model = MODELS[index % MODELS.length]!
  const create = vi.spyOn(ort.InferenceSession, 'create')
  const engine = await createNodeEngine({ threads: 1 })
  try {
    const { session, feeds } = await openNodeSession(engine, model)
    const raw = (await create.mock.results.at(-1)?.value) as ort.InferenceSession
    const bound = await Promise.all(feeds.map((feed) => session.bind(feed)))
    const environment = probeEnvironment(engine.facts, { baseUrl: '' })
    const comparison = await compareLatency({
      contenders: [
        bareLoop(raw, feeds),
        localContender({ run: (input) => bound[input]!.run(), inputCount: feeds.length, now, checkpoint }),
      ],
      now,
      timerStepMs: environment.timerStepMs,
      budgetMs: BUDGET_MS,
      rng: seededRng(index),
      checkpoint,
      progress: () => undefined,
    })
    return { row: { model: model.name, ...raceRow(comparison) }, environment }
  } finally {
    await engine.close()
    create.mockRestore()
  }
}
const now = (): number => performance.now()

test('running a model through Lathe takes as long as a bare loop over the same session', () =>
  runStudy({
    name: 'measure-overhead',
    question: 'Does Lathe time a run as a bare loop over the same session does? Ratio: Lathe ÷ bare loop.',
    settings: { models: MODELS, threads: 1, budgetMs: BUDGET_MS, runsPerModel: RUNS_PER_MODEL },
    rows: MODELS.length * RUNS_PER_MODEL,
    run: raceAgainstBareLoop,
    totals: (rows) =>
      MODELS.map(({ name }) => {
        const own = rows.filter(({ model }) => model === name)
        const bar = { text: 'all', judge: (count: number) => count === own.length }
        return total(
          `${name}: the same`,
          own.map(({ verdict }) => verdict === 'same'),
          bar,
        )
      }),
  }))
