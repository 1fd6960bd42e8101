// Operators of ONNX that may give something else on every run: they are neither computed ahead of time nor merged with their like.

import type { Node } from './node'

const RANDOM: ReadonlySet<string> = new Set([
  'Bernoulli',
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
])

/** `Dropout` is among them: outside training it does nothing, and whoever knows that takes it out. */
export const isRandom = ({ opType, domain }: Node): boolean => domain === '' && RANDOM.has(opType)
