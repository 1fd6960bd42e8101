// From the times of a probe's rounds to a ratio with its interval. In each round every model is visited once, so what disturbs the device for a while
// disturbs all of them, and ratios are taken within rounds.

import { hodgesLehmann } from '../measure/hodges-lehmann'
import type { ProbeInterval } from './probe-table'

/** Of the standard normal distribution, for two-sided 95 %. */
const Z = 1.959963984540054

/** `times`, `reference`: ms for one inference, by round. Undefined with too few rounds for an interval (under 6). */
export function ratioOfRounds(times: readonly number[], reference: readonly number[]): ProbeInterval | undefined {
  const logs = times.map((time, round) => Math.log(time / (reference[round] ?? NaN)))
  const { estimate, interval } = hodgesLehmann(logs, Z)
  if (!interval) return undefined
  return { value: Math.exp(estimate), low: Math.exp(interval[0]), high: Math.exp(interval[1]) }
}
