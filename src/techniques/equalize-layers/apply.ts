// Cross-layer equalization of the main graph and of bodies, then, where the options want it, absorption of high biases in the main graph.
// Read chains.ts for which layers, weight-factors.ts for how much and absorb-bias.ts for what biases do.

import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset } from '../../core/model/model'
import { nodeLabel } from '../../core/model/node'
import { placeScaledLayer, type ScaledLayer } from '../../core/model/scaled-layer'
import type { PassContext } from '../../core/pass/pass-context'
import type { Apply, Note } from '../../core/pass/technique'
import { absorbBiases } from './absorb-bias'
import { findChains, type Chain } from './chains'
import { boundPerChannel } from './clip-bounds'
import type { spec } from './spec'
import { chainDivisors } from './weight-factors'

const MAX_PASSES = 20
/** Passes end when no divisor is further from 1. */
const SETTLED = 1e-3

export const apply: Apply<typeof spec> = async (model, options, context) => {
  const notes: Note[] = []
  const rules = { opset: onnxOpset(model), limits: options.limits }
  const equalized = await mapGraphs(model, inferShapes(model), async (graph) => {
    await context.checkpoint()
    const { chains, reasons } = findChains(graph, rules)
    const divisors = await equalize(chains, context)
    for (const [node, reason] of reasons) {
      notes.push({ kind: 'skipped', subject: nodeLabel(node), text: `Not equalized with what reads it: ${reason}.` })
    }
    const changed = [...new Set(chains.flatMap(({ layers }) => layers))].filter(isScaled)
    for (const layer of changed) notes.push(replaceLayer(graph, layer))
    for (const chain of chains) turnLimits(graph, chain, divisors)
    return changed.length > 0
  })
  if (!options.absorbBias) {
    context.progress(1, 'done')
    return { model: equalized, notes }
  }
  const absorbed = await absorbBiases(equalized, options, context)
  context.progress(1, 'done')
  return { model: absorbed.model, notes: [...notes, ...absorbed.notes] }
}

/** Divisors of the values behind each layer, all passes together. */
async function equalize(
  chains: readonly Chain[],
  context: PassContext,
): Promise<ReadonlyMap<ScaledLayer, Float64Array>> {
  const total = new Map<ScaledLayer, Float64Array>()
  for (let pass = 0, furthest = Infinity; pass < MAX_PASSES && furthest >= SETTLED; pass++) {
    furthest = 0
    for (const chain of chains) {
      await context.checkpoint()
      furthest = Math.max(furthest, equalizeChain(chain, total))
    }
  }
  return total
}

/** Returns the largest distance of a divisor from 1; factors that are all that close stay as they are. */
function equalizeChain({ layers, links }: Chain, total: Map<ScaledLayer, Float64Array>): number {
  const peaks = layers.map((layer, position) => {
    const link = links[position - 1]
    return position === links.length && link ? largestOfEach(layer.inputPeaks(), link.repeat) : layer.outputPeaks()
  })
  const divisors = chainDivisors(peaks)
  const furthest = Math.max(
    0,
    ...divisors.map((divisor) => divisor.reduce((far, s) => Math.max(far, Math.abs(s - 1)), 0)),
  )
  if (furthest < SETTLED) return furthest
  for (const [gap, divisor] of divisors.entries()) {
    const [before, after, link] = [layers[gap], layers[gap + 1], links[gap]]
    if (!before || !after || !link) continue
    const sum = total.get(before) ?? new Float64Array(divisor.length).fill(1)
    total.set(before, sum)
    divisor.forEach((s, i) => {
      sum[i] = (sum[i] as number) * s
      before.outputFactors[i] = (before.outputFactors[i] as number) / s
      for (let k = i * link.repeat; k < (i + 1) * link.repeat; k++) {
        after.inputFactors[k] = (after.inputFactors[k] as number) * s
      }
    })
  }
  return furthest
}

const largestOfEach = (peaks: Float64Array, repeat: number): Float64Array =>
  Float64Array.from({ length: peaks.length / repeat }, (_, i) =>
    Math.max(...peaks.subarray(i * repeat, (i + 1) * repeat)),
  )

const isScaled = ({ inputFactors, outputFactors }: ScaledLayer): boolean =>
  inputFactors.some((factor) => factor !== 1) || outputFactors.some((factor) => factor !== 1)

function replaceLayer(graph: GraphEdit, scaled: ScaledLayer): Note {
  placeScaledLayer(graph, scaled)
  const subject = nodeLabel(scaled.layer.node)
  return { kind: 'changed', subject, text: 'Its channels were scaled to the size of its neighbours.' }
}

function turnLimits(
  graph: GraphEdit,
  { layers, links }: Chain,
  divisors: ReadonlyMap<ScaledLayer, Float64Array>,
): void {
  for (const [gap, { limits }] of links.entries()) {
    const before = layers[gap]
    const divisor = before && divisors.get(before)
    if (!before || !divisor) continue
    const kernelAxes = Math.max(0, before.layer.weight.dims.length - 2)
    for (const { node, bounds } of limits) boundPerChannel(graph, node, bounds, divisor, kernelAxes)
  }
}
