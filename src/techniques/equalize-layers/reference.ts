// The oracle: equalization of two dense layers by the formula, one pass, plain loops in float64. For tests only.

export interface DensePair {
  /** [outputs][inputs] */
  readonly first: readonly (readonly number[])[]
  readonly bias: readonly number[]
  /** [outputs][inputs], inputs being the outputs of the first. */
  readonly second: readonly (readonly number[])[]
}

/** s = √(r₁ / r₂); W₁[i] / s, b₁ / s, W₂[:, i] · s. */
export function referenceEqualize({ first, bias, second }: DensePair): DensePair & { readonly s: readonly number[] } {
  const s = first.map((row, i) => {
    const r1 = Math.max(...row.map(Math.abs))
    const r2 = Math.max(...second.map((other) => Math.abs(other[i] as number)))
    return r1 === 0 || r2 === 0 ? 1 : Math.sqrt(r1 / r2)
  })
  return {
    s,
    first: first.map((row, i) => row.map((value) => value / (s[i] as number))),
    bias: bias.map((value, i) => value / (s[i] as number)),
    second: second.map((row) => row.map((value, i) => value * (s[i] as number))),
  }
}
