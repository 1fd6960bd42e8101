// The words of “best for this device”, the same on the page and in the terminal: why a recipe is tried, why it is not, why it won or lost.
// Every figure is handed in; nothing is judged here.

import { faultText, FORMAT_NAMES, OPERATOR_NAMES } from '../probe/probe-text'
import type { ProbeInterval, ProbeOutcome } from '../probe/probe-table'
import type { Fault } from './expectation'
import type { Goal } from './goals'
import type { BestEntry, BestVerdict, LossReason } from './judge-best'

export const GOAL_TEXTS: Readonly<Record<Goal, { readonly label: string; readonly summary: string }>> = {
  speed: {
    label: 'Best for this device',
    summary: 'Races what is promising here and takes the fastest whose answers hold, or keeps the original.',
  },
  size: {
    label: 'Smallest download',
    summary: 'The smallest file whose answers hold and which is not slower here.',
  },
  exact: {
    label: 'Safest',
    summary: 'About half the size or less, with the answers nearest to the original’s.',
  },
}

export const planWhy = {
  static: ({
    activationType,
    depthwise,
    leavesVectors,
  }: {
    readonly activationType: string
    readonly depthwise: boolean
    readonly leavesVectors: boolean
  }): string => {
    const kept = [...(depthwise ? [] : ['depthwise convolutions']), ...(leavesVectors ? ['products of one row'] : [])]
    const rest = kept.length > 0 ? `; ${kept.join(' and ')} stay in float` : ''
    return `Convolutions and products in integers, ${activationType} activations${rest}.`
  },
  integer:
    'Integer convolutions with float results between them: each layer rounds its input only, with ranges that samples fixed.',
  dynamic: 'Integers without any data: ranges are measured while the model runs.',
  byteWeights: 'A quarter of the size; weights become float again when the file is opened, so the speed should stay.',
  fourBitBlocks: 'An eighth of the matrices’ size, computed with directly where the engine can.',
  fourBitStored: 'An eighth of the matrices’ size; all weights become float again when the file is opened.',
  byteBlocks: 'A scale for every 32 weights of a matrix, float again when the file is opened.',
  float16: 'Half the size, computed in 16-bit floats.',
  float16Stored: 'Half the size; weights are rounded once and become float32 again when the file is opened.',
} as const

export const dropReason = {
  samples: 'needs real samples to measure ranges on',
  fault: ({ operator, format, kind }: Fault, outcome: ProbeOutcome | undefined): string => {
    const what = `${OPERATOR_NAMES[operator]} in ${FORMAT_NAMES[format]}`
    const detail = outcome && faultText(outcome)
    return `this engine ${kind === 'wrong' ? 'gets' : 'does not run'} ${what}${kind === 'wrong' ? ' wrong' : ''}${detail ? `: ${detail}` : ''}`
  },
  notFaster: (ratio: number | null): string =>
    ratio === null ? 'the probe did not find it faster here' : `expected at ${times(ratio)} of the time`,
  slower: (ratio: number): string => `expected to be slower here, ${times(ratio)}`,
  many: 'four others promise more',
} as const

export const hypothesisText = {
  depthwise: (ratio: ProbeInterval): string =>
    `Depthwise convolutions in integers are probably slower here (probe: ${times(ratio.value)}).`,
  activations: (signed: ProbeInterval, unsigned: ProbeInterval): string => {
    const figures = `(probe: ${times(signed.value)}, uint8 ${times(unsigned.value)})`
    if (signed.value < unsigned.value)
      return `int8 activations are probably faster than uint8 on this engine ${figures}.`
    return signed.high < 1
      ? `int8 activations probably gain less than uint8 on this engine ${figures}.`
      : `int8 activations probably gain nothing on this engine ${figures}.`
  },
  fourBits: (ratio: ProbeInterval): string =>
    `4-bit weights (MatMulNBits) are probably slower than float for M = 1 here (probe: ${times(ratio.value)}).`,
  integersOnCpu:
    'This engine has no QuantizeLinear on the GPU: integer activations probably go through the CPU and back.',
  float16: (ratio: ProbeInterval): string =>
    `Computing in float16 is probably slower here (probe: ${times(ratio.value)}).`,
} as const

/** Why a candidate did not win, as a sentence about it. `labelOf` names others. */
export function lossSentence(reason: LossReason, labelOf: (name: string) => string): string {
  switch (reason.kind) {
    case 'failed':
      return `Not raced: ${reason.message}`
    case 'wrong-answers':
      return `This engine gives wrong answers${reason.output === null ? '' : ` at output ${reason.output}`}.`
    case 'less-accurate':
      return `Accuracy ${points(reason.difference)} points (${reason.ci95.map(points).join('…')}): more than one point may be lost.`
    case 'other-classes':
      return `Only ${percent(reason.agreement)} of ${reason.n} samples keep their class.`
    case 'inexact':
      return reason.sqnrDb === null
        ? 'Its answers could not be compared.'
        : `Its answers are off by more than a tenth (${reason.sqnrDb.toFixed(1)} dB).`
    case 'not-timed':
      return 'Not timed here, so nothing can be said of its speed.'
    case 'slower':
      return `Slower than the original, ${times(reason.ratio)}.`
    case 'same':
      return `The same speed as the original, ${times(reason.ratio)}.`
    case 'undecided':
      return `No difference from the original could be claimed, ${times(reason.ratio)}: measure longer.`
    case 'behind':
      return `Faster than the original, ${times(reason.ratio)}, but behind ${labelOf(reason.winner)}.`
    case 'larger':
      return `A larger file than ${labelOf(reason.winner)}.`
    case 'as-fast-larger':
      return `As fast as ${labelOf(reason.winner)} as far as this race can tell, and a larger file.`
    case 'as-fast':
      return `As fast as ${labelOf(reason.winner)} as far as this race can tell, and about as large.`
    case 'not-smaller':
      return `Its file is ${reason.sizeRatio.toFixed(2)} of the original’s; ${reason.limit.toFixed(2)} is the most.`
    case 'less-exact':
      return `Less exact than ${labelOf(reason.winner)}.`
    default:
      return reason satisfies never
  }
}

/** One or two sentences: the answer. */
export function bestHeadline(
  { goal, winner, runnersUp, standings }: BestVerdict,
  entries: readonly BestEntry[],
): string {
  const find = (name: string | null | undefined): BestEntry | undefined => entries.find((entry) => entry.name === name)
  const won = find(winner)
  if (won) {
    const speed = won.latency ? `, ${speedText(won.latency)}` : ''
    return `${won.label}: ${sizeText(won)}${speed}.`
  }
  const also = find(runnersUp[0])
  const aside = also ? ` At the same speed, ${also.label} is ${sizeText(also)}.` : ''
  const undecided = standings.filter(({ reason }) => reason?.kind === 'undecided').length
  if (undecided > 0) {
    const what = undecided === 1 ? 'one candidate is' : `${undecided} candidates are`
    return `Keep the original for now: ${what} undecided in this time, measure longer.${aside}`
  }
  const what = goal === 'speed' ? 'is faster and keeps its answers' : 'is smaller and keeps its speed and answers'
  return `Keep the original: nothing raced here ${what}.${aside}`
}

const sizeText = ({ sizeRatio }: Pick<BestEntry, 'sizeRatio'>): string =>
  sizeRatio === null ? 'of unknown size' : `${percent(sizeRatio)} of the size`

function speedText({ ratio, ci95, verdict }: NonNullable<BestEntry['latency']>): string {
  const interval = ci95 ? ` (95 % CI ${ci95.map((end) => end.toFixed(3)).join('–')})` : ''
  return `${SPEED_WORDS[verdict]} at ${ratio.toFixed(3)} of the time${interval}`
}

const SPEED_WORDS = {
  faster: 'faster',
  slower: 'slower',
  same: 'the same speed',
  undecided: 'speed undecided',
} as const

const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`
const percent = (fraction: number): string => `${(100 * fraction).toFixed(fraction < 0.1 ? 1 : 0)} %`
const points = (fraction: number): string => {
  const text = Math.abs(100 * fraction).toFixed(1)
  if (Number(text) === 0) return text
  return `${fraction < 0 ? '−' : '+'}${text}`
}
