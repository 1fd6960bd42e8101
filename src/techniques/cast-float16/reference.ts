// The oracle for weights: the policy of ONNX Runtime's converter and IEEE rounding by search, in float64. For tests only.

/** The value of a finite float16 magnitude by the definition of the format. */
const valueOf = (pattern: number): number => {
  const exponent = pattern >> 10
  const fraction = pattern & 0x3ff
  return exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25)
}

/** Bits of the float16 that a float32 weight becomes. */
export function referenceFloat16(weight: number): number {
  if (Number.isNaN(weight)) return 0x7e00
  const sign = weight < 0 || Object.is(weight, -0) ? 0x8000 : 0
  const magnitude = Math.abs(weight)
  if (magnitude === Infinity) return sign | 0x7c00
  if (magnitude > 65504) return sign | 0x7bff
  if (magnitude > 0 && magnitude < 5.96e-8) return sign | 1
  let best = 0
  for (let step = 0x4000; step > 0; step >>= 1) {
    if (best + step <= 0x7bff && valueOf(best + step) <= magnitude) best += step
  }
  const below = magnitude - valueOf(best)
  const above = valueOf(best + 1) - magnitude
  return sign | (below < above || (below === above && best % 2 === 0) ? best : best + 1)
}
