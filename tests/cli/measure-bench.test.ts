// What `bench` makes of the checks, the self-check and the race, with a laboratory that answers as told.

import { describe, expect, it } from 'vitest'
import { describeBench, type BenchAnswer } from '../../src/cli/run/bench-text'
import { measureBench, type Bench } from '../../src/cli/run/measure-bench'
import type { DriftReport } from '../../src/measure/latency-comparison'
import { KNOWN_TRUTH } from '../../src/measure/self-check'
import { toldLaboratory, WASM, type Told, type ToldRace } from './told-laboratory'

const request = (...files: string[]) => ({ engine: 'ort-wasm:1', files, seconds: 20, margin: 0.02 })
const isKnown = ({ entries }: ToldRace): boolean => typeof entries[1] === 'object'

/** As `run/bench.ts` puts it together. */
const asText = (bench: Bench): string => {
  const answer: BenchAnswer = {
    environments: [bench.environment],
    variants: bench.variants,
    ratios: bench.ratios,
    races: bench.race ? [bench.race] : [],
    selfChecks: bench.selfCheck ? [{ engine: bench.engine, file: 'a', ...bench.selfCheck }] : [],
    inputs: { source: 'synthetic', isSynthetic: true, freeDimensions: {} },
    warnings: bench.warnings,
  }
  return describeBench(answer)
}

describe('a bench', () => {
  it('leaves a variant with wrong answers out of the race and shows no speed for it', async () => {
    const { lab, races } = toldLaboratory({ right: [true, false, true] })
    const bench = await measureBench(lab, request('a', 'b', 'c'))
    expect(races.map(({ entries }) => entries)).toEqual([[0, 2]])
    expect(bench.ratios).toMatchObject([
      { a: 'a', b: 'b', verdict: 'wrong', ratio: null, ci95: null, stopped: null, blocks: 0 },
      { a: 'a', b: 'c', verdict: 'slower', ratio: 1.2, stopped: 'clear', blocks: 20, restarts: 1, margin: 0.02 },
    ])
    expect(bench.variants.map(({ medianMs, firstRunMs, n }) => [medianMs, firstRunMs, n])).toEqual([
      [10, 3, 50],
      [null, null, 0],
      [12, 5, 50],
    ])
  })

  it('names the output that is wrong, its worst element, and where the answers start to differ', async () => {
    const { kernelCheck } = (await measureBench(toldLaboratory({ right: [false] }).lab, request('a'))).variants[0] ?? {}
    const node = { name: 'conv_12', opType: 'Conv', domain: '', index: 4 }
    const output = kernelCheck?.outputs[0]
    if (!output) throw new Error('There is no output.')
    const told = { right: [true, false], faultSite: { kind: 'node', node, tensor: 'x', check: output } as const }
    const text = asText(await measureBench(toldLaboratory(told).lab, request('a', 'b')))
    expect(text).toContain(
      'b on ort-wasm:1: output "y" is different, off by 0.500 where 0.00100 is allowed; worst at [0, 7] of input 3: 0.75, the reference says 0.25.',
    )
    expect(text).toContain('b on ort-wasm:1: first differs at tensor `x`, after Conv `conv_12`.')
    expect(text).toContain('b ÷ a on ort-wasm:1: wrong answers, so no speed is shown.')
  })

  it('times nothing when the original answers wrong', async () => {
    const { lab, races } = toldLaboratory({ right: [false, true] })
    const bench = await measureBench(lab, { ...request('a', 'b'), selfCheck: true })
    expect(races).toEqual([])
    expect(bench).toMatchObject({ race: null, selfCheck: null, ratios: [{ verdict: 'wrong', ratio: null }] })
  })

  it('times nothing on a GPU that is emulated in software, and says why', async () => {
    const limits = { maxBufferSize: 1, maxStorageBufferBindingSize: 1, maxComputeWorkgroupStorageSize: 1 }
    const abilities = { hasFloat16: false, hasSubgroups: false, hasTimestamps: false, limits }
    const adapter = { vendor: 'v', architecture: 'swiftshader', isSoftware: true, ...abilities }
    const engine = { ...WASM, id: 'ort-webgpu', build: 'jspi', adapter } as const
    const { lab, races } = toldLaboratory({ right: [true, true], engine })
    const bench = await measureBench(lab, { ...request('a', 'b'), selfCheck: true })
    expect(races).toEqual([])
    expect(bench.ratios).toMatchObject([{ verdict: 'undecided', ratio: null, stopped: null }])
    expect(bench.warnings).toEqual(['The GPU is emulated in software: nothing was timed on it.'])
  })

  it('hands mode, residency and sessions on to the race, and says what they mean', async () => {
    const { lab, races } = toldLaboratory({ right: [true, true] })
    const how = { mode: 'sustained', residency: 'gpu', sessions: 'in-turn', seed: 7 } as const
    const bench = await measureBench(lab, { ...request('a', 'b'), ...how })
    expect(races).toMatchObject([{ options: { ...how, seconds: 20, margin: 0.02 } }])
    expect(bench.race).toMatchObject({ mode: 'sustained', residency: 'gpu', sessions: { open: 'in-turn' } })
    const text = asText(bench)
    expect(text).toContain('inputs and outputs staying on the GPU: not to be compared with times from CPU to CPU')
    expect(text).toContain('Sessions were opened in turn for every slot: together they need about 3.20 GB')
  })

  it('tells of drift, events, void blocks and retention, and gives their figures without raw samples', async () => {
    const part = { blocks: 10, medianMs: [10, 12], sentinelMs: 1, pairs: [{ ratio: 1.2, ci95: null }] }
    const drift: DriftReport = { atBlock: 10, factor: 1.18, seenIn: ['blocks'], atMs: 7040, parts: [part, part] }
    const stay = { firstMs: 10, lastMs: 12.5, retention: 0.8 }
    const at = { atMs: 1, block: 0, variant: 0 }
    const change: Told['change'] = {
      ...{ drift, figuresFrom: 'before-drift', retention: { windowMs: 30_000, variants: [stay, stay], sentinel: 0.9 } },
      sentinel: [0.9, 1, 1.2].map((ms, index) => ({ atMs: 2000 * index, block: index, ms })),
      events: [
        { kind: 'stall', ...at, ms: 99 },
        { kind: 'gc', ...at },
        { kind: 'gc', ...at },
      ],
    }
    const { lab } = toldLaboratory({ right: [true, true], change })
    const bench = await measureBench(lab, request('a', 'b'))
    expect(bench.race).toMatchObject({
      events: { stall: 1, gc: 2, hidden: 0, 'late-speed-up': 0, 'device-lost': 0 },
      voidedBlocks: { hidden: 0, restarted: 4, deviceLost: 0 },
      drift: { parts: [{ blocks: 10 }, { blocks: 10 }] },
      sentinel: { readings: 3, medianMs: 1 },
      warmUp: {
        rule: { minRuns: 60, minMs: 3000 },
        totalMs: 6000,
        variants: [{ runs: 4, firstMs: 30, settledMs: 10 }, {}],
      },
      trace: null,
    })
    expect(JSON.stringify({ ...bench, raw: null })).not.toMatch(/samplesMs|slotValuesMs|blockDifferences/)
    expect(bench.raw.race?.comparison.trace).toHaveLength(2)
    const text = asText(bench)
    for (const sentence of [
      'The device slowed down by 18 % after 7.04 s (seen by the models). Figures in milliseconds are from before.',
      '1 stall, 2 garbage collections; nothing was discarded for them.',
      'Not counted: 4 blocks because a late speed-up showed that warm-up was still going on.',
      'Speed kept, last 30 s against the first 30 s: 0 80 %, 1 80 % (the sentinel 90 %).',
    ])
      expect(text).toContain(sentence)
  })

  it('shows a sustained run in twelve windows, with nothing from blocks that do not count', async () => {
    const slot = { block: 0, switchMs: 1, samplesMs: [1], voided: null }
    const trace = [
      { ...slot, variant: 0, atMs: 10, valueMs: 10 },
      { ...slot, variant: 0, atMs: 20, valueMs: 12 },
      { ...slot, variant: 0, atMs: 30, valueMs: 99, voided: 'hidden' as const },
      { ...slot, variant: 1, atMs: 1190, valueMs: 7 },
    ]
    const told = { right: [true, true], change: { trace, samplingMs: 1200 } }
    const { race } = await measureBench(toldLaboratory(told).lab, { ...request('a', 'b'), mode: 'sustained' })
    expect(race?.trace).toHaveLength(12)
    expect(race?.trace?.[0]).toEqual({ fromMs: 0, toMs: 100, medianMs: [11, null], sentinelMs: null })
    expect(race?.trace?.[11]?.medianMs).toEqual([null, 7])
  })
})

describe('a lone file', () => {
  it('is raced against a second session of itself, a self-check of one pair', async () => {
    const { lab, races } = toldLaboratory({ right: [true] })
    const bench = await measureBench(lab, request('a'))
    expect(races.map(({ entries }) => entries)).toEqual([[0, 0]])
    expect(bench).toMatchObject({ ratios: [], variants: [{ medianMs: 10 }] })
    expect(bench.selfCheck).toMatchObject({ ok: true, same: { races: 1, falseClaims: 0 }, known: { races: 0 } })
    expect(asText(bench)).toContain('0 false claims in 1 race of the model against itself; so few show only that')
  })
})

describe('a self-check', () => {
  it('of a lone file runs equal sessions and known truths in different orders, and takes its figures from the first', async () => {
    const { lab, races } = toldLaboratory({ right: [true] })
    const stages: string[] = []
    const bench = await measureBench(lab, {
      ...request('a'),
      selfCheck: true,
      seed: 3,
      stage: (label) => stages.push(label),
    })
    const equal = races.filter((race) => !isKnown(race))
    expect(equal.map(({ entries }) => entries)).toEqual(Array.from({ length: 6 }, () => [0, 0]))
    expect(races.filter(isKnown).map(({ entries }) => entries)).toEqual(
      Array.from({ length: 3 }, () => [
        { model: 0, repeat: KNOWN_TRUTH.repeatA },
        { model: 0, repeat: KNOWN_TRUTH.repeatB, sharesSessionWith: 0 },
      ]),
    )
    expect(new Set(races.map(({ options }) => options.seed)).size).toBe(9)
    expect(equal[0]?.options).toMatchObject({ seconds: 5, margin: 0.02 })
    expect(stages).toEqual(Array.from({ length: 9 }, (_, index) => `Self-check ${index + 1} of 9`))
    expect(bench.selfCheck).toMatchObject({
      ok: true,
      outcome: 'kept',
      same: { judged: 6 },
      known: { found: 3, covers: 3 },
    })
    expect(bench.variants).toMatchObject([{ medianMs: 10, n: 50 }])
    expect(bench.raw.selfCheckRaces).toHaveLength(9)
    expect(asText(bench)).toContain('Self-check of ort-wasm:1 on a: This device passes the self-check.')
  })

  it('that finds equal sessions apart widens the margin of the comparison after it, and says so', async () => {
    const ratio = (race: ToldRace, index: number): number =>
      isKnown(race) ? 1.05 : index < 6 ? 1 + (index % 2) * 0.04 : 1.1
    const { lab, races } = toldLaboratory({ right: [true, true], ratio })
    const bench = await measureBench(lab, { ...request('a', 'b'), selfCheck: true })
    const { margin = NaN } = bench.selfCheck ?? {}
    expect(bench.selfCheck).toMatchObject({ ok: false, outcome: 'widened', askedMargin: 0.02 })
    expect(margin).toBeGreaterThanOrEqual(0.04)
    expect(races.at(-1)).toMatchObject({ entries: [0, 1], options: { margin, seconds: 20 } })
    expect(bench.ratios).toMatchObject([{ margin }])
    expect(bench.race?.margin).toBe(margin)
    expect(asText(bench)).toMatch(
      /the allowance is widened to [\d.]+ %, so only differences beyond [\d.]+ % are claimed/,
    )
  })

  it('that finds the device unfit races nothing', async () => {
    const { lab, races } = toldLaboratory({ right: [true, true], ratio: () => 1.4 })
    const bench = await measureBench(lab, { ...request('a', 'b'), selfCheck: true })
    expect(races).toHaveLength(9)
    expect(bench.ratios).toMatchObject([{ ratio: null, verdict: 'undecided' }])
    expect(bench.warnings).toEqual(['This device cannot compare speeds: the files were not raced.'])
  })

  it('before a sustained run is made of ordinary comparisons', async () => {
    const { lab, races } = toldLaboratory({ right: [true] })
    await measureBench(lab, { ...request('a'), selfCheck: true, mode: 'sustained' })
    expect(races.map(({ options }) => options.mode)).toEqual([
      ...Array.from({ length: 9 }, () => 'compare'),
      'sustained',
    ])
  })
})
