// Why cells of the operator probe have no time: each reason once, with the cells that it is the reason of.

import type { ProbeRow } from '../../probe/probe-table'
import { faultText, FORMAT_NAMES, OPERATOR_NAMES } from '../../probe/probe-text'

export function probeFaults(
  rows: readonly ProbeRow[],
): readonly (readonly [fault: string, cells: readonly string[]])[] {
  const cells = new Map<string, string[]>()
  for (const { operator, format, outcome } of rows) {
    const fault = faultText(outcome)
    if (fault === undefined) continue
    const cell = `${OPERATOR_NAMES[operator]} in ${FORMAT_NAMES[format]}`
    cells.set(fault, [...(cells.get(fault) ?? []), cell])
  }
  return [...cells]
}
