// Signal-to-noise ratio over many samples: the sums are kept, not the values.

import { LabError } from '../core/errors/lab-error'
import { sqnrOf } from '../core/numeric/error-metrics'

export class NoiseSums {
  #signal = 0
  #noise = 0

  /** Throws `data/invalid` when the lengths differ. */
  add(truth: ArrayLike<number>, actual: ArrayLike<number>): void {
    if (truth.length !== actual.length) {
      const message = `Cannot compare ${actual.length} values with ${truth.length}.`
      throw new LabError('data/invalid', message, { expected: truth.length, got: actual.length })
    }
    let signal = 0
    let noise = 0
    for (let i = 0; i < truth.length; i++) {
      const x = truth[i] as number
      const difference = x - (actual[i] as number)
      signal += x * x
      noise += difference * difference
    }
    this.#signal += signal
    this.#noise += noise
  }

  /** 20·log10(‖truth‖ / ‖difference‖); about 300 for identical values, NaN where a value is. */
  get sqnrDb(): number {
    return sqnrOf(this.#signal, this.#noise)
  }
}
