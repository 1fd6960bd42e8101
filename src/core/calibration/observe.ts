// Looks at values inside a network while real samples run through it. What is wanted of a value (its range, a histogram, XᵀX, a mean per
// channel) is computed by nodes that an observer adds to a copy of the model, so only small results leave the engine and no activation does.

import { LabError } from '../errors/lab-error'
import type { Graph } from '../model/graph'
import { GraphDraft } from '../model/graph-draft'
import { onnxOpset, type Model } from '../model/model'
import type { ValueInfo } from '../model/shape'
import { encodeParts } from '../onnx/encode-parts'
import type { CalibrationData, InferenceSession, PassContext } from '../pass/pass-context'
import type { TensorValue } from '../pass/tensor-value'

/** Watches one value: adds nodes that reduce it, then adds up what they give for each sample. */
export interface Observer {
  /** Name of the value, in the main graph. */
  readonly value: string
  /** Adds nodes to `draft` in the ai.onnx version `opset` and returns the values to read, with their types. */
  attach(draft: GraphDraft, opset: number): readonly ValueInfo[]
  /** The values of one sample in the order of `attach`. `position` counts the samples of this call from 0. */
  fold(results: readonly TensorValue[], position: number): void
}

export type ObservationContext = Pick<PassContext, 'infer' | 'checkpoint' | 'progress'>

/**
 * Runs the samples `indices` through one session, sample by sample, and hands each observer its results. Samples may differ in shape.
 * `context.progress` goes from 0 to 1. Throws what the engine, the data, the observers and a cancel throw; the session is closed then too.
 */
export async function observeValues(
  model: Model,
  observers: readonly Observer[],
  data: CalibrationData,
  indices: readonly number[],
  context: ObservationContext,
): Promise<void> {
  if (observers.length === 0) return
  const probe = withObservers(model, observers)
  const session = await context.infer.open(encodeParts(probe.model))
  try {
    for (const [position, index] of indices.entries()) {
      await context.checkpoint()
      context.progress(position / indices.length, `sample ${position + 1} of ${indices.length}`)
      await observeSample(session, await data.sample(index), probe.watched, position)
    }
  } finally {
    await session.close()
  }
  context.progress(1, `${indices.length} samples`)
}

interface Watched {
  readonly observer: Observer
  readonly outputs: readonly string[]
}

function withObservers(model: Model, observers: readonly Observer[]): { model: Model; watched: readonly Watched[] } {
  const draft = new GraphDraft(model.graph)
  const infos: ValueInfo[] = []
  const watched = lastMadeFirst(observers, model.graph).map((observer) => {
    const added = observer.attach(draft, onnxOpset(model))
    infos.push(...added)
    return { observer, outputs: added.map(({ name }) => name) }
  })
  const outputs = [...model.graph.outputs, ...infos]
  return { model: { ...model, graph: { ...draft.finish(), outputs } }, watched }
}

/**
 * ONNX Runtime walks back from the last node that nobody reads: with the observers of early values at the end of the graph it runs them
 * as soon as their values are there and frees those, instead of keeping every activation until the network has run.
 */
function lastMadeFirst(observers: readonly Observer[], { nodes }: Graph): readonly Observer[] {
  const madeAt = new Map(nodes.flatMap(({ outputs }, position) => outputs.map((name) => [name, position] as const)))
  const position = ({ value }: Observer): number => madeAt.get(value) ?? -1
  return observers.toSorted((a, b) => position(b) - position(a))
}

async function observeSample(
  session: InferenceSession,
  feeds: Awaited<ReturnType<CalibrationData['sample']>>,
  watched: readonly Watched[],
  position: number,
): Promise<void> {
  const results = await session.run(
    feeds,
    watched.flatMap(({ outputs }) => outputs),
  )
  // What was made first comes first: of values that are not finite, the one where it began is named.
  for (const { observer, outputs } of watched.toReversed()) {
    const values = outputs.map((name) => {
      const value = results[name]
      if (value) return value
      throw new LabError('engine/failed', `The engine did not return "${name}".`, { output: name })
    })
    observer.fold(values, position)
  }
}

/** `count` indices below `size` at even distances (all of them when there are fewer). Throws `recipe/needs-calibration` for no samples. */
export function spreadIndices(size: number, count: number): number[] {
  if (size === 0)
    throw new LabError('recipe/needs-calibration', 'The calibration data hold no samples, one was expected.')
  const used = Math.min(size, count)
  return Array.from({ length: used }, (_, i) => Math.floor((i * size) / used))
}
