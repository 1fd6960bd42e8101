// A run on an engine with a faulty kernel, from the checks to the sentence: the jobs of the engine worker run here, on ONNX Runtime in
// this process, where the page has them in a worker.

import { describe, expect, it } from 'vitest'

import { operatorClasses } from '../../../tests/fixtures/wrong-answers'
import { zooSubject } from '../../../tests/fixtures/faulty-subjects'
import { offset, perturbingEngine } from '../../../tests/fixtures/perturbing-engine'
import { runBisection } from '../../../workers/host/bisect-job'
import { runEngineCheck, runFidelity } from '../../../workers/host/check-jobs'
import { EngineHost } from '../../../workers/host/engine-host'
import { createNodeEngine } from '../../../workers/host/ort-runtime-node'
import { probeEnvironment } from '../../../workers/host/probe-environment'
import type { BisectRequest, CheckRequest, FidelityRequest, ModelFile, ModelId } from '../../../workers/host/protocol'
import { joinParts } from '../../core/numeric/join-parts'
import { encodeParts } from '../../core/onnx/encode-parts'
import { RECIPE_VERSION } from '../../core/recipe/recipe'
import { summarizeModel } from '../../core/report/model-summary'
import { runBench, type BenchClients } from './run-bench'
import type { RunRecord } from './run-record'
import { verdictOf } from './verdict-of'

const config = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' } } as const
const context = {
  signal: new AbortController().signal,
  checkpoint: () => Promise.resolve(),
  progress: () => undefined,
  wasDisturbed: () => false,
}

describe('a run on an engine that gives wrong answers', () => {
  it('times nothing, names the output and the operator, and keeps both in the record', async () => {
    const { model } = await zooSubject('digits')
    const [, faulty] = operatorClasses({ name: '', format: 'float32', model, feeds: [] }).get('Conv') ?? []
    const bytes = joinParts(encodeParts(model))
    const file = (id: string): ModelFile => ({ id: id as ModelId, file: new Blob([bytes]), externalData: [] })
    const summary = summarizeModel(model, bytes.byteLength)
    const right = await createNodeEngine({ threads: 1 })
    const host = new EngineHost(() => Promise.resolve(perturbingEngine(right, faulty?.outputs[0] ?? '', offset(0.25))))
    const engine = {
      start: () => ({ facts: right.facts, environment: probeEnvironment(right.facts, config.page), startMs: 1 }),
      engineCheck: (request: CheckRequest) => runEngineCheck(host, { ...config, ...request }, context),
      bisect: (request: BisectRequest) => runBisection(host, { ...config, ...request }, context),
      fidelity: (request: FidelityRequest) => runFidelity(host, { ...config, ...request }, context),
      compareLatency: () => Promise.reject(new Error('A wrong model was timed.')),
    }
    const compression = { summary, report: { steps: [], totalMs: 1 }, recipe: RECIPE, recipeKey: '' }
    const compress = { compress: () => ({ model: file('variant'), ...compression }) }
    const records: RunRecord[] = []
    const { record } = await runBench(
      {
        ...{ name: 'digits', original: { model: file('original'), summary, freeDimensions: {}, sha256: '' } },
        ...{ recipe: RECIPE, freeDimensions: {}, seconds: 1 },
      },
      // Only what a run calls: the clients themselves start workers.
      { compress, engine, reference: engine } as unknown as BenchClients,
      { progress: () => undefined, record: (grown) => records.push(grown) },
      context.signal,
    )
    expect(record.latency).toBeUndefined()
    expect(record.engineChecks?.map(({ failing }) => failing)).toEqual(['logits', 'logits'])
    expect(record.faultSite).toMatchObject({ kind: 'node', node: { name: faulty?.name, opType: 'Conv' } })
    // The verdict does not wait for the search.
    const first = records.find(({ engineChecks }) => engineChecks)
    expect(first && verdictOf(first)?.kind).toBe('wrong')
    const verdict = verdictOf(record)
    expect(verdict).toMatchObject({ kind: 'wrong', headline: 'Gives different answers on WASM.' })
    expect(verdict?.detail).toMatch(
      new RegExp(
        `^First differs at tensor \`${faulty?.outputs[0]}\`, after Conv \`${faulty?.name}\`\\. ` +
          'Output `logits` is off by [\\d.]+ at \\[\\d, \\d\\], allowed is [\\d.]+\\. Speed is not shown\\.$',
      ),
    )
    expect(JSON.parse(JSON.stringify(record.faultSite))).toEqual(record.faultSite)
  })
})

const RECIPE = { version: RECIPE_VERSION, seed: 1, steps: [] } as const
