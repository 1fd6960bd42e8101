// What shape and type inference answers, and what it may be told. `infer-shapes.ts` makes it.

import type { Graph } from './graph'
import type { SmallTensor } from './infer/small-tensor'
import type { Shape, ValueType } from './shape'

export interface TypeScope {
  /** Type of a value that is visible in this graph (enclosing graphs included); undefined when nothing is known. */
  type(value: string): ValueType | undefined
  /** Contents of a small tensor as far as they follow from the file; absent where only types are known. */
  contents?(value: string): SmallTensor | undefined
}

export interface UnknownOp {
  readonly opType: string
  readonly domain: string
  /** `nodeLabel` of the node. */
  readonly node: string
}

export interface TypeConflict {
  /** `nodeLabel` of the node; absent where declarations of an input contradict each other. */
  readonly node?: string
  /** A sentence: what contradicts what. */
  readonly text: string
}

export interface InferredTypes extends TypeScope {
  /** The values of an `If`/`Loop`/`Scan` body of the model, found by identity; undefined for a graph that was never reached. */
  body(graph: Graph): TypeScope | undefined
  /** Nodes without a rule, each once: the types of their outputs are only what the file declares. */
  readonly unknownOps: readonly UnknownOp[]
  /** Where the file declares one thing and the operators give another (the inferred one is kept), or an operator is misused. */
  readonly conflicts: readonly TypeConflict[]
}

export interface InferOptions {
  /** Sizes for symbolic dimensions, by name, e.g. `{ batch: 1 }`. */
  readonly freeDimensions?: Readonly<Record<string, number>>
  /** Shapes that take the place of the declared ones, by input of the main graph: for dimensions without a name. */
  readonly inputShapes?: Readonly<Record<string, Shape>>
}
