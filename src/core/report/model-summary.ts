// What is in a model, as plain data: the answer of `inspect` and the facts beside a model on the page. Sizes are those of the file
// and its constants; parameters are what was trained, whatever type it is stored in.

import { inferShapes, type InferOptions } from '../model/infer-shapes'
import type { Model } from '../model/model'
import type { Node } from '../model/node'
import type { Shape, ValueType } from '../model/shape'
import { takeCensus } from './constant-census'
import { graphMacs } from './node-cost'
import { summaryWarnings } from './summary-warnings'

export interface ValueSummary {
  readonly name: string
  /** The element type, or `sequence`, `optional`, `map or opaque`, `unknown` for what is not a tensor. */
  readonly dtype: string
  /** Numbers, names, null for unknown; null for an unknown rank. */
  readonly shape: Shape | null
}

export interface ModelSummary {
  readonly format: 'onnx'
  readonly irVersion: number
  /** Domain → version; `ai.onnx` stands for the empty domain. */
  readonly opsets: Readonly<Record<string, number>>
  /** Without initializers that old files list as inputs, too. */
  readonly inputs: readonly ValueSummary[]
  readonly outputs: readonly ValueSummary[]
  /** Nodes of all graphs, bodies and functions included. */
  readonly nodeCount: number
  /** Operator → how often; other domains than ai.onnx stand before the name, `com.microsoft.Gelu`. */
  readonly opCounts: Readonly<Record<string, number>>
  /** Trained numbers, quantized ones included; scales and zero points are not. */
  readonly parameters: number
  /** Bytes of the file. */
  readonly sizeBytes: number
  /** Bytes of all constants, by element type. */
  readonly bytesByDtype: Readonly<Record<string, number>>
  /** Multiply-accumulates of one inference; null where they depend on dimensions without a size. */
  readonly macs: number | null
  /** Sentences about what a person should know before going on. */
  readonly warnings: readonly string[]
}

/** `sizes` fixes free dimensions, which the cost needs; without it a model with free dimensions has `macs: null`. */
export function summarizeModel(model: Model, fileBytes: number, sizes: InferOptions = {}): ModelSummary {
  const types = inferShapes(model, sizes)
  const unsized = sizes.freeDimensions || sizes.inputShapes ? inferShapes(model) : types
  const census = takeCensus(model)
  const listed = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name))
  const macs = model.functions.length === 0 ? graphMacs(model.graph, types) : undefined
  return {
    format: 'onnx',
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: listed.map(({ name, type }) => summarizeValue(name, type)),
    outputs: model.graph.outputs.map(({ name }) => summarizeValue(name, unsized.type(name))),
    nodeCount: census.nodes.length,
    opCounts: countOps(census.nodes),
    parameters: census.parameters,
    sizeBytes: fileBytes,
    bytesByDtype: Object.fromEntries(census.bytesByDtype),
    macs: macs ?? null,
    warnings: summaryWarnings(model, types, census, { macs, sizes }),
  }
}

function summarizeValue(name: string, type: ValueType | undefined): ValueSummary {
  if (!type) return { name, dtype: 'unknown', shape: null }
  if (type.kind === 'tensor' || type.kind === 'sparse') return { name, dtype: type.dtype, shape: type.shape ?? null }
  return { name, dtype: type.kind === 'other' ? 'map or opaque' : type.kind, shape: null }
}

function countOps(nodes: readonly Node[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { domain, opType } of nodes) {
    const name = domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}
