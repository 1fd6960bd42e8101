// How exactly each stored weight says what it said in float: the ratio of weight and rounding error.

import type { Graph } from '../core/model/graph'
import { indexGraph } from '../core/model/graph-index'
import { nodeLabel } from '../core/model/node'
import { NoiseSums } from './noise-sums'
import { weightPairs } from './stored-weight'

export interface WeightError {
  /** Of the float weight. */
  readonly name: string
  readonly sqnrDb: number
  /** Bits of its integers. */
  readonly bits: number
  /** The operators that read it. */
  readonly readers: readonly string[]
}

/** Weights of the main graph that are float32 in `float` and integers in `changed`. */
export function weightErrors(float: Graph, changed: Graph): readonly WeightError[] {
  const index = indexGraph(float)
  return Array.from(weightPairs(float, changed), ({ name, bits, form, floats }) => {
    const restored = Float64Array.from(
      { length: form.count },
      (_, i) => (form.integer(i) - form.zero(i)) * form.scale(i),
    )
    const sums = new NoiseSums()
    sums.add(floats(), restored)
    return { name, bits, sqnrDb: sums.sqnrDb, readers: index.consumers(name).map(nodeLabel) }
  })
}
