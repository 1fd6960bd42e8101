// Holds the reference layout of quantize-dynamic to what quantize_dynamic of onnxruntime.quantization 1.30 writes
// (tools/conformance/quantize-dynamic.py): every integer tensor, scale and zero point by name, shape, type and bytes, and the operators.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Graph } from '../../src/core/model/graph'
import { subgraphs } from '../../src/core/model/node'
import { tensorBytes } from '../../src/core/model/tensor'
import { decodeModel } from '../../src/core/onnx/decode'
import { defaultOptions } from '../../src/core/options/parse-options'
import { apply } from '../../src/techniques/quantize-dynamic/apply'
import { spec } from '../../src/techniques/quantize-dynamic/spec'
import { testContext } from '../fixtures/test-context'

interface Case {
  readonly weightType: 'int8' | 'uint8'
  readonly granularity: 'channel' | 'tensor'
  readonly reduceRange: boolean
  readonly constantWeightsOnly: boolean
  readonly tensors: Readonly<Record<string, readonly [dtype: string, dims: readonly number[], sha256: string]>>
  readonly operators: Readonly<Record<string, number>>
}

const read = (path: string): Buffer => readFileSync(new URL(path, import.meta.url))
const { models } = JSON.parse(read('quantize-dynamic.json').toString()) as {
  models: readonly { readonly model: string; readonly cases: readonly Case[] }[]
}
const HASH_LENGTH = 16

/** The toolkit measures an outer value that only bodies read in front of `If`, Lathe in each body: a branch that is not taken costs nothing. */
const MEASURED_IN_BODIES = { 'conformance/models/dynamic/branches.onnx': { DynamicQuantizeLinear: 3 } }

const graphsOf = (graph: Graph): readonly Graph[] => [
  graph,
  ...graph.nodes.flatMap((node) => subgraphs(node).flatMap((body) => graphsOf(body.graph))),
]

describe.each(models)('$model', ({ model, cases }) => {
  const original = decodeModel(new Uint8Array(read(`../${model}`)))

  it.each(cases)(
    'gets the tensors and operators of the toolkit: $weightType per $granularity, reduced $reduceRange, constant weights only $constantWeightsOnly',
    async ({ tensors, operators, ...options }) => {
      const wanted = { ...defaultOptions(spec.options), ...options, layout: 'reference' } as const
      const graphs = graphsOf((await apply(original, wanted, testContext())).model.graph)
      const made = graphs
        .flatMap(({ initializers }) => [...initializers.values()])
        .filter(({ name }) => /_(quantized|scale|zero_point)$/.test(name))
        .map((tensor) => {
          const hash = createHash('sha256').update(tensorBytes(tensor)).digest('hex').slice(0, HASH_LENGTH)
          return [tensor.name, [tensor.dtype, tensor.dims, hash]] as const
        })
      expect(Object.fromEntries(made)).toEqual(tensors)
      const types = graphs.flatMap(({ nodes }) => nodes.map(({ opType }) => opType))
      const counts = Object.keys(operators).map((name) => [name, types.filter((type) => type === name).length] as const)
      const deviations = Object.entries(MEASURED_IN_BODIES).find(([name]) => name === model)?.[1]
      expect(Object.fromEntries(counts)).toEqual({ ...operators, ...deviations })
    },
  )
})
