// Numbers as the terminal shows them, with their units. JSON answers hold the bare numbers.

const STEP = 1000
const SIZE_UNITS = ['B', 'kB', 'MB', 'GB']

/** `3.12 MB`, decimal units. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= STEP && unit < SIZE_UNITS.length - 1) {
    value /= STEP
    unit += 1
  }
  return `${unit === 0 ? value : significant(value)} ${SIZE_UNITS[unit]}`
}

/** `2.81 M`, for parameters and operations. */
export function formatCount(count: number): string {
  if (count >= 1e9) return `${significant(count / 1e9)} G`
  if (count >= 1e6) return `${significant(count / 1e6)} M`
  return count >= 1e4 ? `${significant(count / 1e3)} k` : String(count)
}

export const formatMs = (ms: number): string => `${significant(ms)} ms`

/** A fraction as percentage points with a sign: `−0.12`. */
export function formatPoints(fraction: number, digits = 2): string {
  const points = (fraction * 100).toFixed(digits)
  const isZero = Number(points) === 0
  if (isZero) return (0).toFixed(digits)
  return fraction < 0 ? `−${points.slice(1)}` : `+${points}`
}

/** `93.42 %` */
export const formatPercent = (fraction: number, digits = 2): string => `${(fraction * 100).toFixed(digits)} %`

export const formatRatio = (ratio: number): string => ratio.toFixed(3)

/** At least three significant digits, never an exponent. */
function significant(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return size >= 1 || size === 0 ? value.toFixed(2) : value.toPrecision(3)
}
