// A small seeded random generator, the same on every machine: xoshiro128** (Blackman & Vigna 2018), seeded by splitmix32.
// Not for secrets.

export interface Rng {
  /** Uniform in [0, 1), 32 bits. */
  next(): number
  /** Uniform integer in [0, bound). */
  below(bound: number): number
  /** Standard normal (Marsaglia polar). */
  normal(): number
  /** A new array in random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[]
}

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k))

/** `seed`: any integer; its low 32 bits count. */
export function seededRng(seed: number): Rng {
  let mix = seed | 0
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return z ^ (z >>> 16)
  }
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()]

  const next = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotateLeft(d, 11)
    return (result >>> 0) / 4294967296
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  const normal = (): number => {
    for (;;) {
      const u = 2 * next() - 1
      const v = 2 * next() - 1
      const s = u * u + v * v
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s)
    }
  }
  const shuffle = <T>(items: readonly T[]): T[] => {
    const result = [...items]
    for (let i = result.length - 1; i > 0; i--) {
      const j = below(i + 1)
      const held = result[i] as T
      result[i] = result[j] as T
      result[j] = held
    }
    return result
  }
  return { next, below, normal, shuffle }
}
