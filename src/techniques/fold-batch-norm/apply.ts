// Folds batch normalization (and scale or shift per channel) into the Conv, ConvTranspose, Gemm or MatMul before it, else into the one after
// it, in the main graph and in the bodies of If, Loop and Scan. A chain of such operators is multiplied out in float64 and enters the
// weights with one rounding.
// Weights that other operators use as well are left to them: the layer gets its own copy.

import { inferShapes } from '../../core/model/infer-shapes'
import { foldInput, type FoldedInput } from '../../core/model/fold-input'
import type { LinearLayer } from '../../core/model/linear-layer'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset } from '../../core/model/model'
import { nodeLabel, type Node } from '../../core/model/node'
import { placeNumbers, withBias } from '../../core/model/place-numbers'
import type { Apply, Note } from '../../core/pass/technique'
import { foldInto, type FoldedWeights } from './linear-layer'
import { planFolds, type Fold } from './plan'
import { planFoldsBefore, type FoldBefore } from './plan-before'
import type { spec } from './spec'

export const apply: Apply<typeof spec> = async (model, { includeScaleAndShift }, context) => {
  const notes: Note[] = []
  const rules = { opset: onnxOpset(model), includeScaleAndShift }
  const result = await mapGraphs(model, inferShapes(model), async (graph) => {
    const { folds, reasons } = planFolds(graph, rules)
    let changed = false
    for (const [i, fold] of folds.entries()) {
      await context.checkpoint()
      context.progress(i / folds.length, nodeLabel(fold.layer.node))
      const weights = foldInto(fold.layer, fold.affine)
      notes.push(noteOn(fold.layer, fold.tail, weights !== undefined))
      if (!weights) continue
      changed = true
      replaceLayer(graph, fold, weights)
    }
    const before = planFoldsBefore(graph, rules)
    for (const fold of before.folds) {
      await context.checkpoint()
      const weights = foldInput(fold.layer, fold.layout, fold.affine)
      notes.push(noteOn(fold.layer, fold.head, weights !== undefined))
      if (!weights) continue
      changed = true
      replaceReader(graph, fold, weights)
    }
    const left = new Set(graph.draft.nodes)
    for (const [node, reason] of new Map([...reasons, ...before.reasons])) {
      if (left.has(node)) notes.push({ kind: 'skipped', subject: nodeLabel(node), text: `Stays as it is: ${reason}.` })
    }
    return changed
  })
  await context.checkpoint()
  context.progress(1, 'done')
  return { model: result, notes }
}

function noteOn({ node }: LinearLayer, gone: readonly Node[], isFinite: boolean): Note {
  const names = gone.map(nodeLabel).join(', ')
  const subject = nodeLabel(node)
  return isFinite
    ? { kind: 'changed', subject, text: `Took in ${names}.` }
    : { kind: 'skipped', subject, text: `Cannot take in ${names}: the weights would not be finite numbers.` }
}

function replaceLayer(graph: GraphEdit, { layer, tail }: Fold, weights: FoldedWeights): void {
  const { node } = layer
  const names = [placeWeight(graph, layer, weights.weight), placeBias(graph, layer, weights.bias)] as const
  const outputs = tail.at(-1)?.outputs.slice(0, 1) ?? node.outputs
  const gone = new Set(tail)
  graph.draft.mapNodes((other) =>
    other === node
      ? withBias({ ...node, outputs }, [node.inputs[0] ?? '', ...names])
      : gone.has(other)
        ? undefined
        : other,
  )
}

function replaceReader(graph: GraphEdit, { layer, head, input }: FoldBefore, { weight, bias }: FoldedInput): void {
  const { node } = layer
  const weightName = placeWeight(graph, layer, weight)
  const next = bias
    ? withBias(node, [input, weightName, placeBias(graph, layer, bias)])
    : { ...node, inputs: [input, weightName, ...node.inputs.slice(2)] }
  const gone = new Set(head)
  graph.draft.mapNodes((other) => (other === node ? next : gone.has(other) ? undefined : other))
}

const placeWeight = (graph: GraphEdit, layer: LinearLayer, numbers: FoldedWeights['weight']): string =>
  placeNumbers(graph, layer.node, layer.weight, numbers, layer.weight.dims)

const placeBias = (graph: GraphEdit, layer: LinearLayer, numbers: FoldedWeights['bias']): string => {
  const { bias, weight, channels } = layer
  return placeNumbers(graph, layer.node, bias ?? { ...weight, name: `${weight.name}_bias` }, numbers, [channels])
}
