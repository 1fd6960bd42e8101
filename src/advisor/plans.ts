// The recipes that are thought of for each goal, for one model on one device: what they do to each class of operators, and to the bytes. Which
// of them are raced is decided in `advise.ts`.

import { PROBE_OPERATORS, type ProbeFormat, type ProbeOperator, type ProbeTable } from '../probe/probe-table'
import type { OptionValue } from '../core/options/spec'
import { presets, type PresetName } from '../techniques/presets'
import type { CandidateStep } from './advise'
import { planWhy } from './best-text'
import { faultOf, probedRatio, workShares, type Formats } from './expectation'
import type { Goal } from './goals'
import { hasLayers, type Workload } from './workload'

type PlanName =
  | 'int8-static'
  | 'int8-static-depthwise'
  | 'int8-integer'
  | 'int8-dynamic'
  | 'int8-weights'
  | 'int8-blocks'
  | 'int4-blocks'
  | 'int4-stored'
  | 'fp16'
  | 'fp16-stored'

export interface Plan {
  readonly name: PlanName
  readonly label: string
  readonly steps: readonly CandidateStep[]
  readonly formats: Formats
  readonly expectedSizeRatio: number
  /** What it must have; missing, it is not raced. */
  readonly needs: 'nothing' | 'samples' | 'faster-in-probe'
  /** It has something to do in this model. */
  readonly isOfUse: boolean
  readonly why: string
}

/** The steps of a preset, with more options for its last one. */
export function presetSteps(
  name: PresetName,
  options: Readonly<Record<string, OptionValue>> = {},
): readonly CandidateStep[] {
  const steps: readonly CandidateStep[] = presets[name].steps
  return steps.map((step, index) =>
    index === steps.length - 1 ? { ...step, options: { ...step.options, ...options } } : step,
  )
}

/** Sizes against float32: 4-bit blocks of 32 carry a float32 scale and a zero point. */
const BYTE = 0.25
const FOUR_BITS = (4 + (32 + 4) / 32) / 32
const BLOCKED_BYTE = (8 + (32 + 8) / 32) / 32
const HALF = 0.5

/** Less of the time than this makes no difference to a network. */
export const SMALLEST_SHARE = 0.02

/** From this share of the time on, dense convolutions carry a network. */
const CONVOLUTIONS_CARRY = 0.5

const DENSE = ['conv3x3', 'conv1x1', 'matvec', 'matmul'] as const satisfies readonly ProbeOperator[]
const MATRICES = ['matvec', 'matmul'] as const satisfies readonly ProbeOperator[]

/** In the order in which they are preferred where nothing is known. */
export function plansFor(goal: Goal, workload: Workload, table: ProbeTable | undefined): readonly Plan[] {
  const planner = new Planner(workload, table)
  switch (goal) {
    case 'speed':
      return [
        planner.static(false),
        planner.static(true),
        planner.integer(),
        planner.dynamic(),
        planner.float16(),
        planner.fourBitBlocks(SMALLEST_SHARE),
        planner.byteWeights(),
      ]
    case 'size':
      return [planner.fourBitStored(), planner.fourBitBlocks(0), planner.byteWeights(), planner.static(false)]
    case 'exact':
      return [planner.float16Stored(), planner.byteBlocks(), planner.byteWeights(), planner.float16()]
    default:
      return goal satisfies never
  }
}

class Planner {
  constructor(
    readonly workload: Workload,
    readonly table: ProbeTable | undefined,
  ) {}

  /** Integer activations: uint8, or int8 where that is what the engine is better at. */
  static(depthwise: boolean): Plan {
    const format = this.#activations()
    const activationType = format === 'u8s8' ? 'uint8' : 'int8'
    const classes: readonly ProbeOperator[] = depthwise ? [...DENSE, 'depthwise'] : DENSE
    const isLeft = this.#leavesVectors(format)
    const formats = formatsOf(isLeft ? without(classes, 'matvec') : classes, format)
    return this.#plan({
      name: depthwise ? 'int8-static-depthwise' : 'int8-static',
      label: depthwise ? 'int8 with depthwise, calibrated' : 'int8, calibrated',
      steps: presetSteps('int8-static', { activationType, depthwise, ...this.#leftOut(isLeft) }),
      formats,
      sizes: { layers: BYTE },
      needs: 'samples',
      isOfUse: this.#has(formats) && (!depthwise || hasLayers(this.workload, 'depthwise')),
      why: planWhy.static({ activationType, depthwise, leavesVectors: isLeft }),
    })
  }

  /** What dynamic quantization computes without measuring anything: of no use where convolutions are the smaller part. */
  integer(): Plan {
    const { isLeft, formats } = this.#integerProducts()
    const shares = workShares(this.workload, this.table)
    return this.#plan({
      name: 'int8-integer',
      label: 'int8, integer operators, calibrated',
      steps: presetSteps('int8-integer', this.#leftOut(isLeft)),
      formats,
      sizes: { layers: BYTE, embeddings: BYTE },
      needs: 'samples',
      isOfUse: shares.conv3x3 + shares.conv1x1 >= CONVOLUTIONS_CARRY,
      why: planWhy.integer,
    })
  }

  dynamic(): Plan {
    const { isLeft, formats } = this.#integerProducts()
    return this.#plan({
      name: 'int8-dynamic',
      label: 'int8, ranges measured on the way',
      steps: presetSteps('int8-dynamic', this.#leftOut(isLeft)),
      formats,
      sizes: { layers: BYTE, embeddings: BYTE },
      // Recurrence is among the others.
      isOfUse: this.#has(formats) || this.workload.macs.other > 0,
      why: planWhy.dynamic,
    })
  }

  byteWeights(): Plan {
    return this.#plan({
      name: 'int8-weights',
      label: 'int8 weights, computed in float',
      steps: presetSteps('int8-weights'),
      sizes: { layers: BYTE, embeddings: BYTE, all: true },
      isOfUse: true,
      why: planWhy.byteWeights,
    })
  }

  /** Of no use where matrices take a smaller share of the work. */
  fourBitBlocks(leastShare: number): Plan {
    const formats = formatsOf(MATRICES, 'int4')
    const shares = workShares(this.workload, this.table)
    const isWorthIt = !this.workload.isComplete || shares.matvec + shares.matmul >= leastShare
    return this.#plan({
      name: 'int4-blocks',
      label: '4-bit weights in blocks',
      steps: presetSteps('int4-weights', { embeddings: true }),
      formats,
      sizes: { layers: FOUR_BITS, embeddings: FOUR_BITS },
      isOfUse: isWorthIt && this.#has(formats),
      why: planWhy.fourBitBlocks,
    })
  }

  /** Matrices in 4 bits, the rest in 8, all of it float again when the file is opened. */
  fourBitStored(): Plan {
    const { bytes, embeddingBytes, totalBytes } = this.workload
    const matrices = bytes.matvec + bytes.matmul
    const others = bytes.conv3x3 + bytes.conv1x1 + bytes.depthwise + embeddingBytes
    return {
      ...this.#plan({
        name: 'int4-stored',
        label: '4-bit matrices, 8-bit rest, computed in float',
        steps: [
          ...presetSteps('int4-weights', { format: 'qdq', algorithm: 'k-quant' }),
          ...presetSteps('int8-weights').slice(-1),
        ],
        sizes: {},
        isOfUse: matrices > 0,
        why: planWhy.fourBitStored,
      }),
      expectedSizeRatio: share(matrices * FOUR_BITS + others * BYTE + totalBytes - matrices - others, totalBytes),
    }
  }

  byteBlocks(): Plan {
    return this.#plan({
      name: 'int8-blocks',
      label: '8-bit matrices in blocks, computed in float',
      steps: presetSteps('int4-weights', { bits: '8', format: 'qdq' }),
      sizes: { layers: BLOCKED_BYTE, only: MATRICES },
      isOfUse: this.#has(formatsOf(MATRICES, 'int4')),
      why: planWhy.byteBlocks,
    })
  }

  float16(): Plan {
    return this.#plan({
      name: 'fp16',
      label: 'float16',
      steps: presetSteps('fp16'),
      formats: formatsOf(PROBE_OPERATORS, 'float16'),
      sizes: { layers: HALF, embeddings: HALF, all: true },
      needs: 'faster-in-probe',
      isOfUse: true,
      why: planWhy.float16,
    })
  }

  float16Stored(): Plan {
    return this.#plan({
      name: 'fp16-stored',
      label: 'float16 weights, computed in float32',
      steps: presetSteps('fp16', { mode: 'storage' }),
      sizes: { layers: HALF, embeddings: HALF, all: true },
      isOfUse: true,
      why: planWhy.float16Stored,
    })
  }

  #plan({
    formats = {},
    sizes,
    needs = 'nothing',
    ...rest
  }: Pick<Plan, 'name' | 'label' | 'steps' | 'isOfUse' | 'why'> & {
    readonly formats?: Formats
    readonly sizes: Sizes
    readonly needs?: Plan['needs']
  }): Plan {
    return { ...rest, formats, needs, expectedSizeRatio: sizeRatio(this.workload, formats, sizes) }
  }

  /** Products of uint8 activations outside QDQ form: the same column of the probe stands for them. */
  #integerProducts(): { readonly isLeft: boolean; readonly formats: Formats } {
    const isLeft = this.#leavesVectors('u8s8')
    return { isLeft, formats: formatsOf(isLeft ? without(DENSE, 'matvec') : DENSE, 'u8s8') }
  }

  #has(formats: Formats): boolean {
    return PROBE_OPERATORS.some((operator) => formats[operator] && hasLayers(this.workload, operator))
  }

  /** `s8s8` only where the probe has it right and at least 5 % ahead, or `u8s8` wrong. */
  #activations(): 'u8s8' | 's8s8' {
    const { workload, table } = this
    const [u8, s8] = (['u8s8', 's8s8'] as const).map((format) => ({
      fault: faultOf(workload, table, formatsOf(DENSE, format)),
      cost: this.#cost(format),
    }))
    if (u8?.fault && !s8?.fault) return 's8s8'
    return !s8?.fault && u8?.cost !== undefined && s8?.cost !== undefined && s8.cost < 0.95 * u8.cost ? 's8s8' : 'u8s8'
  }

  /** Time of all dense layers in the format, in units of all of the original's. */
  #cost(format: ProbeFormat): number | undefined {
    const shares = workShares(this.workload, this.table)
    let cost = 0
    for (const operator of DENSE) {
      const ratio = probedRatio(this.table, operator, format)
      if (shares[operator] > 0 && !ratio) return undefined
      cost += shares[operator] * (ratio?.value ?? 0)
    }
    return cost
  }

  /** Products of one row stay in float where they matter and the probe has not seen them to be as fast in integers. */
  #leavesVectors(format: ProbeFormat): boolean {
    const ratio = probedRatio(this.table, 'matvec', format)
    return workShares(this.workload, this.table).matvec >= SMALLEST_SHARE && (!ratio || ratio.value > 1.05)
  }

  #leftOut(isLeft: boolean): Readonly<Record<string, OptionValue>> {
    return isLeft ? { excludeNodes: this.workload.matvecNodes } : {}
  }
}

/** Factors on the bytes of the layers in `formats` (of all layers, of those in `only`) and of embeddings; the rest stays. */
interface Sizes {
  readonly layers?: number
  readonly embeddings?: number
  readonly all?: boolean
  readonly only?: readonly ProbeOperator[]
}

function sizeRatio(
  { bytes, embeddingBytes, totalBytes }: Workload,
  formats: Formats,
  { layers = 1, embeddings = 1, all: isAll = false, only }: Sizes,
): number {
  let saved = embeddingBytes * (1 - embeddings)
  for (const operator of PROBE_OPERATORS)
    if (isAll || only?.includes(operator) || formats[operator]) saved += bytes[operator] * (1 - layers)
  return share(totalBytes - saved, totalBytes)
}

const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 1)

const formatsOf = (operators: readonly ProbeOperator[], format: ProbeFormat): Formats =>
  Object.fromEntries(operators.map((operator) => [operator, format]))

const without = (operators: readonly ProbeOperator[], one: ProbeOperator): readonly ProbeOperator[] =>
  operators.filter((operator) => operator !== one)
