// What compression costs in answers: every variant of the ResNet on all 10,000 test images. The bars are those of docs/measuring.md; how far
// this build is from them is printed. EfficientNet-Lite0 is judged in demo.full.test.ts.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { AnswerComparison } from '../../src/cli/compare-predictions'
import type { OutputFidelity } from '../../src/measure/fidelity'
import type { PresetName } from '../../src/techniques/presets'
import { buildLathe, latheJson } from '../cli/run-lathe'
import { makeVariants, type Variant } from './variants'

/** One process each, with one thread: two of them see more images a second than one with two threads. About equal in work. */
const PROCESSES: readonly (readonly PresetName[])[] = [
  ['int8-static', 'int8-weights'],
  ['int8-dynamic', 'fp16'],
]

const folder = mkdtempSync(join(tmpdir(), 'lathe-accuracy-'))
afterAll(() => rmSync(folder, { recursive: true }))
beforeAll(buildLathe)

interface Answers extends AnswerComparison {
  readonly outputs: readonly OutputFidelity[]
}
type Measured = Variant & Answers

async function measure(): Promise<ReadonlyMap<PresetName, Measured>> {
  const model = 'zoo:fashion-resnet'
  const made = await makeVariants({ model, data: 'zoo:fashion-mnist-calibration', folder }, PROCESSES.flat())
  const compare = async (recipes: readonly PresetName[]): Promise<readonly (readonly [PresetName, Measured])[]> => {
    const variants = made.filter(({ recipe }) => recipes.includes(recipe))
    const paths = variants.map(({ path }) => path)
    const answer = await latheJson('compare', model, ...paths, '--data', 'zoo:fashion-mnist')
    const compared = answer['variants'] as readonly Answers[]
    return variants.map((variant, index) => [variant.recipe, { ...variant, ...compared[index]! }] as const)
  }
  const measured = new Map((await Promise.all(PROCESSES.map(compare))).flat())
  console.log([...measured.values()].map(describeMeasured).join('\n'))
  return measured
}

function describeMeasured({ recipe, sizeRatio, outputs, top1Agreement, accuracy }: Measured): string {
  const points = (fraction: number | null | undefined): string => (100 * (fraction ?? NaN)).toFixed(2)
  return [
    `${recipe}: size ${sizeRatio.toFixed(3)}, SQNR ${outputs[0]?.sqnrDb?.toFixed(1)} dB, same class ${points(top1Agreement)} %`,
    `${points(accuracy?.b)} % against ${points(accuracy?.a)} %: ${points(accuracy?.difference)} points`,
    `Tango ${accuracy?.ci95.map(points).join('…')}, n = ${accuracy?.n}`,
  ].join('; ')
}

describe('the ResNet on all 10,000 test images', () => {
  let measured: ReadonlyMap<PresetName, Measured>
  beforeAll(async () => {
    measured = await measure()
  }, 1_800_000)

  const of = (recipe: PresetName): Measured => measured.get(recipe)!
  /** Variant − original, as a fraction. */
  const difference = (recipe: PresetName): number => of(recipe).accuracy?.difference ?? NaN

  test('the original is right on at least 93 % of them', () => {
    for (const { accuracy } of measured.values()) {
      expect(accuracy?.n).toBe(10_000)
      expect(accuracy?.a).toBeGreaterThanOrEqual(0.93)
    }
  })

  test('int8-static has at most 0.27 of the size and loses at most 0.5 points', () => {
    expect(of('int8-static').sizeRatio).toBeLessThanOrEqual(0.27)
    expect(difference('int8-static')).toBeGreaterThanOrEqual(-0.005)
  })

  test('int8-dynamic keeps to the same bars', () => {
    expect(of('int8-dynamic').sizeRatio).toBeLessThanOrEqual(0.27)
    expect(difference('int8-dynamic')).toBeGreaterThanOrEqual(-0.005)
  })

  test('int8-weights has at most 0.27 of the size and moves accuracy by at most 0.2 points', () => {
    expect(of('int8-weights').sizeRatio).toBeLessThanOrEqual(0.27)
    expect(Math.abs(difference('int8-weights'))).toBeLessThanOrEqual(0.002)
  })

  test('fp16 has half the size and moves accuracy by at most 0.1 points', () => {
    expect(of('fp16').sizeRatio).toBeGreaterThan(0.48)
    expect(of('fp16').sizeRatio).toBeLessThan(0.52)
    expect(Math.abs(difference('fp16'))).toBeLessThanOrEqual(0.001)
  })
})
