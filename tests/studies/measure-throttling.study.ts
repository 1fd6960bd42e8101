// A device that becomes 20 % slower halfway: from then on every run on real sessions, and the sentinel's as heat would, is followed by
// a busy wait of a fifth of its own time. Is it noticed, where, and are both parts reported? Run: npm run study:measure

import { test } from 'vitest'

import { seededRng } from '../../src/core/numeric/rng'
import { sentinelFeeds, sentinelModel } from '../../src/engines/sentinel-model'
import { compareLatency } from '../../src/measure/compare-latency'
import { localContender } from '../../src/measure/contender'
import type { LatencyProgress } from '../../src/measure/latency-comparison'
import { bindAll } from '../../workers/host/bound-session'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../workers/host/probe-environment'
import { INPUTS, openNodeSession } from './node-session'
import { raceRow, type RaceRow } from './race-row'
import { DIGITS, inTemporaryFolder, RESNET, STUDY_MODEL_NAMES, studyModels, type StudyModel } from './study-models'
import { atLeast, runStudy, total } from './study-results'

const SLOW_DOWN = 0.2
/**
 * `compare`: a session against itself, so that nothing is to be found, and a margin that no interval fits into: the race goes on to the end
 * of its budget. `sustained`: the usual margin and two different models; that mode never stops early. Slots are longer there.
 */
const KINDS = {
  compare: { budgetMs: { digits: 6_000, resnet: 10_000 }, margin: 1e-4 },
  sustained: { budgetMs: { digits: 24_000, resnet: 24_000 }, margin: 0.02 },
} as const
type Kind = keyof typeof KINDS

interface Row extends RaceRow {
  readonly mode: Kind
  readonly model: string
  /** First block that was slowed down. */
  readonly slowedFromBlock: number
  /** Races before this one that called a session different from itself before the slow-down came, and were run again. */
  readonly endedBefore: number
}

const now = (): number => performance.now()
const checkpoint = (): Promise<void> => new Promise((done) => setImmediate(done))

/** Slows runs down once it is told to. */
class Heat {
  fromBlock: number | null = null

  /** Progress comes after every block. */
  riseHalfway({ phase, fraction, blocks }: LatencyProgress): void {
    if (phase === 'sampling' && fraction >= 0.5) this.fromBlock ??= blocks
  }

  slow =
    (run: (input: number) => Promise<void>) =>
    async (input: number): Promise<void> => {
      const start = now()
      await run(input)
      if (this.fromBlock === null) return
      const end = now() + SLOW_DOWN * (now() - start)
      while (now() < end);
    }
}

async function raceThatHeatsUp(mode: Kind, models: readonly StudyModel[], seed: number) {
  const { margin } = KINDS[mode]
  const budgetMs = KINDS[mode].budgetMs[models[0] === DIGITS ? 'digits' : 'resnet']
  const heat = new Heat()
  const engine = await createNodeEngine({ threads: 1 })
  try {
    const contender = async (bound: Awaited<ReturnType<typeof bindAll>>) =>
      localContender({ run: heat.slow(bound.run), inputCount: bound.inputCount, now, checkpoint })
    const sentinel = await bindAll(await engine.open(sentinelModel(), { optimization: 'all' }), [sentinelFeeds()])
    const sessions = []
    for (const model of models) {
      const { session, feeds } = await openNodeSession(engine, model)
      sessions.push(await contender(await bindAll(session, feeds)))
    }
    const [original, variant = original] = sessions
    const environment = probeEnvironment(engine.facts, { baseUrl: '' })
    const comparison = await compareLatency({
      ...{
        mode,
        contenders: [original!, variant!],
        sentinel: await contender(sentinel),
        now,
        checkpoint,
        budgetMs,
        margin,
      },
      timerStepMs: environment.timerStepMs,
      rng: seededRng(seed),
      progress: (state) => heat.riseHalfway(state),
    })
    return { comparison, environment, slowedFromBlock: heat.fromBlock }
  } finally {
    await engine.close()
  }
}

const ROWS = 40
/** One of five, on either family of models in turn. */
const kindOf = (index: number): Kind => (index % 5 === 2 ? 'sustained' : 'compare')

/** Within a tenth of the run, and by at least half and at most twice of what was added. */
const isPlaced = ({ drift, slowedFromBlock, blocks }: Row): boolean =>
  drift !== null && Math.abs(drift.atBlock - slowedFromBlock) <= Math.max(2, blocks / 10)
const isSized = ({ drift }: Row): boolean =>
  drift !== null && drift.factor >= 1 + SLOW_DOWN / 2 && drift.factor <= 1 + 2 * SLOW_DOWN
const hasBothParts = ({ drift }: Row): boolean =>
  drift !== null && drift.parts.length === 2 && drift.parts.every(({ blocks, ratio }) => blocks > 0 && ratio > 0)

test('of 40 races that become 20 % slower halfway at least 38 notice it and report both parts', () =>
  inTemporaryFolder(async (folder) => {
    let variants: readonly StudyModel[] | undefined
    await runStudy<Row>({
      name: 'measure-throttling',
      question: 'A device that becomes 20 % slower halfway through: is it noticed, where, and are both parts reported?',
      settings: { kinds: KINDS, slowDown: SLOW_DOWN, threads: 1, inputs: INPUTS, models: STUDY_MODEL_NAMES },
      rows: ROWS,
      run: async (index) => {
        const mode = kindOf(index)
        variants ??= await studyModels(folder)
        const original = index % 2 === 0 ? DIGITS : RESNET
        const models = mode === 'compare' ? [original] : [original, variants[2 + (index % 2)]!]
        const model = models.map(({ name }) => name).join(' and ')
        for (let endedBefore = 0; ; endedBefore++) {
          const race = await raceThatHeatsUp(mode, models, index + ROWS * endedBefore)
          const { comparison, environment, slowedFromBlock } = race
          if (slowedFromBlock === null) continue
          return { row: { mode, model, slowedFromBlock, endedBefore, ...raceRow(comparison) }, environment }
        }
      },
      totals: (rows) => [
        total(
          'noticed',
          rows.map(({ drift }) => drift !== null),
          atLeast(38),
        ),
        total('noticed, with both parts reported', rows.map(hasBothParts), atLeast(38)),
        total('at the right block, within a tenth of the run', rows.map(isPlaced)),
        total('by a factor of 1.1 to 1.4', rows.map(isSized)),
        total(
          'seen by the sentinel too',
          rows.map(({ drift }) => drift?.seenIn.includes('sentinel') ?? false),
        ),
      ],
    })
  }))
