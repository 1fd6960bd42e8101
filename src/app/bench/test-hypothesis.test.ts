import { expect, test } from 'vitest'

import type { Hypothesis } from '../../advisor/hypotheses'
import type { BenchClients } from './run-bench'
import { outcomeSentence, testHypothesis, type HypothesisOutcome } from './test-hypothesis'

const hypothesis: Hypothesis = {
  ...{ id: 'depthwise-integers', text: 'Probably slower.', needsSamples: false },
  test: [
    { label: 'in float', steps: [] },
    { label: 'in integers', steps: [{ technique: 'fold-constants' }] },
  ],
}

/** Clients that are told what comes out, and tell what was asked of them. */
async function outcomeOf({ isSoftware = false, wrong = '' }) {
  const released: string[] = []
  const raced: string[] = []
  let built = 0
  const compress = {
    compress: () => Promise.resolve({ model: { id: `file ${++built}` } }),
    release: (id: string) => Promise.resolve(void released.push(id)),
  }
  const engine = {
    start: () => Promise.resolve({ facts: { adapter: { isSoftware } } }),
    engineCheck: ({ model }: { model: { id: string } }) => Promise.resolve({ ok: model.id !== wrong }),
    compareLatency: ({ variants }: { variants: readonly { label: string }[] }) => {
      raced.push(...variants.map(({ label }) => label))
      return Promise.resolve({
        comparison: { pairs: [{ ratio: 1.3, ci95: [1.2, 1.4], verdict: 'slower', blocks: 24 }] },
      })
    },
  }
  const outcome = await testHypothesis(
    { hypothesis, model: { id: 'original' }, freeDimensions: {}, seconds: 5 } as never,
    { compress, engine } as unknown as Pick<BenchClients, 'compress' | 'engine'>,
    {},
  )
  return { outcome, released, raced }
}

test('the two recipes race against each other, the first as the base, and their files are released', async () => {
  const { outcome, released, raced } = await outcomeOf({})
  expect(raced).toEqual(['in float', 'in integers'])
  expect(outcome).toEqual({ kind: 'raced', ratio: 1.3, ci95: [1.2, 1.4], verdict: 'slower', blocks: 24 })
  expect(released).toEqual(['file 1', 'file 2'])
})

test('wrong answers and emulated GPUs have no speed', async () => {
  const wrong = await outcomeOf({ wrong: 'file 2' })
  expect(wrong).toMatchObject({ outcome: { kind: 'wrong', label: 'in integers' }, raced: [] })
  expect(wrong.released).toEqual(['file 1', 'file 2'])
  expect(await outcomeOf({ isSoftware: true })).toMatchObject({ outcome: { kind: 'software' }, raced: [] })
})

test('a hypothesis is confirmed by “slower” and by nothing else', () => {
  const raced = (verdict: 'faster' | 'slower' | 'same' | 'undecided'): HypothesisOutcome => ({
    ...{ kind: 'raced', ratio: 1.3, ci95: [1.2, 1.4], verdict, blocks: 24 },
  })
  expect(outcomeSentence(hypothesis, raced('slower'))).toBe(
    'Confirmed: “in integers” took 1.30 of the time of “in float” (24 blocks; 95 % interval 1.20 to 1.40).',
  )
  for (const verdict of ['faster', 'same'] as const) {
    expect(outcomeSentence(hypothesis, raced(verdict))).toMatch(/^Not confirmed: /)
  }
  expect(outcomeSentence(hypothesis, raced('undecided'))).toMatch(/^Undecided: /)
})
