// The arithmetic of equalization: how large the channels of a weight are under factors that are not multiplied in yet, and the factors that
// make all layers of a chain alike. Weights are read once and written once, whatever the number of passes.

import { floatsOf } from '../../core/model/float-values'
import type { LinearLayer, WeightGrid } from '../../core/model/linear-layer'

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

/**
 * Divisors of the values between the layers of a chain, one array for each gap: `peaks[k][i]` is how large channel i of layer k is, of its
 * outputs, for the last layer of its inputs. All layers end at the geometric mean (for two: s = √(r₁/r₂)). 1 where a peak is 0.
 */
export function chainDivisors(peaks: readonly Float64Array[]): Float64Array[] {
  const divisors = peaks.slice(1).map(({ length }) => new Float64Array(length).fill(1))
  const channels = peaks[0]?.length ?? 0
  for (let i = 0; i < channels; i++) {
    const sizes = peaks.map((layer) => layer[i] as number)
    if (!sizes.every((size) => size > 0 && size < Infinity)) continue
    const logMean = sizes.reduce((sum, size) => sum + Math.log(size), 0) / sizes.length
    let log = 0
    for (const [gap, divisor] of divisors.entries()) {
      log += Math.log(sizes[gap] as number) - logMean
      divisor[i] = Math.exp(log)
    }
  }
  return divisors
}
