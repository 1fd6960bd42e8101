// The verdict in words: a headline of at most nine, and a second line a person would say. For the page, which says “N× faster”; files
// and the command line give the ratio instead. It only phrases what was measured and decides nothing.

import type { PairedAccuracy } from './accuracy-comparison'
import type { ClusteredAgreement } from './clustered-agreement'
import type { EngineCheck, OutputCheck } from './engine-check'
import { describeFaultSite, type FaultSite } from './fault-site'
import type { LatencyVerdict, PairDecision } from './pair-test'

export interface VerdictFacts {
  /** Bytes of the variant ÷ bytes of the original. */
  readonly sizeRatio: number
  /** Absent when nothing was timed. */
  readonly speed?: Pick<PairDecision, 'ratio' | 'ci95' | 'verdict'>
  /** Half-width of “the same”, as a fraction. */
  readonly margin: number
  readonly accuracy?: Pick<PairedAccuracy, 'difference' | 'ci95' | 'n'>
  /** Where there are no labels: how often the variant gives the original's first answer. */
  readonly agreement?: Pick<ClusteredAgreement, 'agreement' | 'ci95' | 'n'>
  /** The failed engine check of the variant, with the engine's name for people, such as `WebGPU`. */
  readonly wrong?: Wrong
  /** The GPU is emulated in software: its speed is neither ranked nor shown. */
  readonly isSoftwareGpu: boolean
  /** The models ran on made-up inputs. */
  readonly isSynthetic: boolean
}

interface Wrong {
  readonly engine: string
  readonly check: EngineCheck
  /** Where the answers start to differ, once that was looked for. */
  readonly site?: FaultSite | undefined
}

export interface VerdictText {
  /** What is said, for colour and icon; `not-timed` where speed is not part of it. */
  readonly kind: LatencyVerdict | 'wrong' | 'not-timed'
  /** At most nine words. */
  readonly headline: string
  readonly detail: string
}

export function verdictText(facts: VerdictFacts): VerdictText {
  if (facts.wrong) return wrongText(facts.wrong)
  const speed = facts.isSoftwareGpu ? undefined : facts.speed
  const kind = speed?.verdict ?? 'not-timed'
  const headline = speed ? `${speedHeadline(speed)} ${sizeHeadline(facts.sizeRatio)}` : sizeHeadline(facts.sizeRatio)
  const sentences = [
    speed ? sizeAndSpeed(facts.sizeRatio, speed, facts.margin) : `${capital(sizePhrase(facts.sizeRatio))}.`,
    facts.accuracy && accuracySentence(facts.accuracy),
    facts.agreement && agreementSentence(facts.agreement),
    facts.isSoftwareGpu && 'Speed is not shown: this GPU is emulated in software.',
    speed && facts.isSynthetic && 'Timed on synthetic inputs.',
  ]
  return { kind, headline, detail: sentences.filter(Boolean).join(' ') }
}

function wrongText({ engine, check, site }: Wrong): VerdictText {
  const output = check.outputs.find(({ ok }) => !ok)
  const sentences = [
    site && `${capital(describeFaultSite(site))}.`,
    output && `${whatIsWrong(output)}.`,
    'Speed is not shown.',
  ]
  return {
    kind: 'wrong',
    headline: `Gives different answers on ${engine}.`,
    detail: sentences.filter(Boolean).join(' '),
  }
}

function whatIsWrong({ name, reason, maxAbs, tolerance, worst }: OutputCheck): string {
  const output = `Output \`${name}\``
  const place = worst ? ` at [${worst.position.join(', ')}]` : ''
  switch (reason) {
    case 'not-finite':
      return `${output} is ${worst?.candidate ?? 'not a number'}${place}, the reference is ${worst?.reference ?? 'a number'}`
    case 'shape':
      return `${output} has another shape`
    case 'missing':
      return `${output} is missing`
    case 'different':
    case null:
      return `${output} is off by ${significant(maxAbs ?? NaN)}${place}, allowed is ${significant(tolerance)}`
    default:
      return reason satisfies never
  }
}

type Speed = Pick<PairDecision, 'ratio' | 'ci95' | 'verdict'>

function speedHeadline({ ratio, verdict }: Speed): string {
  switch (verdict) {
    case 'faster':
      return isAbout(1 / ratio, 2) ? 'About twice as fast.' : `${capital(fasterPhrase(1 / ratio))}.`
    case 'slower':
      return isAbout(ratio, 2) ? 'About half as fast.' : `${capital(slowerPhrase(ratio))}.`
    case 'same':
      return 'The same speed.'
    case 'undecided':
      return 'Speed undecided.'
    default:
      return verdict satisfies never
  }
}

const isAbout = (value: number, target: number): boolean => Math.abs(value / target - 1) <= 0.1

/** Ratios with a name of their own. */
const SIZES = [
  [1 / 8, 'An eighth of the size.'],
  [1 / 4, 'A quarter of the size.'],
  [1 / 3, 'A third of the size.'],
  [1 / 2, 'Half the size.'],
  [3 / 4, 'Three quarters of the size.'],
] as const
/** Sizes closer than this are called the same. */
const SAME_SIZE = 0.01

function sizeHeadline(ratio: number): string {
  const named = SIZES.find(([size]) => Math.abs(ratio / size - 1) <= 0.08)
  return named ? named[1] : `${capital(sizePhrase(ratio))}.`
}

function sizePhrase(ratio: number): string {
  if (Math.abs(ratio - 1) < SAME_SIZE) return 'the same size'
  return ratio < 1 ? `${amount(1 / ratio)} smaller` : `${amount(ratio)} larger`
}

const fasterPhrase = (factor: number): string => `${amount(factor)} faster`
const slowerPhrase = (factor: number): string => `${amount(factor)} slower`

/** Small factors read better as percent: “1.9×”, “6 %”. */
const SMALL_FACTOR = 1.1
const amount = (factor: number): string =>
  factor < SMALL_FACTOR ? `${percent(factor - 1)} %` : `${factor.toFixed(factorDigits(factor))}×`
const factorDigits = (factor: number): number => (factor < 10 ? 1 : 0)
const percent = (fraction: number): string => (fraction * 100).toFixed(Math.abs(fraction) < 0.1 ? 1 : 0)

function sizeAndSpeed(sizeRatio: number, speed: Speed, margin: number): string {
  const size = capital(sizePhrase(sizeRatio))
  const { ratio, ci95, verdict } = speed
  switch (verdict) {
    case 'faster':
      return `${size} and ${fasterPhrase(1 / ratio)} here${ci95 ? interval(1 / ratio, [1 / ci95[1], 1 / ci95[0]]) : ''}.`
    case 'slower':
      return `${size} and ${slowerPhrase(ratio)} here${ci95 ? interval(ratio, ci95) : ''}.`
    case 'same':
      return `${size} and the same speed here, within ${(margin * 100).toFixed(0)} %${ci95 ? changeInterval(ci95) : ''}.`
    case 'undecided':
      return `${size}. ${undecidedSentence(ci95)}`
    default:
      return verdict satisfies never
  }
}

function undecidedSentence(ci95: Speed['ci95']): string {
  if (!ci95) return 'Too few measurements to tell a speed: measure longer.'
  const [slowest, fastest] = [ci95[1], ci95[0]]
  return `Speed is between ${change(1 / slowest)} and ${change(1 / fastest)} (95 % CI): measure longer.`
}

const change = (factor: number): string => {
  if (Math.abs(factor - 1) < 0.0005) return 'the same'
  return factor < 1 ? slowerPhrase(1 / factor) : fasterPhrase(factor)
}

/** In the unit of the factor it belongs to; one digit more where both ends would read the same. */
function interval(factor: number, [low, high]: readonly [number, number]): string {
  if (factor < SMALL_FACTOR) return ` (95 % CI ${percent(low - 1)}–${percent(high - 1)} %)`
  const digits = factorDigits(factor)
  const more = low.toFixed(digits) === high.toFixed(digits) ? digits + 1 : digits
  return ` (95 % CI ${low.toFixed(more)}–${high.toFixed(more)})`
}

const changeInterval = ([low, high]: readonly [number, number]): string =>
  ` (95 % CI ${signed((1 / high - 1) * 100, 1)}…${signed((1 / low - 1) * 100, 1)} %)`

function accuracySentence({
  difference,
  ci95: [low, high],
  n,
}: Pick<PairedAccuracy, 'difference' | 'ci95' | 'n'>): string {
  const points = (fraction: number): string => signed(fraction * 100, 1)
  return `Accuracy ${points(difference)} points (${points(low)}…${points(high)}, n = ${grouped(n)}).`
}

const agreementSentence = ({ agreement, ci95: [low, high], n }: NonNullable<VerdictFacts['agreement']>): string =>
  `The same first answer on ${percent(agreement)} % (${percent(low)}–${percent(high)}, n = ${grouped(n)}).`

/** With a true minus sign; nothing before zero. */
function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits)
  if (Number(text) === 0) return text
  return `${value < 0 ? '−' : '+'}${text}`
}

const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')
const significant = (value: number): string => String(Number(value.toPrecision(2)))
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
