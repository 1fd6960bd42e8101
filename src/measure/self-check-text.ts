// The outcome of a self-check in words, for the page and the terminal: a headline, then what it means, what was seen, and how little
// a few races can show. It decides nothing.

import type { SelfCheck } from './self-check'

export interface SelfCheckText {
  readonly kind: 'good' | 'widened' | 'bad'
  readonly headline: string
  /** Sentences, the most important one first. */
  readonly sentences: readonly string[]
}

export function selfCheckText(check: SelfCheck): SelfCheckText {
  const sentences = [
    outcomeSentence(check),
    sensitivitySentence(check),
    coverageSentence(check),
    equalSentence(check),
    knownSentence(check),
  ].filter((sentence) => sentence !== null)
  return { kind: kindOf(check), headline: headlineOf(check), sentences }
}

function kindOf({ ok, outcome }: SelfCheck): SelfCheckText['kind'] {
  if (ok) return 'good'
  return outcome === 'widened' ? 'widened' : 'bad'
}

function headlineOf({ outcome, margin, known }: SelfCheck): string {
  if (outcome === 'unfit') return 'This device cannot compare speeds.'
  if (outcome === 'unknown') return 'Too few measurements to check anything.'
  if (known.isCovered === false) return 'A known difference was measured wrong.'
  if (outcome === 'widened') return `Differences up to ${percent(margin)} mean nothing here.`
  if (known.isSensitive === false) return 'Too noisy at this budget: measure longer.'
  return 'This device passes the self-check.'
}

function outcomeSentence({ outcome, because, floor, margin, askedMargin, same }: SelfCheck): string | null {
  const allowed = percent(askedMargin / 2)
  switch (outcome) {
    case 'kept':
      return null
    case 'unknown':
      return 'No race of the model against itself had the ten blocks that an interval needs: measure longer.'
    case 'unfit':
      return `Two sessions of the same file differ by so much that the margin would have to be above ± ${percent(margin)}.`
    case 'widened': {
      const seen =
        because === 'pair'
          ? `Two sessions of the same file differed by more than the ${allowed} that is allowed for`
          : `Sessions of the same file differ beyond what noise explains, by ${percent(same.layoutSd)} (standard deviation), more than an allowance of ${allowed} covers`
      return `${seen}: the allowance is widened to ${percent(floor)}, so only differences beyond ${percent(margin)} are claimed.`
    }
    default:
      return outcome satisfies never
  }
}

const sensitivitySentence = ({ known: { isSensitive, found, races } }: SelfCheck): string | null =>
  isSensitive === false
    ? `A true difference of 5 % was found in ${found} of ${races} races: too noisy at this budget, measure longer.`
    : null

const coverageSentence = ({ known: { isCovered, covers, judged } }: SelfCheck): string | null =>
  isCovered === false
    ? `Only ${covers} of ${judged} intervals hold the true ratio of 1.05: do not trust ratios from this device.`
    : null

function equalSentence({ same: { races, judged, falseClaims, falseClaimRate95 } }: SelfCheck): string | null {
  if (!falseClaimRate95) return null
  const [low, high] = falseClaimRate95.map((rate) => Math.round(rate * 100))
  const unjudged = races > judged ? `, ${races - judged} with too few blocks to say` : ''
  const claims = `${falseClaims} false ${falseClaims === 1 ? 'claim' : 'claims'} in ${count(races, 'race')} of the model against itself${unjudged}`
  return `${claims}; ${judged < MANY ? 'so few show only that' : 'so'} the rate lies between ${low} and ${high} % (95 % CI).`
}

const knownSentence = ({ known: { races, found, judged, covers, isSensitive } }: SelfCheck): string | null =>
  races === 0 || isSensitive === false
    ? null
    : `The 5 % of 21 runs against 20 found in ${found} of ${count(races, 'race')}, covered by ${covers} of ${count(judged, 'interval')}.`

/** From here on a rate of false claims above a quarter would show. */
const MANY = 12

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
const percent = (fraction: number): string => `${Number((fraction * 100).toFixed(1))} %`
