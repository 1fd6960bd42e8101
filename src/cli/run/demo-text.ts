// The answer of `lathe demo` for a person: one table a model.

import type { AnswerComparison } from '../compare-predictions'
import { formatBytes, formatMs, formatPercent, formatPoints, formatRatio } from '../format-number'
import { formatTable, type Column } from '../table'
import { describeEnvironment } from './bench-text'
import { RACE_COLUMNS, RIGHT } from './timing-columns'
import type { DemoModel, DemoVariant } from './demo'

const COLUMNS: readonly Column[] = [
  { head: 'variant' },
  ...RACE_COLUMNS,
  { head: 'accuracy', ...RIGHT },
  { head: 'points', ...RIGHT },
  { head: '95 % CI', ...RIGHT },
  { head: 'same class', ...RIGHT },
  { head: 'SQNR dB', ...RIGHT },
]

export function describeDemo(models: readonly DemoModel[]): string {
  const [first] = models
  return [
    ...(first ? [`${describeEnvironment(first.environment)}\nRatios are variant ÷ original.`] : []),
    ...models.map(describeModel),
  ].join('\n\n')
}

function describeModel({ title, data, samples, variants }: DemoModel): string {
  const accuracyOfOriginal = variants[1]?.answers?.accuracy?.a
  return [
    `${title}, ${samples} samples of ${data}`,
    formatTable(
      COLUMNS,
      variants.map((variant) => row(variant, accuracyOfOriginal)),
    ),
  ].join('\n')
}

function row({ name, sizeBytes, sizeRatio, timing, latency, answers }: DemoVariant, original?: number): string[] {
  const accuracy = answers?.accuracy
  const right = accuracy?.b ?? (answers ? undefined : original)
  return [
    name,
    formatBytes(sizeBytes),
    formatRatio(sizeRatio),
    timing.medianMs === null ? '–' : formatMs(timing.medianMs),
    latency?.ratio == null ? '–' : formatRatio(latency.ratio),
    latency?.ci95 ? latency.ci95.map(formatRatio).join('–') : '–',
    latency?.verdict ?? '–',
    right === undefined ? '–' : formatPercent(right),
    accuracy ? formatPoints(accuracy.difference) : '–',
    accuracy ? accuracy.ci95.map((end) => formatPoints(end)).join('…') : '–',
    answers ? agreementCell(answers) : '–',
    timing.fidelity?.outputs[0]?.sqnrDb?.toFixed(1) ?? '–',
  ]
}

/** With an interval where the samples come in groups; independent samples have their accuracy to judge by. */
function agreementCell({ top1Agreement, agreement }: AnswerComparison): string {
  if (top1Agreement === null) return '–'
  const interval = agreement ? ` (${agreement.ci95.map((end) => formatPercent(end, 0)).join('–')})` : ''
  return formatPercent(top1Agreement) + interval
}
