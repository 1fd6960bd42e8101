// A layer whose channels are multiplied by factors: how large they are then, and the weights with the factors multiplied in, which happens
// once, however often the factors change before.

import { floatsOf } from './float-values'
import type { LinearLayer, WeightGrid } from './linear-layer'
import type { GraphEdit } from './map-graphs'
import { placeNumbers } from './place-numbers'

/** A layer with what its input and output channels are multiplied by. */
export class ScaledLayer {
  readonly layer: LinearLayer
  readonly grid: WeightGrid
  readonly inputFactors: Float64Array
  readonly outputFactors: Float64Array
  /** Largest magnitude for each pair of channels, `[groups, rows, columns]` as the weight has them. */
  readonly #magnitudes: Float32Array

  constructor(layer: LinearLayer, grid: WeightGrid) {
    this.layer = layer
    this.grid = grid
    this.inputFactors = new Float64Array(grid.groups * grid.inputs).fill(1)
    this.outputFactors = new Float64Array(grid.groups * grid.outputs).fill(1)
    this.#magnitudes = magnitudesOf(floatsOf(layer.weight), grid.inner)
  }

  /** Largest magnitude of each input channel. */
  inputPeaks(): Float64Array {
    const peaks = new Float64Array(this.inputFactors.length)
    this.#eachPair((output, input, magnitude) => {
      peaks[input] = Math.max(peaks[input] as number, magnitude * (this.outputFactors[output] as number))
    })
    return peaks.map((peak, input) => peak * (this.inputFactors[input] as number))
  }

  outputPeaks(): Float64Array {
    const peaks = new Float64Array(this.outputFactors.length)
    this.#eachPair((output, input, magnitude) => {
      peaks[output] = Math.max(peaks[output] as number, magnitude * (this.inputFactors[input] as number))
    })
    return peaks.map((peak, output) => peak * (this.outputFactors[output] as number))
  }

  /** The weight with both factors, rounded once. */
  weight(): Float32Array | Float64Array {
    const { inner } = this.grid
    const scaled = floatsOf(this.layer.weight).slice()
    this.#eachPair((output, input, _, pair) => {
      const factor = (this.outputFactors[output] as number) * (this.inputFactors[input] as number)
      for (let i = pair * inner; i < (pair + 1) * inner; i++) scaled[i] = (scaled[i] as number) * factor
    })
    return scaled
  }

  #eachPair(visit: (output: number, input: number, magnitude: number, pair: number) => void): void {
    const { groups, outputs, inputs, outputsFirst } = this.grid
    const [rows, columns] = outputsFirst ? [outputs, inputs] : [inputs, outputs]
    let pair = 0
    for (let group = 0; group < groups; group++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, pair++) {
          const output = group * outputs + (outputsFirst ? row : column)
          const input = group * inputs + (outputsFirst ? column : row)
          visit(output, input, this.#magnitudes[pair] as number, pair)
        }
      }
    }
  }
}

function magnitudesOf(weights: Float32Array | Float64Array, inner: number): Float32Array {
  const magnitudes = new Float32Array(weights.length / inner)
  for (let i = 0; i < weights.length; i++) {
    const at = Math.floor(i / inner)
    magnitudes[at] = Math.max(magnitudes[at] as number, Math.abs(weights[i] as number))
  }
  return magnitudes
}

/** Puts the layer with its factors in the place of its node, which must be in the draft. */
export function placeScaledLayer(graph: Pick<GraphEdit, 'draft' | 'freshName'>, scaled: ScaledLayer): void {
  const { node, weight, bias, channels } = scaled.layer
  const inputs = [...node.inputs]
  inputs[1] = placeNumbers(graph, node, weight, scaled.weight(), weight.dims)
  if (bias && scaled.outputFactors.some((factor) => factor !== 1)) {
    const before = floatsOf(bias)
    const after = before.length === channels ? before.slice() : floatsOf(weight).slice(0, channels)
    for (let i = 0; i < channels; i++) {
      after[i] = (before[before.length === 1 ? 0 : i] as number) * (scaled.outputFactors[i] as number)
    }
    inputs[2] = placeNumbers(graph, node, bias, after, [channels])
  }
  graph.draft.replaceNode(node, { ...node, inputs })
}
