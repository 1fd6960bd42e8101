// Every slot of a race as CSV (RFC 4180), for a spreadsheet or a notebook: void ones too, with the reason.

import type { TracedSlot } from '../../measure/latency-comparison'

const COLUMNS = ['at_ms', 'block', 'variant', 'value_ms', 'switch_ms', 'voided', 'samples_ms'] as const

/** `labels` by variant. `samples_ms` holds the single runs, separated by spaces. */
export function slotsCsv(trace: readonly TracedSlot[], labels: readonly string[]): string {
  const lines = trace.map(({ atMs, block, variant, valueMs, switchMs, samplesMs, voided }) =>
    [
      atMs,
      block,
      quoted(labels[variant] ?? String(variant)),
      valueMs,
      switchMs,
      voided ?? '',
      samplesMs.join(' '),
    ].join(','),
  )
  return [COLUMNS.join(','), ...lines, ''].join('\r\n')
}

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
