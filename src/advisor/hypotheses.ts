// What is probably true of a model on this device, said before anything ran, each with the race that decides it. Nothing here is a rule:
// the figures are those of the operator probe, seconds long and of single operators.

import type { ProbeInterval, ProbeOperator, ProbeTable } from '../probe/probe-table'
import type { CandidateStep } from './advise'
import { hypothesisText } from './best-text'
import { probedRatio, workShares } from './expectation'
import { presetSteps, SMALLEST_SHARE } from './plans'
import type { Workload } from './workload'

interface TestedRecipe {
  readonly label: string
  readonly steps: readonly CandidateStep[]
}

export type HypothesisId =
  'depthwise-integers' | 'int8-activations' | 'four-bit-vectors' | 'integers-on-cpu' | 'float16-here'

export interface Hypothesis {
  readonly id: HypothesisId
  /** `Depthwise convolutions in integers are probably slower here (probe: 3.7×).` */
  readonly text: string
  /** Race these two against each other: the hypothesis holds when the second is slower than the first. */
  readonly test: readonly [TestedRecipe, TestedRecipe]
  /** The test needs real samples. */
  readonly needsSamples: boolean
}

/** What the probe makes probable of this model; `hasSamples` chooses tests that can be run. */
export function hypothesesFor(
  workload: Workload,
  table: ProbeTable | undefined,
  hasSamples: boolean,
): readonly Hypothesis[] {
  if (!table) return []
  const facts: Facts = { table, shares: workShares(workload, table), hasSamples }
  return [depthwise, activations, fourBits, integersOnCpu, float16].flatMap((rule) => rule(facts) ?? [])
}

interface Facts {
  readonly table: ProbeTable
  readonly shares: ReturnType<typeof workShares>
  readonly hasSamples: boolean
}

function depthwise({ table, shares, hasSamples }: Facts): Hypothesis | undefined {
  const ratio = probedRatio(table, 'depthwise', 'u8s8')
  if (shares.depthwise === 0 || !isSlower(ratio)) return undefined
  const preset = hasSamples ? 'int8-static' : 'int8-dynamic'
  return {
    id: 'depthwise-integers',
    text: hypothesisText.depthwise(ratio),
    test: [
      { label: 'depthwise in float', steps: presetSteps(preset, { depthwise: false }) },
      { label: 'depthwise in integers', steps: presetSteps(preset, { depthwise: true }) },
    ],
    needsSamples: hasSamples,
  }
}

/** About the convolutions or the products that take most of the time. */
function activations({ table, shares }: Facts): Hypothesis | undefined {
  const operator = dearest(shares)
  const [unsigned, signed] = [probedRatio(table, operator, 'u8s8'), probedRatio(table, operator, 's8s8')]
  if (!unsigned || !signed) return undefined
  const isSignedFaster = signed.high < unsigned.low
  if (!isSignedFaster && !(unsigned.high < signed.low)) return undefined
  const uint8 = { label: 'uint8 activations', steps: presetSteps('int8-static', { activationType: 'uint8' }) }
  const int8 = { label: 'int8 activations', steps: presetSteps('int8-static', { activationType: 'int8' }) }
  return {
    id: 'int8-activations',
    text: hypothesisText.activations(signed, unsigned),
    test: isSignedFaster ? [int8, uint8] : [uint8, int8],
    needsSamples: true,
  }
}

function fourBits({ table, shares }: Facts): Hypothesis | undefined {
  const ratio = probedRatio(table, 'matvec', 'int4')
  if (shares.matvec < SMALLEST_SHARE || !isSlower(ratio)) return undefined
  return {
    id: 'four-bit-vectors',
    text: hypothesisText.fourBits(ratio),
    test: [
      { label: '4-bit weights, restored when opened', steps: presetSteps('int4-weights', { format: 'qdq' }) },
      { label: 'MatMulNBits', steps: presetSteps('int4-weights') },
    ],
    needsSamples: false,
  }
}

/** ONNX Runtime's WebGPU has no QuantizeLinear and no QLinear operator (1.30). */
function integersOnCpu({ table, hasSamples }: Facts): Hypothesis | undefined {
  if (table.environment.engine.id !== 'ort-webgpu') return undefined
  return {
    id: 'integers-on-cpu',
    text: hypothesisText.integersOnCpu,
    test: [
      { label: 'int8 weights, computed in float', steps: presetSteps('int8-weights') },
      { label: 'integer activations', steps: presetSteps(hasSamples ? 'int8-static' : 'int8-dynamic') },
    ],
    needsSamples: hasSamples,
  }
}

function float16({ table, shares }: Facts): Hypothesis | undefined {
  const ratio = probedRatio(table, dearest(shares), 'float16')
  if (!isSlower(ratio)) return undefined
  return {
    id: 'float16-here',
    text: hypothesisText.float16(ratio),
    test: [
      { label: 'float16 weights, computed in float32', steps: presetSteps('fp16', { mode: 'storage' }) },
      { label: 'float16', steps: presetSteps('fp16') },
    ],
    needsSamples: false,
  }
}

const isSlower = (ratio: ProbeInterval | undefined): ratio is ProbeInterval => ratio !== undefined && ratio.low > 1

/** Where most of the time goes, of those that have every format. */
function dearest(shares: Facts['shares']): ProbeOperator {
  const operators = ['conv3x3', 'conv1x1', 'matmul', 'matvec'] as const satisfies readonly ProbeOperator[]
  return operators.reduce((best, operator) => (shares[operator] > shares[best] ? operator : best))
}
