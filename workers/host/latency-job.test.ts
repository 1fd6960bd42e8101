// Races on one engine: sessions together and in turn, shared, lost and opened again.

import { describe, expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { busy, fakeEngine, type FakeBehaviour } from '../../tests/fixtures/fake-engine'
import { jobContext } from '../../tests/fixtures/job-context'
import { raceVariants } from './latency-job'
import { createNodeEngine } from './ort-runtime-node'
import type { EngineConfig, LatencyJobRequest, ModelFile, ModelId, RaceVariant } from './protocol'

const config: EngineConfig = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' } }
const modelOf = (...parts: BlobPart[]): ModelFile => ({ id: 'm' as ModelId, file: new Blob(parts), externalData: [] })

/** `count` products of 4×256 by 256×256 in a row: small, so that there are enough blocks on a busy machine too. */
function chain(count: number): ModelFile {
  const type = ['float32', [4, 256]] as const
  const model = buildModel({
    inputs: { x0: type },
    outputs: { [`x${count}`]: type },
    initializers: { w: tensor('float32', [256, 256], new Array<number>(256 * 256).fill(0.002)) },
    nodes: Array.from({ length: count }, (_, index) => node('MatMul', [`x${index}`, 'w'], [`x${index + 1}`])),
  })
  return modelOf(...(encodeParts(model) as Uint8Array<ArrayBuffer>[]))
}

const race = (variants: readonly RaceVariant[], change: Partial<LatencyJobRequest> = {}) => ({
  ...config,
  variants,
  inputs: { kind: 'synthetic', seed: 1, count: 3 } as const,
  seconds: 1,
  warmUp: { minRuns: 5, minMs: 0 },
  seed: 1,
  ...change,
})

describe('on a real engine', () => {
  const variants = [
    { label: 'once', model: chain(2) },
    { label: 'thrice', model: chain(6) },
  ]
  test.each(['together', 'in-turn'] as const)('three times the work is slower with sessions %s', async (sessions) => {
    const engine = await createNodeEngine({ threads: 1 })
    const seen: string[] = []
    const context = jobContext({ progress: (_, what) => seen.push(what) })
    const result = await raceVariants(engine, race(variants, { sessions, seconds: 3 }), context)
    const [pair] = result.comparison.pairs
    expect(pair?.verdict).toBe('slower')
    expect(pair?.ratio).toBeGreaterThan(1.5)
    expect(result.sessions).toMatchObject({ open: sessions, capBytes: null })
    expect(result.residency).toBe('cpu')
    expect(result.comparison.sentinel.length).toBeGreaterThan(0)
    expect(Math.min(...result.comparison.sentinel.map(({ ms }) => ms))).toBeGreaterThan(0)
    for (const { loadMs, sessionMs, firstRunMs } of result.variants) {
      for (const ms of [loadMs, sessionMs, firstRunMs]) expect(ms).toBeGreaterThan(0)
    }
    for (const stage of ['Opening', 'Warming up', 'Timing'])
      expect(seen.some((what) => what.startsWith(stage))).toBe(true)
  })

  test('the same session run twice as often has a ratio of two', async () => {
    const engine = await createNodeEngine({ threads: 1 })
    const twice = { label: 'twice', model: chain(1), repeat: 2, sharesSessionWith: 0 }
    const result = await raceVariants(engine, race([{ label: 'once', model: chain(3) }, twice]), jobContext())
    expect(result.comparison.pairs[0]?.ratio).toBeGreaterThan(1.7)
    expect(result.comparison.pairs[0]?.ratio).toBeLessThan(2.3)
    expect(result.variants.map(({ label }) => label)).toEqual(['once', 'twice'])
    expect(result.variants[1]?.sessionMs).toBe(result.variants[0]?.sessionMs)
  })

  test('a gpu residency is refused where there is no GPU', async () => {
    const engine = await createNodeEngine({ threads: 1 })
    const refused = raceVariants(engine, race(variants, { residency: 'gpu' }), jobContext())
    await expect(refused).rejects.toMatchObject({ code: 'engine/unavailable' })
  })
})

describe('sessions', () => {
  const two = [1, 2].map((name) => ({ label: String(name), model: modelOf(new Uint8Array([name, 0])) }))
  const isModel = (file: number): boolean => file === 1 || file === 2
  const run = async (change: Partial<LatencyJobRequest>, behaviour: FakeBehaviour = {}, variants = two) => {
    const fake = fakeEngine(behaviour)
    const result = await raceVariants(fake.engine, race(variants, { seconds: 0.3, ...change }), jobContext())
    return { ...fake, result, models: fake.opened.filter(isModel) }
  }

  test('together are all open, and closed at the end', async () => {
    const { mostOpen, open, models } = await run({ sessions: 'together' })
    expect(mostOpen()).toBe(3)
    expect(models).toHaveLength(2)
    expect(open()).toBe(0)
  })

  test('in turn are never more than one beside the sentinel, opened once for neighbouring slots', async () => {
    const { mostOpen, open, models, result } = await run({ sessions: 'in-turn' })
    expect(mostOpen()).toBe(2)
    expect(open()).toBe(0)
    const { trace } = result.comparison
    const changes = trace.filter(({ variant }, index) => variant !== trace[index - 1]?.variant).length
    // Both for the cold start and the warm-up; the session that each is at then may be the next that is needed.
    expect(models.length).toBeLessThanOrEqual(changes + 4)
    expect(models.length).toBeGreaterThanOrEqual(changes)
    expect(models.length).toBeLessThan(trace.length)
  })

  test('are opened in an order that the seed decides', async () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 8; seed++) orders.add((await run({ seed, seconds: 0.02 })).models.join())
    expect([...orders].toSorted()).toEqual(['1,2', '2,1'])
  })

  test('that are shared are opened once and counted once', async () => {
    const sharing = [...two.slice(0, 1), { ...(two[1] ?? two[0]), label: 'b', sharesSessionWith: 0 }] as RaceVariant[]
    const shared = await run({ sessions: 'together' }, {}, sharing as typeof two)
    expect(shared.models).toEqual([1])
    expect(shared.result.sessions.neededBytes).toBeLessThan((await run({})).result.sessions.neededBytes)
  })

  test('are closed when a run fails', async () => {
    const fake = fakeEngine({
      run: () => {
        throw new LabError('engine/failed', 'No.')
      },
    })
    await expect(raceVariants(fake.engine, race(two), jobContext())).rejects.toMatchObject({ code: 'engine/failed' })
    expect(fake.open()).toBe(0)
  })

  const losing = (isRecovered: boolean): FakeBehaviour => {
    let runs = 0
    return {
      run: (file) => {
        busy(0.1)
        if (isModel(file) && ++runs === 100) throw new LabError('device/lost', 'Gone.')
      },
      recover: () => isRecovered,
    }
  }
  test.each(['together', 'in-turn'] as const)('%s are opened again after a lost device', async (sessions) => {
    const { result, opened, open } = await run({ sessions }, losing(true))
    expect(result.comparison.voidedBlocks.deviceLost).toBeGreaterThan(0)
    expect(result.comparison.events.filter(({ kind }) => kind === 'device-lost')).toHaveLength(1)
    expect(opened.filter((file) => !isModel(file))).toHaveLength(2)
    expect(open()).toBe(0)
  })

  test('of a device that stays lost end the race with that error', async () => {
    await expect(run({}, losing(false))).rejects.toMatchObject({ code: 'device/lost' })
  })

  test.each([
    ['a single variant', two.slice(0, 1), /at least 2/],
    ['no inference', [two[0], { ...two[1], repeat: 0 }], /variants\[1\]\.repeat/],
    ['half an inference', [two[0], { ...two[1], repeat: 1.5 }], /whole number/],
    ['the session of a later variant', [{ ...two[0], sharesSessionWith: 1 }, two[1]], /earlier variant, not 1/],
    ['its own session', [two[0], { ...two[1], sharesSessionWith: 1 }], /earlier variant/],
  ])('of %s make no race', async (_, variants, message) => {
    const { engine, opened } = fakeEngine()
    const refused = raceVariants(engine, race(variants as RaceVariant[]), jobContext())
    await expect(refused).rejects.toMatchObject({ code: 'options/invalid', message: expect.stringMatching(message) })
    expect(opened).toEqual([])
  })
})

test('a page that was hidden voids blocks', async () => {
  let turns = 0
  const two = [1, 2].map((name) => ({ label: '', model: modelOf(new Uint8Array([name])) }))
  const context = jobContext({ wasDisturbed: () => ++turns === 10 })
  const { comparison } = await raceVariants(fakeEngine().engine, race(two, { seconds: 0.2 }), context)
  expect(comparison.events.filter(({ kind }) => kind === 'hidden')).toHaveLength(1)
  expect(comparison.voidedBlocks.hidden).toBe(1)
})
