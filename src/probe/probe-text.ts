// The words for the operator probe, the same on the page and in the terminal.

import type { ProbeFormat, ProbeOperator, ProbeOutcome } from './probe-table'

export const OPERATOR_NAMES: Readonly<Record<ProbeOperator, string>> = {
  conv3x3: 'Conv 3×3',
  conv1x1: 'Conv 1×1',
  depthwise: 'Depthwise conv',
  matvec: 'MatMul, M = 1',
  matmul: 'MatMul, M = 128',
}

export const FORMAT_NAMES: Readonly<Record<ProbeFormat, string>> = {
  float32: 'float32',
  u8s8: 'U8S8',
  s8s8: 'S8S8',
  float16: 'float16',
  int4: '4-bit weights',
}

/** One cell of the table: time for float32, a ratio for the others, else what went wrong. */
export function outcomeText(outcome: ProbeOutcome): string {
  switch (outcome.kind) {
    case 'timed': {
      const { ratio, medianMs } = outcome
      if (!ratio) return `${medianMs.toPrecision(3)} ms`
      return `${ratio.value.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`
    }
    case 'wrong':
      return 'wrong answer'
    case 'refused':
      return 'not run'
    case 'not-timed':
      return 'right, not timed'
    default:
      return outcome satisfies never
  }
}

/** Why a cell has no time; undefined for one that has. */
export function faultText(outcome: ProbeOutcome): string | undefined {
  switch (outcome.kind) {
    case 'timed':
      return undefined
    case 'wrong':
      return outcome.detail
    case 'refused':
    case 'not-timed':
      return outcome.reason
    default:
      return outcome satisfies never
  }
}
