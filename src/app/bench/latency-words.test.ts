import { expect, test } from 'vitest'

import type { LatencyComparison } from '../../measure/latency-comparison'
import { blocksSentence, percent, ratioSentence } from './latency-words'

const PAIR: LatencyComparison['pairs'][number] = {
  ...{ a: 0, b: 1, ratio: 0.479, ci95: [0.4752, 0.4831], verdict: 'faster', stopped: 'clear' },
  ...{ blocks: 14, looks: 2, blockDifferences: [] },
}

test('the ratio is told with its interval, its blocks and why timing stopped; without an interval what is missing', () => {
  expect(ratioSentence(PAIR)).toBe(
    'Variant ÷ original is 0.479, 95 % interval 0.475 to 0.483, from 14 blocks in random order; stopped because the answer was clear.',
  )
  expect(ratioSentence({ ...PAIR, ci95: null, blocks: 1 })).toBe(
    '1 block is too few for an interval (10 are needed): measure longer.',
  )
})

test('the place of the interval is told for every verdict', () => {
  expect(blocksSentence(PAIR, 0.02)).toContain(
    'lies wholly below 0.990, and the estimate is more than 2 % below 1: faster',
  )
  expect(blocksSentence({ ...PAIR, ci95: [1.03, 1.07], verdict: 'slower' }, 0.04)).toContain('wholly above 1.02')
  expect(blocksSentence({ ...PAIR, ci95: [0.99, 1.01], verdict: 'same' }, 0.025)).toContain(
    'inside 1 ± 2.5 %: the same',
  )
  expect(blocksSentence({ ...PAIR, ci95: [0.9, 1.01], verdict: 'undecided' }, 0.02)).toContain('undecided')
  expect(blocksSentence({ ...PAIR, ci95: null }, 0.02)).toContain('nothing is claimed')
})

test('percent has no needless zeros', () => expect([0.02, 0.025, 0.1].map(percent)).toEqual(['2', '2.5', '10']))
