// Reads what the visitor drew with the original and with the variant. Only the newest drawing counts.

import { centreDrawing } from '../../data/centre-drawing'
import { argmax, outputNumbers, softmax } from '../../data/classification'
import type { ModelFile } from '../../../workers/host/protocol'
import { isCancelled } from '../../core/errors/lab-error'
import type { EngineClient } from '../jobs/engine-client'

export interface Reading {
  readonly digit: number
  /** Of every class, summing to 1. */
  readonly probabilities: readonly number[]
}

const SIDE = 28

export class DigitReader {
  #readings = $state.raw<readonly Reading[]>([])
  #abort: AbortController | undefined

  /** One per model, in the order given. */
  get readings(): readonly Reading[] {
    return this.#readings
  }

  clear(): void {
    this.#abort?.abort()
    this.#readings = []
  }

  /** `pixels`: RGBA of the canvas, white ink on black. */
  async read(pixels: ImageData, models: readonly ModelFile[], engine: EngineClient): Promise<void> {
    this.#abort?.abort()
    const abort = (this.#abort = new AbortController())
    const grey = Uint8Array.from({ length: pixels.width * pixels.height }, (_, i) => pixels.data[4 * i] ?? 0)
    const image = centreDrawing({ width: pixels.width, height: pixels.height, channels: 1, data: grey })
    if (!image) return this.clear()
    const data = Float32Array.from(image.data, (value) => value / 255)
    const feeds = { image: { dtype: 'float32' as const, dims: [1, 1, SIDE, SIDE], data } }
    try {
      const readings: Reading[] = []
      for (const model of models) {
        const outputs = await engine.outputs({ model, feeds }, { signal: abort.signal })
        const [scores] = Object.values(outputs)
        if (!scores) continue
        const probabilities = [...softmax(outputNumbers(scores))]
        readings.push({ digit: argmax(probabilities), probabilities })
      }
      if (this.#abort === abort) this.#readings = readings
    } catch (error) {
      if (!isCancelled(error)) throw error
    }
  }
}
