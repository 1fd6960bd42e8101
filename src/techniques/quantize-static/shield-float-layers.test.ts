import { describe, expect, it } from 'vitest'
import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { SMALL_MODELS } from '../../../tests/fixtures/small-models'
import { numbersIn } from '../../../tests/fixtures/tensor-numbers'
import { testContext } from '../../../tests/fixtures/test-context'
import { indexGraph } from '../../core/model/graph-index'
import type { Model } from '../../core/model/model'
import { nodeLabel, type Node } from '../../core/model/node'
import { verifyGraph, verifyInterface } from '../../core/model/verify-graph'
import { measureError } from '../../core/numeric/error-metrics'
import { seededRng } from '../../core/numeric/rng'
import type { CalibrationData } from '../../core/pass/pass-context'
import type { NamedValues } from '../../core/pass/tensor-value'
import { defaultOptions } from '../../core/options/parse-options'
import { apply } from './apply'
import { shieldFloatLayers } from './shield-float-layers'
import { spec, type StaticOptions } from './spec'

const DEFAULTS: StaticOptions = { ...defaultOptions(spec.options), calibrationSamples: 4 }
/** Of networks of a few layers, against float32. */
const MIN_SQNR_DB = 28
/** What is left of them when the engine has given depthwise weights of unlike channels one scale. */
const RUINED_SQNR_DB = 20

/**
 * Layers whose weight or bias ONNX Runtime would quantize itself: its WeightBiasQuantization wants a DequantizeLinear with one scale before
 * the layer, a path of Relu and Clip without branches to a QuantizeLinear behind it, and a constant of float32.
 */
function quantizedByEngine({ graph }: Model): string[] {
  const index = indexGraph(graph)
  const isDequantized = (name: string): boolean => index.producer(name)?.opType === 'DequantizeLinear'
  const isFloat = (name: string): boolean => index.constant(name)?.dtype === 'float32'
  const leadsToQuantize = (value: string): boolean => {
    const [reader, ...others] = index.consumers(value)
    if (!reader || others.length > 0 || index.isOutput(value)) return false
    if (reader.opType === 'QuantizeLinear') return true
    return ['Relu', 'Clip'].includes(reader.opType) && leadsToQuantize(reader.outputs[0] ?? '')
  }
  const isTaken = ({ opType, inputs, outputs }: Node): boolean => {
    if (!['Conv', 'ConvTranspose', 'Gemm'].includes(opType)) return false
    const [x = '', weight = '', bias = ''] = inputs
    const scale = index.constant(index.producer(x)?.inputs[1] ?? '')
    if (!isDequantized(x) || !scale || scale.dims.some((dim) => dim !== 1)) return false
    return leadsToQuantize(outputs[0] ?? '') && (isFloat(weight) || (isDequantized(weight) && isFloat(bias)))
  }
  return graph.nodes.filter(isTaken).map(nodeLabel)
}

const random = (dims: readonly number[], seed: number): number[] => {
  const rng = seededRng(seed)
  return Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => rng.normal())
}
const weight = (dims: readonly number[], seed: number, factor: (index: number) => number = () => 0.4) =>
  tensor(
    'float32',
    dims,
    random(dims, seed).map((value, index) => value * factor(index)),
  )
/** 3 × 3 kernels of which the first is so large that a scale for all leaves nothing of the others; a Clip keeps its results in range. */
const unlikeChannels = (index: number): number => (index < 9 ? 200 : 0.4)

const samplesOf = (feeds: (index: number) => NamedValues): CalibrationData => ({
  source: 'test',
  size: DEFAULTS.calibrationSamples,
  sample: (index) => Promise.resolve(feeds(index)),
})
const images = (dims: readonly number[]) => (index: number) => ({ x: floats(dims, random(dims, 50 + index)) })
const input = images([1, 4, 8, 8])

async function quantize(
  model: Model,
  options: Partial<StaticOptions> = {},
  feeds: (index: number) => NamedValues = input,
): Promise<Model> {
  const context = testContext({ calibration: samplesOf(feeds) })
  const { model: result } = await apply(model, { ...DEFAULTS, ...options }, context)
  verifyGraph(result)
  verifyInterface(model, result)
  return result
}

/** At both ends of the engine's optimization levels, against the float model; the smaller one. */
async function sqnr(model: Model, quantized: Model): Promise<number> {
  const truth = numbersOf(await runModel(model, input(0), 'disabled'), 'y')
  const levels = (['disabled', 'all'] as const).map((level) => runModel(quantized, input(0), level))
  const all = (await Promise.all(levels)).map((outputs) => measureError(truth, numbersOf(outputs, 'y')).sqnrDb)
  return Math.min(...all)
}

/** x → Conv → Clip → `middle` → Conv → y, with a layer in the middle from `c` to `m` that stays in float. */
const around = (middle: readonly Node[], weights: Readonly<Record<string, ReturnType<typeof tensor>>> = {}): Model =>
  buildModel({
    inputs: { x: ['float32', [1, 4, 8, 8]] },
    outputs: { y: ['float32'] },
    initializers: {
      entry: weight([8, 4, 1, 1], 1),
      exit: weight([4, 8, 1, 1], 2),
      bias: weight([8], 3),
      zero: tensor('float32', [], [0]),
      six: tensor('float32', [], [6]),
      ...weights,
    },
    nodes: [
      node('Conv', ['x', 'entry', 'bias'], ['e']),
      node('Clip', ['e', 'zero', 'six'], ['c']),
      ...middle,
      node('Conv', ['m', 'exit'], ['y']),
    ],
  })

const depthwiseModel = around(
  [
    node('Conv', ['c', 'w', 'bias'], ['d'], { group: 8, pads: [1, 1, 1, 1] }),
    node('Clip', ['d', 'zero', 'six'], ['m']),
  ],
  { w: weight([8, 1, 3, 3], 4, unlikeChannels) },
)

const FLOAT_LAYERS: Readonly<Record<string, Model>> = {
  'a depthwise convolution before a Clip': depthwiseModel,
  'a depthwise convolution without bias before a Relu': around(
    [node('Conv', ['c', 'w'], ['d'], { group: 8 }), node('Relu', ['d'], ['m'])],
    { w: weight([8, 1, 3, 3], 4) },
  ),
  'a transposed convolution': around([node('ConvTranspose', ['c', 'w', 'bias'], ['m'])], {
    w: weight([8, 8, 3, 3], 5),
  }),
  'a convolution of one channel': around(
    [node('Conv', ['c', 'one'], ['s']), node('ConvTranspose', ['s', 'w'], ['m'], { strides: [2, 2] })],
    { one: weight([1, 8, 1, 1], 6), w: weight([1, 8, 2, 2], 7) },
  ),
  'a convolution with a computed weight': around(
    [
      node('GlobalAveragePool', ['c'], ['p']),
      node('Mul', ['p', 'spread'], ['k']),
      node('Conv', ['c', 'k', 'bias'], ['m']),
    ],
    { spread: weight([8, 1, 1, 1], 8) },
  ),
  'a layer whose bias cannot be an integer': around([node('Conv', ['c', 'w', 'tiny'], ['m'])], {
    w: weight([8, 8, 1, 1], 9, (index) => (index < 8 ? 1e-37 : 0.4)),
    tiny: tensor('float32', [8], Array<number>(8).fill(1e-38)),
  }),
}

describe('a layer that stays in float', () => {
  describe.each(['uint8', 'int8'] as const)('between %s activations', (activationType) => {
    it.each(Object.entries(FLOAT_LAYERS))('gives the answers of the file at every level: %s', async (_, model) => {
      const quantized = await quantize(model, { activationType })
      expect(quantizedByEngine(quantized)).toEqual([])
      expect(await sqnr(model, quantized)).toBeGreaterThan(MIN_SQNR_DB)
    })
  })

  it.each([false, true])(
    'differs by no more than a step of the output between levels: depthwise %s',
    async (depthwise) => {
      const quantized = await quantize(depthwiseModel, { depthwise })
      const [step = 0] = numbersIn(quantized.graph.initializers.get('y_scale'))
      const plain = numbersOf(await runModel(quantized, input(0), 'disabled'), 'y')
      const fused = numbersOf(await runModel(quantized, input(0), 'all'), 'y')
      expect(measureError(plain, fused).maxAbs).toBeLessThan(1.01 * step)
    },
  )

  it('reads what a DequantizeLinear would give it, to the bit', async () => {
    const scale = tensor('float32', [], [0.0173])
    const zeroPoint = tensor('int8', [], [-37])
    const integers = Array.from({ length: 256 }, (_, i) => i - 128)
    const model = buildModel({
      inputs: { q: ['int8', [1, 1, 16, 16]] },
      outputs: { y: ['float32', [1, 1, 16, 16]] },
      initializers: { scale, zeroPoint, one: tensor('float32', [1, 1, 1, 1], [1]) },
      nodes: [node('DequantizeLinear', ['q', 'scale', 'zeroPoint'], ['x']), node('Conv', ['x', 'one'], ['y'])],
    })
    const shielded = { ...model, graph: shieldFloatLayers(model.graph) }
    expect(shielded.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'Sub', 'Mul', 'Conv'])
    const feeds = { q: { dtype: 'int8', dims: [1, 1, 16, 16], data: Int8Array.from(integers) } } as const
    const truth = numbersOf(await runModel(model, feeds, 'disabled'), 'y')
    expect(numbersOf(await runModel(shielded, feeds, 'disabled'), 'y')).toEqual(truth)
  })

  it('would be quantized by the engine without this, with one scale for all channels', async () => {
    const quantized = await quantize(depthwiseModel)
    const index = indexGraph(quantized.graph)
    const spelledOut = quantized.graph.nodes.find(({ inputs }) => inputs[1] === 'w')
    const product = index.producer(spelledOut?.inputs[0] ?? '')
    const integers = index.producer(product?.inputs[0] ?? '')?.inputs[0] ?? ''
    const plain = node('DequantizeLinear', [integers, product?.inputs[1] ?? ''], product?.outputs ?? [])
    const nodes = quantized.graph.nodes.map((each) => (each === product ? plain : each))
    const unshielded = { ...quantized, graph: { ...quantized.graph, nodes } }
    expect(quantizedByEngine(unshielded)).toHaveLength(1)
    expect(await sqnr(depthwiseModel, unshielded)).toBeLessThan(RUINED_SQNR_DB)
    expect(await sqnr(depthwiseModel, { ...unshielded, graph: shieldFloatLayers(unshielded.graph) })).toBeGreaterThan(
      MIN_SQNR_DB,
    )
  })
})

describe('no result is quantized by the engine', () => {
  const cases = [{}, { depthwise: true }, { granularity: 'tensor' }, { activationType: 'int8' }] as const
  it.each(SMALL_MODELS)('of $name', async ({ model, feeds }) => {
    for (const options of cases) expect(quantizedByEngine(await quantize(model, options, feeds))).toEqual([])
  })

  it('of a depthwise convolution that was asked for', async () => {
    const quantized = await quantize(depthwiseModel, { depthwise: true })
    expect(quantizedByEngine(quantized)).toEqual([])
    expect(quantized.graph.nodes.map(({ opType }) => opType)).not.toContain('Cast')
    expect(await sqnr(depthwiseModel, quantized)).toBeGreaterThan(MIN_SQNR_DB)
  })

  it('and where it is left the bias, it can convert it', async () => {
    const huge = around([node('Conv', ['c', 'w', 'far'], ['m'])], {
      w: weight([8, 8, 1, 1], 9, () => 1e-7),
      far: weight([8], 10, () => 1000),
    })
    expect(await sqnr(huge, await quantize(huge, { quantizeBias: false }))).toBeGreaterThan(MIN_SQNR_DB)
  })
})
