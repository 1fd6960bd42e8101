// “Best for this device” from the probe to the verdict: the jobs of both workers run here, on ONNX Runtime in this process, where the page has
// them in workers. The probe and the race are told, so that the outcome is known.

import { describe, expect, it } from 'vitest'

import { zooSubject } from '../../../tests/fixtures/faulty-subjects'
import { probeTable } from '../../../tests/fixtures/probe-tables'
import { runEngineCheck, runFidelity } from '../../../workers/host/check-jobs'
import { EngineHost } from '../../../workers/host/engine-host'
import { createNodeEngine } from '../../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../../workers/host/probe-environment'
import type {
  CheckRequest,
  FidelityRequest,
  LatencyJobRequest,
  ModelFile,
  ModelId,
} from '../../../workers/host/protocol'
import { measureWorkload } from '../../advisor/workload'
import { cancelled, LabError } from '../../core/errors/lab-error'
import { joinParts } from '../../core/numeric/join-parts'
import { encodeParts } from '../../core/onnx/encode-parts'
import { runRecipe } from '../../core/pass/run-recipe'
import { summarizeModel } from '../../core/report/model-summary'
import { fittedDimensions } from '../../data/fitted-dimensions'
import { catalog } from '../../techniques/catalog'
import { passes } from '../../techniques/passes'
import type { CompressJob } from '../jobs/compress-client'
import type { BestRecord } from './best-record'
import { runBest } from './best-run'
import type { BenchClients } from './run-bench'

const config = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' } } as const
const context = {
  signal: new AbortController().signal,
  checkpoint: () => Promise.resolve(),
  progress: () => undefined,
  wasDisturbed: () => false,
}
/** Integers are right and fast, float16 is slow. */
const FAST_INTEGERS = { u8s8: 0.5, s8s8: 0.9, float16: 1.5, int4: 2 }
const TABLE = probeTable({ conv3x3: FAST_INTEGERS, conv1x1: FAST_INTEGERS, matvec: FAST_INTEGERS })

interface Told {
  /** Ratio to the original, by label. */
  readonly ratios: Readonly<Record<string, number>>
  /** Techniques that fail. */
  readonly failing?: Readonly<Record<string, LabError>>
}

async function run({ ratios, failing = {} }: Told) {
  const { model } = await zooSubject('digits')
  const file = (id: string, parts: readonly Uint8Array[]): ModelFile => {
    const blob = new Blob([joinParts(parts)])
    return { id: id as ModelId, file: blob, externalData: [] }
  }
  const original = file('original', encodeParts(model))
  const summary = summarizeModel(model, original.file.size)
  const host = new EngineHost(() => createNodeEngine({ threads: 1 }))
  const { facts } = await host.engine(config)
  const engine = {
    start: () => ({ facts, environment: probeEnvironment(facts, config.page), startMs: 1 }),
    probe: () => TABLE,
    engineCheck: (request: CheckRequest) => runEngineCheck(host, { ...config, ...request }, context),
    fidelity: (request: FidelityRequest) => runFidelity(host, { ...config, ...request }, context),
    compareLatency: ({ variants }: LatencyJobRequest) => told(variants, ratios),
  }
  const compress = {
    workload: () => measureWorkload(model, fittedDimensions(model)),
    compress: async ({ recipe }: CompressJob) => {
      const failure = recipe.steps.map(({ technique }) => failing[technique]).find(Boolean)
      if (failure) throw failure
      const infer = { open: () => Promise.reject(new Error('Nothing is calibrated here.')) }
      const host = { ...context, now: () => 0, infer }
      const result = await runRecipe(model, recipe, { catalog, passes }, host)
      const variant = file(JSON.stringify(recipe.steps), encodeParts(result.model))
      return { ...result, model: variant, summary: summarizeModel(result.model, variant.file.size) }
    },
  }
  const records: BestRecord[] = []
  const stages = new Set<string>()
  const outcome = await runBest(
    {
      ...{ name: 'digits', goal: 'speed', original: { model: original, summary, freeDimensions: {}, sha256: '' } },
      ...{ freeDimensions: {}, seconds: 1 },
    },
    // Only what a run calls: the clients themselves start workers.
    { compress, engine, reference: engine } as unknown as BenchClients,
    { progress: (stage) => stages.add(stage), record: (grown) => records.push(grown) },
    context.signal,
  )
  return { ...outcome, records, stages }
}

/** The part of a race that the judge looks at. */
const told = (variants: readonly { readonly label: string }[], ratios: Told['ratios']) => ({
  comparison: {
    pairs: variants.slice(1).map(({ label }, index) => {
      const ratio = ratios[label] ?? 1
      const verdict = ratio < 0.98 ? 'faster' : ratio > 1.02 ? 'slower' : 'same'
      return { a: 0, b: index + 1, ratio, ci95: [ratio - 0.005, ratio + 0.005], verdict }
    }),
  },
})
const DYNAMIC = 'int8, ranges measured on the way'
const WEIGHTS = 'int8 weights, computed in float'

describe('best for this device', () => {
  it('builds, checks and races what the advisor names, and says who won', async () => {
    const { record, files, records, stages } = await run({ ratios: { [DYNAMIC]: 0.6, [WEIGHTS]: 1 } })
    expect(record.advice?.candidates.map(({ name }) => name)).toEqual(['int8-dynamic', 'int8-weights'])
    expect(record.raced).toEqual(['int8-dynamic', 'int8-weights'])
    expect(record.verdict).toMatchObject({ winner: 'int8-dynamic', runnersUp: [] })
    expect([...files.keys()]).toEqual(['int8-dynamic', 'int8-weights'])
    for (const { check, fidelity, compression } of record.contenders) {
      expect(check?.ok).toBe(true)
      expect(fidelity?.fidelity.outputs[0]?.sqnrDb).toBeGreaterThan(20)
      expect(compression?.summary.sizeBytes).toBeLessThan(0.5 * record.original.summary.sizeBytes)
    }
    // Without data no stage of answers; everything is reported as it comes.
    expect([...stages]).toEqual(['engine', 'probe', 'build', 'check', 'latency'])
    expect(records.findIndex(({ advice }) => advice)).toBeLessThan(
      records.findIndex(({ originalCheck }) => originalCheck),
    )
    expect(records.at(-1)).toBe(record)
  })

  it('keeps the original where the race finds nothing faster', async () => {
    const { record } = await run({ ratios: { [DYNAMIC]: 1.6, [WEIGHTS]: 1 } })
    expect(record.verdict).toMatchObject({ winner: null, runnersUp: ['int8-weights'] })
  })

  it('goes on without a candidate that cannot be built, and ends when it is cancelled', async () => {
    const failing = { 'quantize-dynamic': new LabError('device/out-of-memory', 'There is no memory.') }
    const { record } = await run({ ratios: { [WEIGHTS]: 0.9 }, failing })
    expect(record.raced).toEqual(['int8-weights'])
    expect(record.verdict?.winner).toBe('int8-weights')
    expect(record.verdict?.standings[0]?.reason).toEqual({ kind: 'failed', message: 'There is no memory.' })
    const stopped = run({ ratios: {}, failing: { 'quantize-weights': cancelled() } })
    await expect(stopped).rejects.toMatchObject({ code: 'job/cancelled' })
  })
})
