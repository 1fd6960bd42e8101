// Numbers as the page writes them: units always, digits only as far as they mean something.

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB'] as const

/** Decimal units, three significant digits: `11.2 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${BYTE_UNITS[unit] ?? ''}`
}

/** `3.42 ms`, `1.20 s`. */
export const formatMs = (ms: number): string => (ms < 1000 ? `${digits(ms)} ms` : `${digits(ms / 1000)} s`)

/** 2,812,345 → `2.81 M`. */
export function formatCount(count: number): string {
  if (count < 1000) return String(count)
  const [divisor, unit] = count < 1e6 ? [1e3, 'k'] : count < 1e9 ? [1e6, 'M'] : [1e9, 'G']
  return `${(count / divisor).toPrecision(3)} ${unit}`
}

/** A fraction 0…1 as percent with one digit. */
export const formatPercent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`

/** Three significant digits without an exponent for what a person reads on a screen. */
export const digits = (value: number): string =>
  value === 0 ? '0' : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
