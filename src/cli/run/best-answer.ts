// The answer of `lathe best`: the whole of it as plain data, and as text for a person.

import type { Advice, Candidate } from '../../advisor/advise'
import { bestHeadline, GOAL_TEXTS, lossSentence } from '../../advisor/best-text'
import type { Goal } from '../../advisor/goals'
import type { BestEntry, BestVerdict } from '../../advisor/judge-best'
import type { Workload } from '../../advisor/workload'
import type { StepReport } from '../../core/pass/run-recipe'
import type { Recipe } from '../../core/recipe/recipe'
import type { EnvironmentRecord } from '../../engines/environment-record'
import type { EngineCheck } from '../../measure/engine-check'
import type { Fidelity } from '../../measure/fidelity'
import type { ProbeTable } from '../../probe/probe-table'
import type { AnswerComparison } from '../compare-predictions'
import { formatBytes, formatMs, formatPercent, formatPoints, formatRatio } from '../format-number'
import { formatTable, type Column } from '../table'
import type { BenchRace } from './bench-race'
import type { BenchRatio, Timing } from './bench-result'
import { describeEnvironment } from './bench-text'
import { RACE_COLUMNS, RIGHT } from './timing-columns'

export interface BestCandidate extends Candidate {
  /** Null where it could not be built, like the next four. */
  readonly sizeBytes: number | null
  readonly sizeRatio: number | null
  readonly recipe: Recipe | null
  readonly recipeKey: string | null
  readonly notes: readonly StepReport[]
  /** Why it could not be built, opened or run. */
  readonly failure: string | null
  readonly kernelCheck: EngineCheck | null
  readonly fidelity: Pick<Fidelity, 'samples' | 'outputs' | 'topOneAgreement'> | null
  /** Null without real data. */
  readonly answers: AnswerComparison | null
  /** Null where nothing was timed. */
  readonly latency: BenchRatio | null
  readonly timing: Timing | null
}

export interface BestAnswer {
  readonly model: string
  readonly goal: Goal
  readonly engine: string
  readonly environment: EnvironmentRecord
  /** Undefined: synthetic inputs, and no recipe that needs real ones. */
  readonly data: { readonly evaluation: string | undefined; readonly calibration: string | undefined }
  /** That answers were compared on. */
  readonly samples: number
  readonly sizeBytes: number
  readonly probe: ProbeTable
  readonly workload: Workload
  readonly advice: Advice
  readonly originalCheck: EngineCheck
  readonly originalTiming: Timing | null
  readonly candidates: readonly BestCandidate[]
  readonly race: BenchRace | null
  /** Null where the engine gets the original wrong. */
  readonly verdict: BestVerdict | null
  /** The file that was written; null where none was. */
  readonly output: string | null
}

const COLUMNS: readonly Column[] = [
  { head: 'candidate' },
  { head: 'expected', ...RIGHT },
  ...RACE_COLUMNS,
  { head: 'points', ...RIGHT },
  { head: 'same class', ...RIGHT },
  { head: 'SQNR dB', ...RIGHT },
]

export function describeBest(answer: BestAnswer, entries: readonly BestEntry[]): string {
  const { model, goal, environment, data, samples, advice, candidates, verdict, originalCheck, output } = answer
  const inputs =
    data.evaluation === undefined
      ? 'Inputs are synthetic (seeded, not real data).'
      : `Answers on ${samples} samples of ${data.evaluation}.`
  const headline = verdict
    ? bestHeadline(verdict, entries)
    : `This engine gets the original wrong at output ${originalCheck.failing ?? '?'}: nothing was raced.`
  return [
    `${GOAL_TEXTS[goal].label}: ${model}`,
    `${describeEnvironment(environment)}\n${inputs} Ratios are variant ÷ original.`,
    advice.hypotheses.map(({ text }) => `hypothesis: ${text}`).join('\n'),
    formatTable(COLUMNS, [originalRow(answer), ...candidates.map(row)]),
    ...(verdict ? [describeLosers(verdict)] : []),
    advice.dropped.map(({ label, reason }) => `not raced: ${label}, because ${reason}`).join('\n'),
    headline,
    output === null ? '' : `Written to ${output}.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

const originalRow = ({ sizeBytes, originalTiming }: BestAnswer): string[] => [
  ...['original', '', formatBytes(sizeBytes), formatRatio(1)],
  originalTiming?.medianMs == null ? '–' : formatMs(originalTiming.medianMs),
]

function row({
  label,
  expectedRatio,
  sizeBytes,
  sizeRatio,
  timing,
  latency,
  answers,
  fidelity,
}: BestCandidate): string[] {
  const outputs = fidelity?.outputs ?? []
  const worst = Math.min(...outputs.map(({ sqnrDb, isIdentical }) => (isIdentical ? Infinity : (sqnrDb ?? NaN))))
  return [
    label,
    expectedRatio === null ? '?' : expectedRatio.toFixed(2),
    sizeBytes === null ? '–' : formatBytes(sizeBytes),
    sizeRatio === null ? '–' : formatRatio(sizeRatio),
    timing?.medianMs == null ? '–' : formatMs(timing.medianMs),
    latency?.ratio == null ? '–' : formatRatio(latency.ratio),
    latency?.ci95 ? latency.ci95.map(formatRatio).join('–') : '–',
    latency?.verdict ?? '–',
    answers?.accuracy ? formatPoints(answers.accuracy.difference) : '–',
    answers?.top1Agreement == null ? '–' : formatPercent(answers.top1Agreement),
    Number.isFinite(worst) ? worst.toFixed(1) : outputs.length > 0 && worst === Infinity ? 'identical' : '–',
  ]
}

function describeLosers({ standings }: BestVerdict): string {
  const labelOf = (name: string): string => standings.find((one) => one.name === name)?.label ?? name
  return standings
    .flatMap(({ label, place, reason }) => {
      if (!reason) return [`${label}: won.`]
      const rank = place === 'runner-up' ? ' (runner-up)' : ''
      return [`${label}${rank}: ${lossSentence(reason, labelOf)}`]
    })
    .join('\n')
}
