// Holds quantize-static and quantize-dynamic to what onnxruntime.quantization gives (tools/conformance/quantize.py), value for value.
// Where Lathe differs on purpose, the difference is listed here with its reason.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Model } from '../../src/core/model/model'
import type { Tensor } from '../../src/core/model/tensor'
import { decodeModel } from '../../src/core/onnx/decode'
import { defaultOptions } from '../../src/core/options/parse-options'
import { apply as quantizeDynamic } from '../../src/techniques/quantize-dynamic/apply'
import { spec as dynamicSpec } from '../../src/techniques/quantize-dynamic/spec'
import { apply as quantizeStatic } from '../../src/techniques/quantize-static/apply'
import { spec as staticSpec } from '../../src/techniques/quantize-static/spec'
import { floats } from '../fixtures/run-model'
import { numbersIn } from '../fixtures/tensor-numbers'
import { testContext } from '../fixtures/test-context'

interface Values {
  readonly dtype: 'float32' | 'int8' | 'uint8' | 'int32'
  readonly values: readonly number[]
}
type Initializers = Readonly<Record<string, Values>>
interface Case {
  readonly model: string
  readonly shape: readonly number[]
  readonly samples: readonly (readonly number[])[]
  readonly ranges: Readonly<Record<string, readonly [number, number]>>
  readonly static: readonly {
    readonly activationType: 'uint8' | 'int8'
    readonly granularity: 'channel' | 'tensor'
    readonly initializers: Initializers
  }[]
  readonly dynamic: readonly {
    readonly weightType: 'uint8' | 'int8'
    readonly granularity: 'channel' | 'tensor'
    readonly initializers: Initializers
  }[]
}

const read = (path: string): Buffer => readFileSync(new URL(path, import.meta.url))
const { cases } = JSON.parse(read('quantize.json').toString()) as { cases: readonly Case[] }
const modelOf = ({ model }: Case): Model => decodeModel(new Uint8Array(read(`models/${model}`)))

const STATIC = { ...defaultOptions(staticSpec.options), calibrationSamples: 16 }
const DYNAMIC = defaultOptions(dynamicSpec.options)

/** Scalars and vectors of equal numbers say the same. */
const shortened = (values: readonly number[]): readonly number[] =>
  values.every((value) => value === values[0]) ? values.slice(0, 1) : values

function expectEqual(tensor: Tensor | undefined, expected: Values): void {
  expect(tensor?.dtype).toBe(expected.dtype)
  const got = numbersIn(tensor)
  const isParam = got.length !== expected.values.length
  expect(isParam ? shortened(got) : got).toEqual(isParam ? shortened(expected.values) : expected.values)
}

describe.each(cases)('$model', (example) => {
  const model = modelOf(example)
  /** Lathe leaves the answer of a last Gemm or MatMul in float, where the kernel gives it anyway; the toolkit rounds it to 8 bits. */
  const floatOutputs = model.graph.nodes.some(({ opType, outputs }) => outputs[0] === 'y' && opType !== 'Conv')
    ? ['y_scale', 'y_zero_point']
    : []

  it.each(example.static)(
    'gets the scales, zero points, weights and biases of the toolkit: static, $activationType, per $granularity',
    async ({ activationType, granularity, initializers }) => {
      const context = testContext({ ranges: example.ranges })
      const result = await quantizeStatic(model, { ...STATIC, activationType, granularity }, context)
      const made = result.model.graph.initializers
      const expected = Object.keys(initializers).filter((name) => !floatOutputs.includes(name))
      expect([...made.keys()].filter((name) => made.get(name)?.dtype !== 'int64').toSorted()).toEqual(
        expected.toSorted(),
      )
      for (const name of expected) expectEqual(made.get(name), initializers[name] as Values)
    },
  )

  it('measures the ranges of the toolkit', async () => {
    const calibration = {
      source: 'conformance',
      size: example.samples.length,
      sample: (index: number) => Promise.resolve({ x: floats(example.shape, example.samples[index] ?? []) }),
    }
    const { calibration: measured } = await quantizeStatic(model, STATIC, testContext({ calibration }))
    for (const [value, range] of Object.entries(measured?.ranges ?? {})) {
      // The toolkit ran native kernels, which add in another order.
      range.forEach((bound, i) => expect(bound).toBeCloseTo(example.ranges[value]?.[i] as number, 5))
    }
    expect(measured?.indices).toEqual([0, 1, 2])
  })

  const dynamic = example.dynamic.filter(({ granularity, initializers }) =>
    Object.keys(initializers).some((name) => isCompared(model, name, granularity)),
  )
  it.each(dynamic)(
    'gets the scales, zero points and weights of the toolkit: dynamic, $weightType, per $granularity',
    async ({ weightType, granularity, initializers }) => {
      const result = await quantizeDynamic(model, { ...DYNAMIC, weightType, granularity }, testContext())
      const made = result.model.graph.initializers
      const compared = Object.entries(initializers).filter(([name]) => isCompared(model, name, granularity))
      for (const [name, expected] of compared) {
        expectEqual(made.get(name.replace('_Transposed', '')), isOfConv(model, name) ? asUint8(expected) : expected)
      }
    },
  )
})

/** The toolkit never quantizes convolutions per channel when it quantizes dynamically, Lathe does. Biases stay in float in both. */
const isCompared = (model: Model, name: string, granularity: 'channel' | 'tensor'): boolean =>
  /_(quantized|scale|zero_point)$/.test(name) && !(granularity === 'channel' && isOfConv(model, name))

const isOfConv = (model: Model, name: string): boolean =>
  model.graph.nodes.some(({ opType, inputs }) => opType === 'Conv' && name.startsWith(`${inputs[1]}_`))

/** Lathe stores int8 weights of Conv as uint8 with another zero point: the same numbers, and 25 times faster in WASM. */
const asUint8 = ({ dtype, values }: Values): Values =>
  dtype === 'int8' ? { dtype: 'uint8', values: values.map((value) => value + 128) } : { dtype, values }
