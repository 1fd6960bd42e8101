// What the operator probe lets us expect of a recipe: the share of time of each class of operators, times the ratio of that class in the
// format it would be in. Memory traffic and everything without products is left out, so it is a hypothesis that orders candidates.

import { probeMacs } from '../probe/probe-models'
import {
  PROBE_OPERATORS,
  type ProbeFormat,
  type ProbeInterval,
  type ProbeOperator,
  type ProbeOutcome,
  type ProbeTable,
} from '../probe/probe-table'
import { hasLayers, WORKLOAD_CLASSES, type Workload, type WorkloadClass } from './workload'

/** What becomes of each class; one that is not named stays in float32. */
export type Formats = Readonly<Partial<Record<ProbeOperator, ProbeFormat>>>

export interface Fault {
  readonly operator: ProbeOperator
  readonly format: ProbeFormat
  readonly kind: 'wrong' | 'refused'
}

/** A larger part of the time in operators whose time nothing is known of leaves no expectation. */
const MOST_UNKNOWN = 0.5

export const outcomeOf = (
  table: ProbeTable | undefined,
  operator: ProbeOperator,
  format: ProbeFormat,
): ProbeOutcome | undefined => table?.rows.find((row) => row.operator === operator && row.format === format)?.outcome

/** Time ÷ that of float32; undefined where it was not timed. */
export function probedRatio(
  table: ProbeTable | undefined,
  operator: ProbeOperator,
  format: ProbeFormat,
): ProbeInterval | undefined {
  const outcome = outcomeOf(table, operator, format)
  return outcome?.kind === 'timed' ? outcome.ratio : undefined
}

/**
 * Fractions of the time of one inference in float32, adding up to 1: multiply-accumulates times what one takes in the probe; those of
 * other operators count like a matrix product's. Fractions of the multiply-accumulates where the probe has no times.
 */
export function workShares(
  { macs }: Pick<Workload, 'macs'>,
  table: ProbeTable | undefined,
): Readonly<Record<WorkloadClass, number>> {
  const times = table && timesOf(macs, table)
  const work = times ?? macs
  const total = WORKLOAD_CLASSES.reduce((sum, kind) => sum + work[kind], 0)
  const shares = { ...macs }
  for (const kind of WORKLOAD_CLASSES) shares[kind] = total > 0 ? work[kind] / total : 0
  return shares
}

/** Undefined as soon as one class that the model has was not timed in float32. */
function timesOf(macs: Workload['macs'], table: ProbeTable): Record<WorkloadClass, number> | undefined {
  const times: Record<WorkloadClass, number> = { ...macs }
  for (const kind of WORKLOAD_CLASSES) {
    if (macs[kind] === 0) continue
    const operator = kind === 'other' ? 'matmul' : kind
    const float = outcomeOf(table, operator, 'float32')
    if (float?.kind !== 'timed') return undefined
    times[kind] = macs[kind] * (float.medianMs / probeMacs(operator))
  }
  return times
}

/** Null where the probe does not tell; 1 where every class stays as it is. */
export function expectedRatio(workload: Workload, table: ProbeTable | undefined, formats: Formats): number | null {
  const changed = PROBE_OPERATORS.filter((operator) => formats[operator] && hasLayers(workload, operator))
  if (changed.length === 0) return 1
  if (!workload.isComplete || !table || !timesOf(workload.macs, table)) return null
  const shares = workShares(workload, table)
  if (shares.other > MOST_UNKNOWN) return null
  let ratio = 1
  for (const operator of changed) {
    const probed = probedRatio(table, operator, formats[operator] ?? 'float32')
    if (!probed) return null
    ratio += shares[operator] * (probed.value - 1)
  }
  return ratio
}

/** The first class that the model has and that the engine does not run, or runs wrong, in its format. */
export function faultOf(workload: Workload, table: ProbeTable | undefined, formats: Formats): Fault | undefined {
  for (const operator of PROBE_OPERATORS) {
    const format = formats[operator]
    if (!format || !hasLayers(workload, operator)) continue
    const kind = outcomeOf(table, operator, format)?.kind
    if (kind === 'wrong' || kind === 'refused') return { operator, format, kind }
  }
  return undefined
}
