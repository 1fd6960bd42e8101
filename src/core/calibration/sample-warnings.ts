// Whether the samples can be trusted to show what the network will see: enough of them, and like each other.

import type { Note } from '../pass/technique'
import type { Range } from './ranges'

/** The range of a value over all samples, and over those at even and at odd positions, where there are any. */
export interface HalvedRange {
  readonly value: string
  readonly range: Range
  readonly even: Range | undefined
  readonly odd: Range | undefined
}

/**
 * Of n samples and one more, each is the largest with probability 1 / (n + 1): with 32 samples, 3 % of new inputs go beyond a given bound
 * and are clipped.
 */
const FEW_SAMPLES = 32

/** Share of the range. A range too wide by a quarter costs 20 log10(1.25) = 1.9 dB, a third of a bit; one too narrow clips. */
const UNLIKE_SHARE = 0.25

const NAMED_VALUES = 3

/** `sampleCount`: how many samples were used. */
export function sampleWarnings(values: readonly HalvedRange[], sampleCount: number): readonly Note[] {
  const notes: Note[] = []
  if (sampleCount < FEW_SAMPLES) {
    const text = `Ranges come from ${sampleCount} samples only: each bound is passed by about one new input in ${sampleCount + 1}. Take ${FEW_SAMPLES} or more.`
    notes.push({ kind: 'warning', text })
  }
  const unlike = values
    .map(({ value, ...ranges }) => ({ value, ...ranges, share: halvesDiffer(ranges) }))
    .filter(({ share }) => share > UNLIKE_SHARE)
    .toSorted((a, b) => b.share - a.share)
  if (unlike.length > 0) notes.push(unlikeNote(unlike, values.length))
  return notes
}

/** By what share of its range a bound differs between the halves. */
function halvesDiffer({ range: [min, max], even, odd }: Omit<HalvedRange, 'value'>): number {
  if (!even || !odd || min === max) return 0
  return Math.max(Math.abs(even[0] - odd[0]), Math.abs(even[1] - odd[1])) / (max - min)
}

function unlikeNote(unlike: readonly (HalvedRange & { readonly share: number })[], valueCount: number): Note {
  const worst = unlike
    .slice(0, NAMED_VALUES)
    .map(({ value, even, odd }) => `"${value}" (${format(even)} and ${format(odd)})`)
  const text =
    `The ranges of ${unlike.length} of ${valueCount} tensors depend on which samples are taken: between two halves of them a bound moves by ` +
    `more than ${UNLIKE_SHARE * 100} % of the range, most for ${worst.join(', ')}. More samples, or a percentile, are steadier.`
  return { kind: 'warning', text }
}

const format = (range: Range | undefined): string => (range ? `${number(range[0])} … ${number(range[1])}` : '?')
const number = (value: number): string => String(Number(value.toPrecision(3)))
