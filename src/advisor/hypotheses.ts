// What is probably true on this device, said before anything ran, each with the race that decides it.

import type { CandidateStep } from './advise'

export interface HypothesisTest {
  /** Two recipes to race against the original and each other. */
  readonly recipes: readonly [TestedRecipe, TestedRecipe]
}

export interface TestedRecipe {
  readonly label: string
  readonly steps: readonly CandidateStep[]
}

export interface Hypothesis {
  readonly id: string
  /** `Depthwise convolutions in integers are probably slower here (probe: 3.7×).` */
  readonly text: string
  readonly test: HypothesisTest
}
