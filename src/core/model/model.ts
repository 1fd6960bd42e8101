// A whole model (ModelProto): the main graph, its functions, versions and metadata.

import type { Carried } from './carried'
import type { Graph } from './graph'
import type { Node } from './node'

/** A model-local function (FunctionProto), called by nodes of the same domain, name and overload. */
export interface ModelFunction {
  readonly name: string
  readonly domain: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  readonly opsets: ReadonlyMap<string, number>
  readonly carried?: Carried
}

export interface Model {
  readonly irVersion: number
  /** Domain → version; `''` is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>
  readonly producerName: string
  readonly producerVersion: string
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: Graph
  readonly functions: readonly ModelFunction[]
  readonly carried?: Carried
}

/** The ai.onnx opset; 0 when the model imports none. */
export const onnxOpset = (model: Model): number => model.opsets.get('') ?? 0
