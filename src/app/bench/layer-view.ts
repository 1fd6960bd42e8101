// What a sensitivity analysis looks like: one bar per layer along the network, and the rows of the tables. Plain data: the panel draws it.

import type { LayerError } from '../../sensitivity/layer-errors'
import type { Sensitivity } from '../../sensitivity/sensitivity'

/** By the answers when this layer alone is changed: a tenth of them is noise (20 dB), or a thirtieth (30 dB). */
type Severity = 'hurts' | 'noticeable' | 'small'
export const SEVERITY_DB = { hurts: 20, noticeable: 30 } as const

export interface LayerRow {
  readonly name: string
  readonly opType: string
  readonly sqnrDb: number
  readonly kl: number | null
  readonly metricDrop: number | null
  /** Of the least exact of its weights; null where none is stored in integers. */
  readonly weightDb: number | null
  /** Of that weight. */
  readonly bits: number | null
  readonly severity: Severity
  /** Height of its bar, 0…1 of the tallest. */
  readonly height: number
  /** Names of its weights that are stored in integers. */
  readonly weights: readonly string[]
}

export interface LayerView {
  /** In the order of the network. */
  readonly rows: readonly LayerRow[]
  /** What the bars show: divergence in nats, or noise as a share of the answer where the answers are no class scores. */
  readonly measure: 'kl' | 'noise'
  /** Of the tallest bar. */
  readonly most: number
  /** The layer at or right after the first tensor that breaks; −1 where none does. */
  readonly brokenAt: number
}

export function layerView(found: Sensitivity): LayerView {
  const measure = found.layers.every(({ kl }) => kl !== null) ? 'kl' : 'noise'
  const costs = found.layers.map((layer) => costOf(layer, measure))
  const most = Math.max(0, ...costs.filter(Number.isFinite))
  const rows = found.layers.map((layer, position) => rowOf(layer, heightOf(costs[position] ?? 0, most), found))
  return { rows, measure, most, brokenAt: brokenLayer(found) }
}

/** Divergence is never negative; what falls below 0 is rounding of the sum. */
function costOf({ kl, sqnrDb }: LayerError, measure: LayerView['measure']): number {
  return measure === 'kl' ? Math.max(0, kl ?? 0) : noiseShare(sqnrDb)
}

/** Root of the mean squared error ÷ that of the answers. */
export const noiseShare = (sqnrDb: number): number => 10 ** (-sqnrDb / 20)

/** An answer that is no number is the worst there is. */
function heightOf(cost: number, most: number): number {
  if (!Number.isFinite(cost)) return 1
  return most > 0 ? cost / most : 0
}

function rowOf(layer: LayerError, height: number, { weights }: Sensitivity): LayerRow {
  const { name, opType, sqnrDb, kl, metricDrop } = layer
  const own = weights.filter(({ readers }) => readers.includes(name)).toSorted((a, b) => a.sqnrDb - b.sqnrDb)
  const [worst] = own
  return {
    ...{ name, opType, sqnrDb, kl, metricDrop, height, severity: severityOf(sqnrDb) },
    weightDb: worst?.sqnrDb ?? null,
    bits: worst?.bits ?? null,
    weights: own.map((weight) => weight.name),
  }
}

function severityOf(sqnrDb: number): Severity {
  if (!(sqnrDb >= SEVERITY_DB.hurts)) return 'hurts'
  return sqnrDb >= SEVERITY_DB.noticeable ? 'small' : 'noticeable'
}

function brokenLayer({ layers, activations, firstBroken }: Sensitivity): number {
  const broken = activations.findIndex(({ name }) => name === firstBroken)
  if (broken < 0) return -1
  const places = new Map(activations.map(({ node }, place) => [node, place]))
  const at = layers.findIndex(({ name }) => (places.get(name) ?? -1) >= broken)
  return at < 0 ? layers.length - 1 : at
}

/** One row of the table of tensors: a weight has its own rounding only. */
export interface TensorRow {
  readonly kind: 'weight' | 'activation'
  readonly name: string
  readonly opType: string
  /** dB; null where it is not rounded itself. */
  readonly localDb: number | null
  /** dB, with all that happened before; null for a weight. */
  readonly accumulatedDb: number | null
}

/** In the order of the network: activations, then weights. */
export function tensorRows({ activations, weights }: Sensitivity): readonly TensorRow[] {
  return [
    ...activations.map(({ name, opType, localDb, accumulatedDb }) => {
      return { kind: 'activation', name, opType, localDb, accumulatedDb } as const
    }),
    ...weights.map(({ name, sqnrDb }) => {
      return { kind: 'weight', name, opType: 'weight', localDb: sqnrDb, accumulatedDb: null } as const
    }),
  ]
}

/** Above this, nothing but the last digits differs. */
const EXACT_DB = 200

export function decibels(value: number | null): string {
  if (value === null) return '–'
  if (Number.isNaN(value)) return 'not a number'
  return value > EXACT_DB ? 'exact' : value.toFixed(1).replace('-', '−')
}

/** `0.0123`, `3.1e−5`, `0`. */
export function nats(value: number | null): string {
  if (value === null) return '–'
  if (Math.abs(value) < 1e-9) return '0'
  return (Math.abs(value) >= 1e-3 ? value.toPrecision(3) : value.toExponential(1)).replaceAll('-', '−')
}

/** The sentence above the bars. */
export function layerSentence({ rows }: LayerView): string {
  const hurting = rows.filter(({ severity }) => severity === 'hurts').length
  const noticeable = rows.filter(({ severity }) => severity === 'noticeable').length
  const worst = rows.toSorted((a, b) => b.height - a.height)[0]
  if (!worst) return 'This step changes no operator with weights, so there is no layer to blame.'
  const layers = (count: number): string => `${count} of ${rows.length} ${rows.length === 1 ? 'layer' : 'layers'}`
  if (hurting > 0) return `${layers(hurting)} ${hurting === 1 ? 'hurts' : 'hurt'}, ${worst.name} the most.`
  if (noticeable > 0) {
    return `No layer hurts alone; ${layers(noticeable)} ${noticeable === 1 ? 'is' : 'are'} noticeable, ${worst.name} the most.`
  }
  return `No layer hurts alone. The largest effect is that of ${worst.name}.`
}
