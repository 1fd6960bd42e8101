// The trace of a sustained run in a dozen equal windows: how fast each variant and the sentinel were while the device became warm.

import type { LatencyComparison } from '../../measure/latency-comparison'
import { median } from '../../measure/quantiles'

const WINDOWS = 12

export interface TraceWindow {
  /** Since sampling began. */
  readonly fromMs: number
  readonly toMs: number
  /** Median slot per variant, ms; null where no slot began in the window. */
  readonly medianMs: readonly (number | null)[]
  readonly sentinelMs: number | null
}

/** Slots that do not count are left out. */
export function traceWindows({
  trace,
  sentinel,
  samplingMs,
  variants,
}: Pick<LatencyComparison, 'trace' | 'sentinel' | 'samplingMs' | 'variants'>): readonly TraceWindow[] {
  return Array.from({ length: WINDOWS }, (_, window) => {
    const [fromMs, toMs] = [(window / WINDOWS) * samplingMs, ((window + 1) / WINDOWS) * samplingMs]
    const isIn = ({ atMs }: { readonly atMs: number }): boolean => atMs >= fromMs && atMs < toMs
    const slots = trace.filter((slot) => slot.voided === null && isIn(slot))
    return {
      fromMs,
      toMs,
      medianMs: variants.map((_, index) =>
        medianOrNull(slots.flatMap(({ variant, valueMs }) => (variant === index ? [valueMs] : []))),
      ),
      sentinelMs: medianOrNull(sentinel.filter(isIn).map(({ ms }) => ms)),
    }
  })
}

const medianOrNull = (values: readonly number[]): number | null => (values.length > 0 ? median(values) : null)
