// From values to pixels, and where the ticks of an axis stand. Plain numbers: the charts draw with them and nothing else.

export interface Axis {
  /** Pixel of a value. */
  place(value: number): number
  readonly ticks: readonly number[]
}

/** Ticks are round numbers: no digits but theirs. */
export const tickText = (tick: number): string => String(Number(tick.toPrecision(6))).replace('-', '−')

type Span = readonly [number, number]

/** `domain` in values, low to high; `range` in pixels, which may run backwards as on a vertical axis. About `count` ticks. */
export function linearAxis(domain: Span, range: Span, count: number): Axis {
  return { place: (value) => between(domain, range, value), ticks: roundTicks(domain, count) }
}

/** Equal ratios take equal space. `domain` above 0. Ticks at 1, 2 and 5 where it spans a factor of 5, else at round values. */
export function logAxis(domain: Span, range: Span, count: number): Axis {
  const logs: Span = [Math.log(domain[0]), Math.log(domain[1])]
  const ticks = domain[1] / domain[0] >= 5 ? thinned(decadeTicks(domain), count) : roundTicks(domain, count)
  return { place: (value) => between(logs, range, Math.log(value)), ticks: ticks.filter((tick) => tick > 0) }
}

function between([low, high]: Span, [from, to]: Span, value: number): number {
  return high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from)
}

/** Multiples of 1, 2 or 5 times a power of ten, within the domain. */
function roundTicks([low, high]: Span, count: number): readonly number[] {
  if (!(high > low)) return [low]
  const rough = (high - low) / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)))
}

function decadeTicks([low, high]: Span): readonly number[] {
  const ticks: number[] = []
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent++) {
    ticks.push(...[1, 2, 5].map((factor) => Number((factor * 10 ** exponent).toPrecision(12))))
  }
  return ticks.filter((tick) => tick >= low && tick <= high)
}

function thinned(ticks: readonly number[], count: number): readonly number[] {
  const step = Math.ceil(ticks.length / Math.max(1, count))
  return ticks.filter((_, index) => index % step === 0)
}
