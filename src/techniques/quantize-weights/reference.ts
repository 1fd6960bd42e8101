// The readable twin of apply.ts for one weight, in float64 and without any care for speed. Used by tests only.

/** What a reader of the quantized weight gets: each value rounded to the nearest step of its channel, ties to even. */
export function roundedWeight(
  values: readonly number[],
  dims: readonly number[],
  axis: number | undefined,
  dtype: 'int8' | 'uint8',
): number[] {
  const channelOf = (position: number): number => {
    if (axis === undefined) return 0
    const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1)
    return Math.floor(position / inner) % (dims[axis] ?? 1)
  }
  const steps = new Map<number, number>()
  const shifts = new Map<number, number>()
  for (const channel of new Set(values.map((_, i) => channelOf(i)))) {
    const members = values.filter((_, i) => channelOf(i) === channel)
    const low = Math.min(0, ...members)
    const high = Math.max(0, ...members)
    const step = dtype === 'int8' ? Math.max(-low, high) / 127 : (high - low) / 255
    steps.set(channel, step || 1)
    shifts.set(channel, dtype === 'int8' ? 0 : roundTiesToEven(-low / (step || 1)))
  }
  return values.map((value, i) => {
    const step = steps.get(channelOf(i)) ?? 1
    const shift = shifts.get(channelOf(i)) ?? 0
    const [lowest, highest] = dtype === 'int8' ? [-128, 127] : [0, 255]
    const q = Math.min(Math.max(roundTiesToEven(value / step) + shift, lowest), highest)
    return (q - shift) * step
  })
}

function roundTiesToEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1
  return below % 2 === 0 ? below : below + 1
}
