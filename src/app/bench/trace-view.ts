// A recorded comparison as what its charts draw: the run over time, the distribution of runs, the block ratios with the interval at
// each look. Made once after a race, from plain data; nothing here decides anything.

import { ecdf, type EcdfPoint } from '../../measure/ecdf'
import { hodgesLehmann } from '../../measure/hodges-lehmann'
import type { LatencyComparison, RunEvent, TracedSlot } from '../../measure/latency-comparison'
import { median } from '../../measure/quantiles'
import { MIN_BLOCKS, planSampling } from '../../measure/sampling-plan'
import { thinSeries } from './thin-series'

/** Drawn per variant at most; the warm-up has a third of them. */
const MAX_POINTS = 600

export interface TracePoint {
  /** Seconds since timing began; the warm-up lies before 0. */
  readonly atS: number
  readonly ms: number
  readonly isVoid: boolean
}

export interface TraceMark {
  readonly kind: RunEvent['kind'] | 'drift'
  readonly atS: number
}

export interface TraceView {
  /** Per variant: single warm-up runs, then slots. */
  readonly variants: readonly { readonly warmUp: readonly TracePoint[]; readonly slots: readonly TracePoint[] }[]
  readonly sentinel: readonly TracePoint[]
  readonly marks: readonly TraceMark[]
  readonly startS: number
  readonly endS: number
  /** Shortest and longest time drawn, ms, above 0. */
  readonly rangeMs: readonly [number, number]
}

export function traceView(comparison: LatencyComparison): TraceView {
  const { trace, sentinel, events, drift, samplingMs } = comparison
  const warmUps = placeWarmUps(comparison.variants.map(({ warmUpMs }) => warmUpMs))
  const variants = warmUps.map((warmUp, variant) => ({
    warmUp: thinSeries(warmUp, MAX_POINTS / 3, ({ ms }) => ms),
    slots: thinSeries(
      trace.filter((slot) => slot.variant === variant).map(pointOf),
      (2 * MAX_POINTS) / 3,
      ({ ms }) => ms,
    ),
  }))
  const drawn = variants.flatMap(({ warmUp, slots }) =>
    [...warmUp, ...slots].map(({ ms }) => ms).filter((ms) => ms > 0),
  )
  const marks: readonly TraceMark[] = [
    ...events.map(({ kind, atMs }) => ({ kind, atS: atMs / 1000 })),
    ...(drift ? [{ kind: 'drift' as const, atS: drift.atMs / 1000 }] : []),
  ]
  return {
    variants,
    sentinel: thinSeries(
      sentinel.map(({ atMs, ms }) => ({ atS: atMs / 1000, ms, isVoid: false })),
      MAX_POINTS,
      ({ ms }) => ms,
    ),
    marks,
    startS: Math.min(0, ...warmUps.flatMap(([first]) => (first ? [first.atS] : []))),
    endS: samplingMs / 1000,
    rangeMs: [Math.min(...drawn), Math.max(...drawn)],
  }
}

const pointOf = ({ atMs, valueMs, voided }: TracedSlot): TracePoint => ({
  atS: atMs / 1000,
  ms: valueMs,
  isVoid: voided !== null,
})

/** Variants warm up one after another, the last one up to the moment at which timing begins. */
function placeWarmUps(timesMs: readonly (readonly number[])[]): readonly (readonly TracePoint[])[] {
  let atMs = -timesMs.flat().reduce((sum, ms) => sum + ms, 0)
  return timesMs.map((times) =>
    times.map((ms) => {
      const point = { atS: atMs / 1000, ms, isVoid: false }
      atMs += ms
      return point
    }),
  )
}

export interface TraceRow {
  readonly fromS: number
  readonly toS: number
  /** Median of the slots of this stretch per variant, ms; NaN where there are none. */
  readonly medianMs: readonly number[]
  readonly sentinelMs: number
  readonly voidSlots: number
}

/** The trace as a table: `count` stretches of equal length. */
export function traceRows(
  { trace, variants, sentinel, samplingMs }: LatencyComparison,
  count = 10,
): readonly TraceRow[] {
  const widthMs = samplingMs / count
  return Array.from({ length: count }, (_, row) => {
    const isIn = ({ atMs }: { readonly atMs: number }): boolean =>
      Math.min(Math.floor(atMs / widthMs), count - 1) === row
    const slots = trace.filter(isIn)
    return {
      fromS: (row * widthMs) / 1000,
      toS: ((row + 1) * widthMs) / 1000,
      medianMs: variants.map((_, index) =>
        median(slots.filter(({ variant }) => variant === index).map(({ valueMs }) => valueMs)),
      ),
      sentinelMs: median(sentinel.filter(isIn).map(({ ms }) => ms)),
      voidSlots: slots.filter(({ voided }) => voided !== null).length,
    }
  })
}

export interface DistributionView {
  /** What one value is: an inference, or a slot of many where these were timed at once or only their median was kept. */
  readonly unit: 'run' | 'slot'
  readonly variants: readonly { readonly count: number; readonly points: readonly EcdfPoint[] }[]
}

/** Of what counts, before a drift where there was one: the same values that the medians are of. */
export function distributionView(comparison: LatencyComparison): DistributionView {
  const { trace, variants, figuresFrom, drift, mode } = comparison
  const isDescribed = ({ voided, block }: TracedSlot): boolean =>
    voided === null && (figuresFrom === 'all' || drift === null || block < drift.atBlock)
  const slots = trace.filter(isDescribed)
  const unit = mode === 'sustained' || variants.some(({ isBatched }) => isBatched) ? 'slot' : 'run'
  return {
    unit,
    variants: variants.map((_, variant) => {
      const own = slots.filter((slot) => slot.variant === variant)
      const values = own.flatMap(({ samplesMs, valueMs }) => (unit === 'run' ? samplesMs : [valueMs]))
      return { count: values.length, points: ecdf(values, MAX_POINTS) }
    }),
  }
}

interface Look {
  /** Blocks that it rests on. */
  readonly blocks: number
  readonly ratio: number
  readonly ci95: readonly [number, number] | null
}

export interface BlocksView {
  /** Ratio of each block of the pair, in order, thinned for drawing; `block` counts from 1. */
  readonly ratios: readonly { readonly block: number; readonly ratio: number }[]
  /** Looks that were taken; the last one decided. */
  readonly looks: readonly Look[]
  /** How many looks the plan had. */
  readonly plannedLooks: number
}

/** Undefined without a pair. */
export function blocksView({ pairs, plannedBlocks }: LatencyComparison): BlocksView | undefined {
  const [pair] = pairs
  if (!pair) return undefined
  const { blockDifferences, ratio, ci95, blocks } = pair
  // A plan with room for N blocks has its looks at the same places whatever a block lasts.
  const planned = plannedBlocks === null ? [] : planSampling(plannedBlocks, 1).looks
  const earlier = planned.filter((look) => look.blocks < blocks).map((look) => lookAt(blockDifferences, look))
  const ratios = blockDifferences.map((difference, index) => ({ block: index + 1, ratio: Math.exp(difference) }))
  return {
    ratios: thinSeries(ratios, MAX_POINTS, (point) => point.ratio),
    looks: [...earlier, { blocks, ratio, ci95 }],
    plannedLooks: Math.max(planned.length, 1),
  }
}

function lookAt(differences: readonly number[], { blocks, z }: { readonly blocks: number; readonly z: number }): Look {
  const { estimate, interval } = hodgesLehmann(differences.slice(0, blocks), z)
  const isEnough = interval !== null && blocks >= MIN_BLOCKS
  return {
    blocks,
    ratio: Math.exp(estimate),
    ci95: isEnough ? [Math.exp(interval[0]), Math.exp(interval[1])] : null,
  }
}
