// A second run over the samples that counts values in bins, once the first has told where the bins must lie.

import { onnxOpset, type Model } from '../model/model'
import { raiseOpset } from '../onnx/raise-opset'
import type { CalibrationData } from '../pass/pass-context'
import { layOut, placeBins, type PlacedBins } from './bins'
import { HISTOGRAM_OPSET, histogramObserver } from './histogram'
import { observeValues, type ObservationContext } from './observe'
import { widest, type Range } from './ranges'

/** Indices into the data, in groups that are taken together. */
export interface SampleGroups {
  readonly data: CalibrationData
  readonly groups: readonly (readonly number[])[]
}

/** What the first run found out about a value. */
export interface SeenValue {
  readonly value: string
  /** Sample by sample, in groups that are taken together. */
  readonly groups: readonly (readonly Range[])[]
  /** The smallest magnitude; given where magnitudes are to be counted. */
  readonly leastMagnitude?: number | undefined
}

/** Counts of one value in the same bins: samples at even and at odd positions of their groups. */
export interface SplitHistogram {
  readonly edges: Float32Array
  readonly counts: readonly [even: Float64Array, odd: Float64Array]
}

/**
 * Histograms of the float32 values in `seen`, of `bins` bins or of more where a later group reaches further. A value is left out whose
 * range is too narrow for so many bins. Throws `data/invalid` as `placeBins` does, and what `observeValues` throws.
 */
export async function collectHistograms(
  model: Model,
  seen: readonly SeenValue[],
  bins: number,
  { data, groups }: SampleGroups,
  context: ObservationContext,
): Promise<ReadonlyMap<string, SplitHistogram>> {
  const raised = onnxOpset(model) < HISTOGRAM_OPSET ? raiseOpset(model, HISTOGRAM_OPSET) : model
  const layouts = seen.map((value) => layoutsOf(value, bins))
  const histograms = new Map<string, SplitHistogram>()
  for (const [group, indices] of groups.entries()) {
    const counting = seen.flatMap(({ value, groups: ranges, leastMagnitude }, index) => {
      const layout = layouts[index]?.[group]
      if (!layout) return []
      const reach = widest(ranges[group] ?? [])
      return [{ ...layout, observer: histogramObserver(value, layout.bins, reach, leastMagnitude !== undefined) }]
    })
    const observers = counting.map(({ observer }) => observer)
    await observeValues(raised, observers, data, indices, {
      ...context,
      progress: (fraction, what) => context.progress((group + fraction) / groups.length, what),
    })
    for (const { bins: layout, offset, observer } of counting) {
      const { value, counts } = observer
      histograms.set(value, { edges: layout.edges, counts: mergeCounts(histograms.get(value), counts, offset) })
    }
  }
  return histograms
}

/** The bins for each group. Those of magnitudes are laid out once, over all groups. */
function layoutsOf({ groups, leastMagnitude }: SeenValue, count: number): readonly PlacedBins[] | undefined {
  if (leastMagnitude !== undefined) {
    const [min, max] = widest(groups.flat())
    const bins = layOut(leastMagnitude, Math.max(-min, max), count)
    return bins && groups.map(() => ({ bins, offset: 0 }))
  }
  const layouts: PlacedBins[] = []
  for (const group of groups) {
    const next = placeBins(layouts.at(-1)?.bins, widest(group), count)
    if (!next) return undefined
    layouts.push(next)
  }
  return layouts
}

function mergeCounts(
  before: SplitHistogram | undefined,
  added: SplitHistogram['counts'],
  offset: number,
): SplitHistogram['counts'] {
  for (const half of [0, 1] as const) {
    before?.counts[half].forEach((count, bin) => ((added[half][offset + bin] as number) += count))
  }
  return added
}
