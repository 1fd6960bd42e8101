// How a race went, as plain data for the answer: warm-up, events, blocks that do not count, drift, sentinel, retention. Everything is in
// it but the samples, which go to a file (`bench-samples.ts`).

import type { LatencyJobResult, SessionPlan } from '../../../workers/host/protocol'
import type { LatencyComparison } from '../../measure/latency-comparison'
import { ascending, median, sortedQuantile } from '../../measure/quantiles'
import { countEvents, type EventCounts } from '../../measure/race-text'
import { traceWindows, type TraceWindow } from './trace-windows'

export interface BenchRace
  extends
    Pick<
      LatencyComparison,
      | 'mode'
      | 'margin'
      | 'budgetMs'
      | 'samplingMs'
      | 'timerStepMs'
      | 'plannedBlocks'
      | 'voidedBlocks'
      | 'restarts'
      | 'drift'
      | 'figuresFrom'
      | 'retention'
    >,
    Pick<LatencyJobResult, 'residency'> {
  readonly engine: string
  /** Null where every contender has a process or worker of its own. */
  readonly sessions: SessionPlan | null
  /** In the order of the race: those with wrong answers are not in it. Names of engines where these race. */
  readonly files: readonly string[]
  readonly warmUp: {
    readonly rule: LatencyComparison['warmUp']
    readonly totalMs: number
    readonly variants: readonly WarmUpFacts[]
  }
  /** How often each was seen. Nothing is discarded for stalls and garbage collections. */
  readonly events: EventCounts
  /** Null without a reading. */
  readonly sentinel: SentinelFacts | null
  /** Sustained mode only. */
  readonly trace: readonly TraceWindow[] | null
}

interface WarmUpFacts {
  readonly file: string
  readonly runs: number
  /** The first run after the one that is timed as such, and the median of the second half. */
  readonly firstMs: number | null
  readonly settledMs: number | null
}

interface SentinelFacts {
  readonly readings: number
  readonly medianMs: number
  readonly q1Ms: number
  readonly q3Ms: number
}

type RaceFacts = Pick<LatencyJobResult, 'comparison' | 'residency'> & Pick<BenchRace, 'engine' | 'files' | 'sessions'>

export function describeRace({ engine, files, comparison, residency, sessions }: RaceFacts): BenchRace {
  const { mode, margin, budgetMs, samplingMs, timerStepMs, plannedBlocks, voidedBlocks } = comparison
  const { restarts, drift, figuresFrom, retention } = comparison
  return {
    ...{ engine, files, mode, residency, sessions, margin, budgetMs, samplingMs, timerStepMs, plannedBlocks },
    ...{ voidedBlocks, restarts, drift, figuresFrom, retention },
    warmUp: {
      rule: comparison.warmUp,
      totalMs: comparison.warmUpMs,
      variants: comparison.variants.map(({ warmUpMs }, index) => ({
        file: files[index] ?? '',
        runs: warmUpMs.length,
        firstMs: warmUpMs[0] ?? null,
        settledMs: warmUpMs.length > 0 ? median(warmUpMs.slice(Math.floor(warmUpMs.length / 2))) : null,
      })),
    },
    events: countEvents(comparison.events),
    sentinel: describeSentinel(comparison),
    trace: mode === 'sustained' ? traceWindows(comparison) : null,
  }
}

function describeSentinel({ sentinel }: LatencyComparison): SentinelFacts | null {
  if (sentinel.length === 0) return null
  const values = ascending(sentinel.map(({ ms }) => ms))
  return {
    readings: values.length,
    medianMs: sortedQuantile(values, 0.5),
    q1Ms: sortedQuantile(values, 0.25),
    q3Ms: sortedQuantile(values, 0.75),
  }
}
