// What happened during a race, for a person at a terminal: how it was timed, drift, events, blocks that do not count, the trace of a
// sustained run.

import {
  driftSentence,
  eventsSentence,
  retentionSentence,
  sessionsSentence,
  voidSentence,
} from '../../measure/race-text'
import { formatBytes, formatMs } from '../format-number'
import { formatTable } from '../table'
import type { BenchRace } from './bench-race'

export function describeEvents(race: BenchRace): string {
  const { engine, residency, sessions, drift, figuresFrom, events, voidedBlocks, retention, files } = race
  const sentences = [
    residency === 'gpu' &&
      'Timed with inputs and outputs staying on the GPU: not to be compared with times from CPU to CPU.',
    sessions && sessionsSentence(sessions, formatBytes),
    drift && driftSentence(drift, figuresFrom),
    // Engines in workers of their own have no session plan, and nobody watches their memory.
    eventsSentence(events, sessions !== null),
    voidSentence(voidedBlocks),
    retention && retentionSentence(retention, files),
  ].filter((sentence) => typeof sentence === 'string')
  return [`On ${engine}: ${sentences.join(' ')}`, ...(race.trace ? [traceTable(race, race.trace)] : [])].join('\n\n')
}

function traceTable({ files }: BenchRace, trace: NonNullable<BenchRace['trace']>): string {
  const heads = [...files, 'sentinel'].map((head) => ({ head, align: 'right' }) as const)
  const cell = (ms: number | null): string => (ms === null ? '–' : formatMs(ms))
  return formatTable(
    [{ head: 'seconds' }, ...heads],
    trace.map(({ fromMs, toMs, medianMs, sentinelMs }) => [
      `${Math.round(fromMs / 1000)}–${Math.round(toMs / 1000)}`,
      ...[...medianMs, sentinelMs].map(cell),
    ]),
  )
}
