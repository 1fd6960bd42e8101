// A computation graph as plain, immutable data (GraphProto). Change it through `graph-draft.ts`; look things up through
// `graph-index.ts`. Values of an enclosing graph are visible inside subgraphs, as ONNX has it.

import type { Carried } from './carried'
import type { Node } from './node'
import type { ValueInfo } from './shape'
import type { Tensor } from './tensor'

export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, Tensor>
  /** Names of weights that the file stores in sparse form; they are carried, not interpreted. */
  readonly sparseInitializers?: readonly string[]
  /** Declared types of inner values, by value name. Inputs and outputs are not repeated here. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo>
  readonly carried?: Carried
}
