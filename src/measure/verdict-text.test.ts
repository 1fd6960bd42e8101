import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineCheck, OutputCheck } from './engine-check'
import { judgeRatio } from './pair-test'
import { verdictText, type VerdictFacts } from './verdict-text'

const FACTS: VerdictFacts = { sizeRatio: 1 / 3.9, margin: 0.02, isSoftwareGpu: false, isSynthetic: false }
const words = (text: string): number => text.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word)).length

describe('the verdict', () => {
  it('on a faster and smaller model says so in the words of the design', () => {
    const facts: VerdictFacts = {
      ...FACTS,
      speed: { ratio: 1 / 1.9, ci95: [1 / 2.02, 1 / 1.8], verdict: 'faster' },
      accuracy: { difference: -0.002, ci95: [-0.006, 0.002], n: 1000 },
    }
    expect(verdictText(facts)).toEqual({
      kind: 'faster',
      headline: 'About twice as fast. A quarter of the size.',
      detail: '3.9× smaller and 1.9× faster here (95 % CI 1.8–2.0). Accuracy −0.2 points (−0.6…+0.2, n = 1,000).',
    })
  })

  it('without labels tells how often the first answer stays', () => {
    const agreement = { agreement: 0.924, ci95: [0.776, 0.977], n: 224 } as const
    expect(verdictText({ ...FACTS, agreement }).detail).toBe(
      '3.9× smaller. The same first answer on 92 % (78–98, n = 224).',
    )
  })

  it('on a slower model turns the ratio around', () => {
    const { headline, detail } = verdictText({ ...FACTS, speed: { ratio: 1.4, ci95: [1.3, 1.52], verdict: 'slower' } })
    expect(headline).toBe('1.4× slower. A quarter of the size.')
    expect(detail).toBe('3.9× smaller and 1.4× slower here (95 % CI 1.3–1.5).')
  })

  it('on a small gain speaks in percent', () => {
    const facts: VerdictFacts = {
      ...FACTS,
      sizeRatio: 0.98,
      speed: { ratio: 1 / 1.06, ci95: [1 / 1.08, 1 / 1.04], verdict: 'faster' },
    }
    expect(verdictText(facts)).toMatchObject({
      headline: '6.0 % faster. 2.0 % smaller.',
      detail: '2.0 % smaller and 6.0 % faster here (95 % CI 4.0–8.0 %).',
    })
  })

  it('on equal speed names the margin and the interval', () => {
    const facts: VerdictFacts = {
      ...FACTS,
      sizeRatio: 1,
      speed: { ratio: 1, ci95: [1 / 1.011, 1 / 0.992], verdict: 'same' },
    }
    expect(verdictText(facts)).toMatchObject({
      kind: 'same',
      headline: 'The same speed. The same size.',
      detail: 'The same size and the same speed here, within 2 % (95 % CI −0.8…+1.1 %).',
    })
  })

  it('left open says between what and what, and what to do', () => {
    const facts: VerdictFacts = { ...FACTS, speed: { ratio: 0.99, ci95: [1 / 1.06, 1.04], verdict: 'undecided' } }
    expect(verdictText(facts)).toMatchObject({
      kind: 'undecided',
      headline: 'Speed undecided. A quarter of the size.',
      detail: '3.9× smaller. Speed is between 4.0 % slower and 6.0 % faster (95 % CI): measure longer.',
    })
    const few = verdictText({ ...FACTS, speed: { ratio: 0.99, ci95: null, verdict: 'undecided' } })
    expect(few.detail).toBe('3.9× smaller. Too few measurements to tell a speed: measure longer.')
  })

  it('on wrong answers leads with them and shows no speed', () => {
    const output: OutputCheck = {
      ...{ name: 'logits', dtype: 'float32', ok: false, reason: 'different', maxAbs: 0.3142, tolerance: 0.012 },
      ...{ sqnrDb: 12, isIdentical: false, worst: { sample: 0, position: [0, 5], reference: '1', candidate: '1.3' } },
    }
    const check: EngineCheck = { ok: false, precision: 'float32', samples: 1, failing: 'logits', outputs: [output] }
    const speed = { ratio: 0.5, ci95: [0.49, 0.51], verdict: 'faster' } as const
    const text = verdictText({ ...FACTS, speed, wrong: { engine: 'WebGPU', check } })
    expect(text).toEqual({
      kind: 'wrong',
      headline: 'Gives different answers on WebGPU.',
      detail: 'Output `logits` is off by 0.31 at [0, 5], allowed is 0.012. Speed is not shown.',
    })
    const node = { name: 'conv_12', opType: 'Conv', domain: '', index: 3 }
    const site = { kind: 'node', node, tensor: 'h', check: output } as const
    expect(verdictText({ ...FACTS, wrong: { engine: 'WebGPU', check, site } }).detail).toBe(
      'First differs at tensor `h`, after Conv `conv_12`. ' +
        'Output `logits` is off by 0.31 at [0, 5], allowed is 0.012. Speed is not shown.',
    )
    const worst = { sample: 0, position: [0, 5], reference: '1', candidate: 'NaN' }
    const broken: EngineCheck = { ...check, outputs: [{ ...output, reason: 'not-finite', maxAbs: null, worst }] }
    expect(verdictText({ ...FACTS, wrong: { engine: 'WebGPU', check: broken } }).detail).toBe(
      'Output `logits` is NaN at [0, 5], the reference is 1. Speed is not shown.',
    )
  })

  it('on a software GPU never mentions a speed, though one was measured', () => {
    const facts: VerdictFacts = {
      ...FACTS,
      isSoftwareGpu: true,
      speed: { ratio: 0.5, ci95: [0.4, 0.6], verdict: 'faster' },
    }
    expect(verdictText(facts)).toEqual({
      kind: 'not-timed',
      headline: 'A quarter of the size.',
      detail: '3.9× smaller. Speed is not shown: this GPU is emulated in software.',
    })
  })

  it('marks made-up inputs', () => {
    const facts: VerdictFacts = {
      ...FACTS,
      isSynthetic: true,
      speed: { ratio: 0.5, ci95: [0.4, 0.6], verdict: 'faster' },
    }
    expect(verdictText(facts).detail).toMatch(/here \(95 % CI 1\.7–2\.5\)\. Timed on synthetic inputs\.$/)
  })

  it('stays within nine words of headline for whatever is measured', () => {
    const positive = (min: number, max: number) => fc.double({ min, max, noNaN: true })
    fc.assert(
      fc.property(positive(0.001, 50), positive(0.01, 100), positive(0, 0.5), (sizeRatio, ratio, width) => {
        const ci95 = [ratio * (1 - width), ratio * (1 + width)] as const
        const verdict = judgeRatio(ratio, ci95, FACTS.margin)
        const { headline, detail } = verdictText({ ...FACTS, sizeRatio, speed: { ratio, ci95, verdict } })
        expect(words(headline)).toBeLessThanOrEqual(9)
        expect(`${headline} ${detail}`).not.toMatch(/NaN|Infinity|undefined|-|\+−/)
      }),
    )
  })
})
