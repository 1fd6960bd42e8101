// The advisor on made-up devices: every rule where it must act and where it must not.

import { describe, expect, it } from 'vitest'

import { probeTable, workload, type Cells } from '../../tests/fixtures/probe-tables'
import { advise, candidateRecipe, type Advice } from './advise'
import { GOALS, type Goal } from './goals'
import type { Workload } from './workload'

const CONVOLUTIONS = workload({ conv3x3: 700, conv1x1: 300 })
/** As on WASM on x64: integers help dense convolutions, and nothing else. */
const WASM: Cells = {
  conv3x3: { u8s8: 0.3, s8s8: 0.9, float16: 1.4 },
  conv1x1: { u8s8: 0.5, s8s8: 1, float16: 1.4 },
  depthwise: { u8s8: 3.7, s8s8: 3.9, float16: 1.5 },
  matvec: { u8s8: 2.4, s8s8: 2.6, float16: 1.2, int4: 24 },
  matmul: { u8s8: 0.45, s8s8: 0.9, float16: 1.2, int4: 1.3 },
}

interface Asked {
  readonly goal?: Goal
  readonly cells?: Cells | null
  readonly hasSamples?: boolean
}
const ask = (model: Workload, { goal = 'speed', cells = WASM, hasSamples = true }: Asked = {}): Advice =>
  advise({ goal, workload: model, table: cells ? probeTable(cells) : undefined, hasSamples })
const named = ({ candidates }: Advice, name: string) => candidates.find((one) => one.name === name)
const dropped = (advice: Advice, name: string) => advice.dropped.find((one) => one.name === name)?.reason
const lastOptions = (advice: Advice, name: string) => named(advice, name)?.steps.at(-1)?.options

describe('expected latency', () => {
  it('is the share of each class times its ratio', () => {
    expect(named(ask(CONVOLUTIONS), 'int8-static')?.expectedRatio).toBeCloseTo(0.7 * 0.3 + 0.3 * 0.5, 12)
  })

  it('counts time, not arithmetic: depthwise takes far longer for each product', () => {
    const table = probeTable(WASM, { nsPerMac: { depthwise: 9 } })
    const mobile = workload({ conv1x1: 900, depthwise: 100 })
    const advice = advise({ goal: 'speed', workload: mobile, table, hasSamples: true })
    expect(named(advice, 'int8-static')?.expectedRatio).toBeCloseTo(0.5 * 0.5 + 0.5, 12)
  })

  it('is unknown without a probe, where a count is missing, and where most of the time is in other operators', () => {
    const unknown = [
      ask(CONVOLUTIONS, { cells: null }),
      ask({ ...CONVOLUTIONS, isComplete: false }),
      ask(workload({ conv3x3: 10, other: 90 })),
    ]
    for (const advice of unknown) expect(named(advice, 'int8-static')?.expectedRatio).toBeNull()
    expect(named(ask(workload({ conv3x3: 60, other: 40 })), 'int8-static')?.expectedRatio).toBeCloseTo(
      0.6 * 0.3 + 0.4,
      12,
    )
  })

  it('stays 1 for files that are float again when opened, with or without a probe', () => {
    for (const cells of [WASM, null]) expect(named(ask(CONVOLUTIONS, { cells }), 'int8-weights')?.expectedRatio).toBe(1)
  })
})

describe('which candidates are raced', () => {
  it('needs samples for static quantization, and says so', () => {
    const advice = ask(CONVOLUTIONS, { hasSamples: false })
    expect(named(advice, 'int8-static')).toBeUndefined()
    expect(dropped(advice, 'int8-static')).toMatch(/samples/)
    expect(named(ask(CONVOLUTIONS), 'int8-static')).toBeDefined()
  })

  it('computes in integer operators with fixed ranges where convolutions carry the work and samples are at hand', () => {
    const advice = ask(CONVOLUTIONS)
    expect(advice.candidates.map(({ name }) => name)).toEqual([
      'int8-static',
      'int8-integer',
      'int8-dynamic',
      'int8-weights',
    ])
    expect(named(advice, 'int8-integer')?.expectedRatio).toBeCloseTo(0.7 * 0.3 + 0.3 * 0.5, 12)
    expect(named(advice, 'int8-integer')?.why).toMatch(/rounds its input only/)
    expect(lastOptions(advice, 'int8-integer')).toMatchObject({ activationRanges: 'static' })
    expect(dropped(ask(CONVOLUTIONS, { hasSamples: false }), 'int8-integer')).toMatch(/samples/)
    const half = (conv3x3: number) => named(ask(workload({ conv3x3, matmul: 1000 - conv3x3 })), 'int8-integer')
    expect(half(500)).toBeDefined()
    expect(half(499)).toBeUndefined()
  })

  it('tries depthwise convolutions in integers only where the probe does not speak against it', () => {
    const mobile = workload({ conv1x1: 500, depthwise: 500 })
    expect(dropped(ask(mobile), 'int8-static-depthwise')).toMatch(/slower/)
    const friendly = ask(mobile, { cells: { ...WASM, depthwise: { u8s8: 0.6 } } })
    expect(named(friendly, 'int8-static-depthwise')?.expectedRatio).toBeCloseTo(0.55, 12)
    expect(lastOptions(friendly, 'int8-static-depthwise')).toMatchObject({ depthwise: true })
    // A network without any has no such candidate, nor a reason for it.
    expect(dropped(ask(CONVOLUTIONS), 'int8-static-depthwise')).toBeUndefined()
    expect(named(ask(CONVOLUTIONS), 'int8-static-depthwise')).toBeUndefined()
  })

  it('leaves what is expected to be slower than 1.05, and keeps what is at 1.05', () => {
    expect(dropped(ask(workload({ matmul: 1000 })), 'int4-blocks')).toMatch(/slower here, 1.30×/)
    const fair = ask(workload({ matmul: 1000 }), { cells: { matmul: { ...WASM.matmul, int4: 1.05 } } })
    expect(named(fair, 'int4-blocks')).toBeDefined()
  })

  it('tries 4-bit blocks for speed only where matrices matter, for size always', () => {
    const cells = { matvec: { ...WASM.matvec, int4: 0.5 } }
    const names = (matvec: number, goal: Goal) =>
      ask(workload({ conv3x3: 1000 - matvec, matvec }), { cells, goal }).candidates.map(({ name }) => name)
    expect(names(19, 'speed')).not.toContain('int4-blocks')
    expect(names(21, 'speed')).toContain('int4-blocks')
    expect(names(19, 'size')).toContain('int4-blocks')
  })

  it('never takes what the engine gets wrong or refuses, however fast', () => {
    const outcomes = [
      { kind: 'wrong', detail: 'off by 3' },
      { kind: 'refused', reason: 'no kernel' },
    ] as const
    for (const outcome of outcomes) {
      const advice = ask(workload({ matmul: 1000 }), { cells: { matmul: { u8s8: 0.5, s8s8: 0.6, int4: outcome } } })
      expect(named(advice, 'int4-blocks')).toBeUndefined()
      expect(dropped(advice, 'int4-blocks')).toMatch(/off by 3|no kernel/)
      // The fault is of no concern to a model without such operators.
      const other = ask(CONVOLUTIONS, { cells: { ...WASM, matmul: { u8s8: outcome } } })
      expect(named(other, 'int8-static')).toBeDefined()
    }
  })

  it('computes in float16 only where the probe found it right and faster', () => {
    const fast = { conv3x3: { float16: 0.6 }, conv1x1: { float16: 0.7 } }
    expect(named(ask(CONVOLUTIONS, { cells: fast }), 'fp16')?.expectedRatio).toBeCloseTo(0.63, 12)
    const untimed = { kind: 'not-timed', reason: 'software GPU' } as const
    for (const cells of [WASM, null, { conv3x3: { float16: untimed }, conv1x1: { float16: untimed } }])
      expect(named(ask(CONVOLUTIONS, { cells }), 'fp16')).toBeUndefined()
  })

  it('takes int8 activations only where they are clearly ahead, or uint8 is wrong', () => {
    const activationType = (cells: Cells) => lastOptions(ask(CONVOLUTIONS, { cells }), 'int8-static')?.activationType
    expect(activationType(WASM)).toBe('uint8')
    const signed = (s8s8: number) => ({ conv3x3: { u8s8: 0.5, s8s8 }, conv1x1: { u8s8: 0.5, s8s8 } })
    expect(activationType(signed(0.4))).toBe('int8')
    expect(activationType(signed(0.49))).toBe('uint8')
    expect(activationType({ ...signed(0.9), conv3x3: { u8s8: { kind: 'wrong', detail: '' }, s8s8: 0.9 } })).toBe('int8')
  })

  it('leaves products of one row in float where they matter and integers are slower there', () => {
    const mixed = workload({ matmul: 800, matvec: 200 })
    expect(lastOptions(ask(mixed), 'int8-static')).toMatchObject({ excludeNodes: ['fc'] })
    expect(named(ask(mixed), 'int8-static')?.expectedRatio).toBeCloseTo(0.8 * 0.45 + 0.2, 12)
    const rare = workload({ matmul: 990, matvec: 10 })
    expect(lastOptions(ask(rare), 'int8-static')).not.toHaveProperty('excludeNodes')
    const fast = ask(mixed, { cells: { ...WASM, matvec: { u8s8: 0.9 } } })
    expect(lastOptions(fast, 'int8-static')).not.toHaveProperty('excludeNodes')
  })

  it('has no integer candidate for a model of nothing but products of one row, where these are slower', () => {
    const advice = ask(workload({ matvec: 1000 }))
    expect(advice.candidates.map(({ name }) => name)).toEqual(['int8-weights'])
  })

  it('takes four at most, the most promising first, and always the one that keeps the speed', () => {
    const everything = { u8s8: 0.5, s8s8: 0.5, float16: 0.6, int4: 0.4 }
    const cells = { matmul: everything, conv3x3: everything, depthwise: everything }
    const model = workload({ matmul: 500, conv3x3: 300, depthwise: 200 })
    const advice = ask(model, { cells })
    expect(advice.candidates).toHaveLength(4)
    expect(advice.candidates.at(-1)?.name).toBe('int8-weights')
    const ratios = advice.candidates.map(({ expectedRatio }) => expectedRatio ?? NaN)
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b))
    expect(advice.dropped).toHaveLength(2)
  })
})

describe('goals', () => {
  it('starts the smallest download with the smallest file, and the safest with float16 weights', () => {
    const text = workload({ matmul: 1000 })
    const [smallest] = ask(text, { goal: 'size' }).candidates
    expect(smallest?.name).toBe('int4-stored')
    expect(smallest?.expectedSizeRatio).toBeCloseTo(5.125 / 32, 12)
    expect(ask(text, { goal: 'exact' }).candidates[0]).toMatchObject({ name: 'fp16-stored', expectedSizeRatio: 0.5 })
    // Without matrices there is nothing to put into blocks.
    expect(ask(CONVOLUTIONS, { goal: 'size' }).candidates.map(({ name }) => name)).not.toContain('int4-stored')
  })

  it('gives recipes that parse, under every goal and with every probe', () => {
    const models = [CONVOLUTIONS, workload({ matmul: 500, matvec: 300, depthwise: 200, other: 10 })]
    for (const goal of GOALS)
      for (const cells of [WASM, {}, null])
        for (const model of models)
          for (const candidate of ask(model, { goal, cells }).candidates)
            expect(candidateRecipe(candidate).steps.length).toBeGreaterThan(0)
  })
})

describe('hypotheses', () => {
  const texts = (model: Workload, cells: Cells | null = WASM): Readonly<Record<string, string>> =>
    Object.fromEntries(ask(model, { cells }).hypotheses.map(({ id, text }) => [id, text]))

  it('says nothing without a probe', () => {
    expect(ask(workload({ depthwise: 1 }), { cells: null }).hypotheses).toEqual([])
  })

  it('doubts depthwise convolutions in integers where the model has them and the probe is sure', () => {
    const mobile = workload({ conv1x1: 500, depthwise: 500 })
    expect(texts(mobile)['depthwise-integers']).toMatch(/3\.70×/)
    expect(texts(CONVOLUTIONS)).not.toHaveProperty('depthwise-integers')
    // The interval reaches below 1.
    expect(texts(mobile, { depthwise: { u8s8: 1.01 } })).not.toHaveProperty('depthwise-integers')
  })

  it('compares the types of activations where their intervals lie apart, either way', () => {
    expect(texts(CONVOLUTIONS)['int8-activations']).toMatch(/gain less than uint8.*0\.90×, uint8 0\.30×/)
    expect(texts(CONVOLUTIONS, { conv3x3: { u8s8: 0.5, s8s8: 1.1 } })['int8-activations']).toMatch(/gain nothing/)
    expect(texts(CONVOLUTIONS, { conv3x3: { u8s8: 0.9, s8s8: 0.5 } })['int8-activations']).toMatch(/faster than uint8/)
    expect(texts(CONVOLUTIONS, { conv3x3: { u8s8: 0.5, s8s8: 0.51 } })).not.toHaveProperty('int8-activations')
  })

  it('doubts MatMulNBits for products of one row, and float16, where the probe does', () => {
    expect(texts(workload({ matvec: 1000 }))['four-bit-vectors']).toMatch(/24×/)
    expect(texts(workload({ matvec: 1000 }), { matvec: { int4: 0.5 } })).not.toHaveProperty('four-bit-vectors')
    expect(texts(CONVOLUTIONS)['float16-here']).toMatch(/1\.40×/)
    expect(texts(CONVOLUTIONS, { conv3x3: { float16: 0.5 } })).not.toHaveProperty('float16-here')
  })

  it('warns of integer activations on WebGPU only', () => {
    const on = (engine: 'ort-webgpu' | 'ort-wasm') =>
      advise({ goal: 'speed', workload: CONVOLUTIONS, table: probeTable({}, { engine }), hasSamples: true })
    expect(on('ort-webgpu').hypotheses.map(({ id }) => id)).toEqual(['integers-on-cpu'])
    expect(on('ort-wasm').hypotheses).toEqual([])
  })

  it('comes with two recipes that parse and differ', () => {
    for (const hasSamples of [true, false]) {
      const { hypotheses } = ask(workload({ conv3x3: 500, depthwise: 300, matvec: 200 }), { hasSamples })
      expect(hypotheses.length).toBeGreaterThan(2)
      for (const { test } of hypotheses) {
        const [first, second] = test.map(candidateRecipe)
        expect(first).not.toEqual(second)
      }
    }
  })
})
