// The oracle: folds by coordinates, one weight at a time, straight from the definitions. Slow and plain, for tests only.

interface Folded {
  readonly weight: readonly number[]
  readonly bias: readonly number[]
}

export interface ReferenceLayer {
  readonly opType: 'Conv' | 'ConvTranspose' | 'Gemm'
  readonly dims: readonly number[]
  readonly weight: readonly number[]
  readonly bias?: readonly number[]
  readonly groups?: number
  readonly transB?: boolean
}

export interface ReferenceNorm {
  readonly gamma: readonly number[]
  readonly beta: readonly number[]
  readonly mean: readonly number[]
  readonly variance: readonly number[]
  readonly epsilon: number
}

/** W′ = W γ / √(σ² + ε), b′ = (b − μ) γ / √(σ² + ε) + β; float64, not rounded. */
export function referenceFold(layer: ReferenceLayer, norm: ReferenceNorm): Folded {
  const at = (values: readonly number[], channel: number): number => values[channel] as number
  const factor = (channel: number): number =>
    at(norm.gamma, channel) / Math.sqrt(at(norm.variance, channel) + norm.epsilon)
  return {
    weight: layer.weight.map((value, position) => value * factor(channelAt(layer, position))),
    bias: norm.gamma.map(
      (_, channel) =>
        ((layer.bias ? at(layer.bias, channel) : 0) - at(norm.mean, channel)) * factor(channel) +
        at(norm.beta, channel),
    ),
  }
}

/** Output channel of the weight at a flat position. */
function channelAt({ opType, dims, groups = 1, transB = false }: ReferenceLayer, position: number): number {
  const coordinates: number[] = []
  for (let rest = position, axis = dims.length - 1; axis >= 0; axis--) {
    const dim = dims[axis] as number
    coordinates[axis] = rest % dim
    rest = Math.floor(rest / dim)
  }
  const [first = 0, second = 0] = coordinates
  if (opType === 'Conv') return first
  if (opType === 'Gemm') return transB ? first : second
  const inputsPerGroup = (dims[0] as number) / groups
  return Math.floor(first / inputsPerGroup) * (dims[1] as number) + second
}
