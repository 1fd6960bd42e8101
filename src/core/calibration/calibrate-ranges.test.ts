import { describe, expect, it } from 'vitest'
import { buildModel, node } from '../../../tests/fixtures/build-model'
import { floats } from '../../../tests/fixtures/run-model'
import { testContext } from '../../../tests/fixtures/test-context'
import { defaultOptions } from '../options/parse-options'
import { calibrateRanges } from './calibrate-ranges'
import { calibrationOptions } from './calibration-options'
import type { RangeOptions } from './range-of'
import type { Range } from './ranges'

/** The data of the specification's C19. */
const g = Array.from({ length: 4000 }, (_, i) => {
  const u = [7919, 104729, 1299709, 15485863].reduce((sum, p) => sum + ((i * p) % 4001) / 4001, 0)
  return Math.fround((u - 2) * (i % 400 === 0 ? 6 : 1))
})
const f = Math.fround

/** Samples by name; each is a group of its own. */
const SETS = {
  one: [g],
  grow: [1, 0.5, 1.7, 3.2].map((scale, k) => g.slice(1000 * k, 1000 * k + 1000).map((x) => f(x * f(scale)))),
  relu: [g.map((x) => Math.max(x, 0))],
  positive: [g.map((x) => f(Math.abs(x) + 0.25))],
  zerofirst: [Array<number>(10).fill(0), g],
  zeros: [Array<number>(7).fill(0)],
}

const DEFAULTS = defaultOptions(calibrationOptions)

const model = (opset: number) =>
  buildModel({
    opset,
    inputs: { x: ['float32', ['n']] },
    outputs: { y: ['float32', ['n']] },
    nodes: [node('Neg', ['x'], ['y'])],
  })

async function calibrate(
  samples: readonly (readonly number[])[],
  options: Partial<RangeOptions>,
  { opset = 17, values = ['x'] } = {},
) {
  const data = {
    source: 'test',
    size: samples.length,
    sample: (index: number) => Promise.resolve({ x: floats([samples[index]?.length ?? 0], samples[index] ?? []) }),
  }
  return calibrateRanges(model(opset), values, { ...DEFAULTS, ...options }, data, testContext())
}

const rangeOfX = async (...args: Parameters<typeof calibrate>): Promise<Range | undefined> =>
  (await calibrate(...args)).ranges['x']

describe('percentile (C19)', () => {
  it.each([
    [99.999, [-11.994140625, 9.30367374420166], [-12, 9.29296875]],
    [99.9, [-4.494297027587891, 4.494297027587891], [-4.8046875, 1.79296875]],
    [99, [-1.453344702720642, 1.453344702720642], [-1.46484375, 1.41796875]],
  ])('of %d %', async (percentile, symmetric, asymmetric) => {
    const options = { calibrationMethod: 'percentile', percentile } as const
    expect(await rangeOfX([g], { ...options, symmetricRanges: true })).toEqual(symmetric)
    expect(await rangeOfX([g], options)).toEqual(asymmetric)
  })
})

describe('entropy (C20)', () => {
  it.each([
    [128, 128, [-12, 9.30367374420166]],
    [1024, 128, [-4.8046875, 4.828125]],
    [2048, 128, [-2.40234375, 2.4140625]],
    [2048, 256, [-4.8046875, 4.81640625]],
    [256, 32, [-4.03125, 4.125]],
  ])('with %d bins, %d quantized', async (histogramBins, quantizedBins, expected) => {
    expect(await rangeOfX([g], { calibrationMethod: 'entropy', histogramBins, quantizedBins })).toEqual(expected)
  })

  it('refuses more quantized bins than bins', async () => {
    await expect(calibrate([g], { calibrationMethod: 'entropy', histogramBins: 64 })).rejects.toThrowError(
      expect.objectContaining({ code: 'options/invalid', details: expect.objectContaining({ path: 'quantizedBins' }) }),
    )
  })
})

/**
 * What `HistogramCollector` of onnxruntime 1.30 finds when it collects each sample in a call of its own: data, bins, method (99.9 %, or
 * 64 quantized bins), range.
 */
const COLLECTED: readonly (readonly [keyof typeof SETS, number, 'percentile' | 'symmetric' | 'entropy', Range])[] = [
  ['one', 100, 'symmetric', [-4.44015741, 4.44015741]],
  ['one', 100, 'percentile', [-4.80000019, 1.67999935]],
  ['one', 100, 'entropy', [-12, 9.30367374]],
  ['one', 2048, 'symmetric', [-4.49429703, 4.49429703]],
  ['one', 2048, 'percentile', [-4.8046875, 1.79296875]],
  ['one', 2048, 'entropy', [-2.109375, 2.12109375]],
  ['grow', 100, 'percentile', [-12, 4.56000137]],
  ['grow', 100, 'entropy', [-7.68000031, 7.92000008]],
  ['grow', 2048, 'percentile', [-12, 4.67578125]],
  ['grow', 2048, 'entropy', [-4.91015625, 4.921875]],
  ['relu', 100, 'symmetric', [0, 1.58162463]],
  ['relu', 100, 'percentile', [0, 1.67466164]],
  ['relu', 100, 'entropy', [0, 9.30367374]],
  ['relu', 2048, 'symmetric', [0, 1.63541138]],
  ['relu', 2048, 'percentile', [0, 1.7989521]],
  ['relu', 2048, 'entropy', [0, 1.46278477]],
  ['zerofirst', 2048, 'percentile', [-4.5, 1.76953125]],
  ['zerofirst', 2048, 'entropy', [-2.109375, 2.12109375]],
  ['positive', 2048, 'symmetric', [0.250249952, 4.74429703]],
  ['positive', 2048, 'percentile', [0.250249952, 9.54638672]],
  ['positive', 2048, 'entropy', [0.250249952, 2.69165039]],
  ['zeros', 128, 'symmetric', [0, 0]],
  ['zeros', 128, 'percentile', [0, 0]],
  ['zeros', 128, 'entropy', [0, 0]],
]

describe('the reference', () => {
  it.each(COLLECTED)('finds the same in %s with %d bins by %s', async (name, histogramBins, method, range) => {
    const found = await rangeOfX(SETS[name], {
      calibrationMethod: method === 'entropy' ? 'entropy' : 'percentile',
      symmetricRanges: method === 'symmetric',
      percentile: 99.9,
      quantizedBins: 64,
      histogramBins,
      calibrationStride: 1,
    })
    // -0 is 0.
    expect(found?.map((bound) => bound + 0)).toEqual(range.map(f))
  })
})

describe('calibration', () => {
  const samples = Array.from({ length: 40 }, (_, i) => g.slice(100 * i, 100 * i + 60 + i))

  it('says where its samples are from and which it took', async () => {
    const { source, indices, ranges } = await calibrate(
      [[-1, 2], [5], [0, 1]],
      { calibrationSamples: 2 },
      { values: ['x', 'y'] },
    )
    expect({ source, indices, ranges }).toEqual({ source: 'test', indices: [0, 1], ranges: { x: [-1, 5], y: [-5, 1] } })
  })

  it('gives the same for samples of many shapes as for all of them in one', async () => {
    for (const calibrationMethod of ['min-max', 'percentile', 'entropy', 'mse'] as const) {
      const apart = await rangeOfX(samples, { calibrationMethod, histogramBins: 256 })
      expect(apart, calibrationMethod).toEqual(
        await rangeOfX([samples.flat()], { calibrationMethod, histogramBins: 256 }),
      )
    }
  })

  it('averages the ranges of a group, and moves from group to group (C18)', async () => {
    const groups = [
      [-1, 2],
      [-3, 1],
    ]
    expect(await rangeOfX(groups, { calibrationMethod: 'moving-average' })).toEqual([-2, 1.5])
    const later = { calibrationMethod: 'moving-average', calibrationStride: 1 } as const
    expect(await rangeOfX(groups, later)).toEqual([f(-1.02), f(1.99)])
    expect(await rangeOfX(groups, { ...later, symmetricRanges: true })).toEqual([f(-2.01), f(2.01)])
  })

  it('counts in models of an older opset', async () => {
    expect(await rangeOfX([g], { calibrationMethod: 'percentile', percentile: 99 }, { opset: 13 })).toEqual([
      -1.46484375, 1.41796875,
    ])
  })

  it('takes the whole range of a value that has no room for bins', async () => {
    const narrow: Range = [f(1e-44), f(2e-44)]
    for (const calibrationMethod of ['percentile', 'entropy', 'mse'] as const) {
      expect(await rangeOfX([[...narrow]], { calibrationMethod })).toEqual(narrow)
    }
  })

  it('keeps a constant in its range', async () => {
    for (const calibrationMethod of ['min-max', 'moving-average', 'percentile', 'entropy', 'mse'] as const) {
      expect(await rangeOfX([[3, 3, 3]], { calibrationMethod }), calibrationMethod).toEqual([3, 3])
    }
  })

  it('goes through its progress once', async () => {
    const fractions: number[] = []
    const data = { source: 'test', size: 3, sample: () => Promise.resolve({ x: floats([1], [1]) }) }
    const options = { ...DEFAULTS, calibrationMethod: 'mse', calibrationStride: 2 } as const
    const context = testContext({ progress: (fraction) => fractions.push(fraction) })
    await calibrateRanges(model(17), ['x'], options, data, context)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
    expect([fractions[0], fractions.at(-1)]).toEqual([0, 1])
  })

  it('warns of few samples, and of samples whose halves reach different ranges', async () => {
    const { notes } = await calibrate(
      [
        [-1, 1],
        [-1, 8],
        [-1, 1],
      ],
      {},
    )
    expect(notes.map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
      expect.stringMatching(
        /^warning: Ranges come from 3 samples only: each bound is passed by about one new input in 4\./,
      ),
      expect.stringMatching(/^warning: The ranges of 1 of 1 tensors depend .* "x" \(-1 … 1 and -1 … 8\)\./),
    ])
  })

  it('is content with enough samples that are alike', async () => {
    expect(
      (
        await calibrate(
          Array.from({ length: 32 }, () => [-1, 0.5, 1]),
          { calibrationMethod: 'percentile' },
        )
      ).notes,
    ).toEqual([])
  })
})
