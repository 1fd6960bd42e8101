// Folds batch normalization (and scale or shift per channel) into the Conv, ConvTranspose, Gemm or MatMul before it, in the main graph and
// in the bodies of If, Loop and Scan. A chain of such operators is multiplied out in float64 and enters the weights with one rounding.
// Weights that other operators use as well are left to them: the layer gets its own copy.

import { inferShapes } from '../../core/model/infer-shapes'
import { mapGraphs, type GraphEdit } from '../../core/model/map-graphs'
import { onnxOpset } from '../../core/model/model'
import { attributes, float, nodeLabel, type Node } from '../../core/model/node'
import { makeTensor, type Tensor } from '../../core/model/tensor'
import type { Apply, Note } from '../../core/pass/technique'
import { foldInto, type FoldedWeights, type LinearLayer } from './linear-layer'
import { planFolds, type Fold } from './plan'
import type { spec } from './spec'

export const apply: Apply<typeof spec> = async (model, { includeScaleAndShift }, context) => {
  const notes: Note[] = []
  const rules = { opset: onnxOpset(model), includeScaleAndShift }
  const result = await mapGraphs(model, inferShapes(model), async (graph) => {
    const { folds, reasons } = planFolds(graph, rules)
    for (const [node, reason] of reasons) {
      notes.push({ kind: 'skipped', subject: nodeLabel(node), text: `Stays as it is: ${reason}.` })
    }
    let changed = false
    for (const [i, fold] of folds.entries()) {
      await context.checkpoint()
      context.progress(i / folds.length, nodeLabel(fold.layer.node))
      const weights = foldInto(fold.layer, fold.affine)
      notes.push(noteOn(fold, weights))
      if (!weights) continue
      changed = true
      replaceLayer(graph, fold, weights)
    }
    return changed
  })
  await context.checkpoint()
  context.progress(1, 'done')
  return { model: result, notes }
}

function noteOn({ layer, tail }: Fold, weights: FoldedWeights | undefined): Note {
  const names = tail.map(nodeLabel).join(', ')
  const subject = nodeLabel(layer.node)
  return weights
    ? { kind: 'changed', subject, text: `Took in ${names}.` }
    : { kind: 'skipped', subject, text: `Cannot take in ${names}: the weights would not be finite numbers.` }
}

function replaceLayer(graph: GraphEdit, { layer, tail }: Fold, weights: FoldedWeights): void {
  const { draft } = graph
  const { node, weight, bias, channels } = layer
  const weightName = place(graph, layer, weight, weights.weight, weight.dims)
  const biasName = bias
    ? place(graph, layer, bias, weights.bias, [channels])
    : place(graph, layer, { ...weight, name: `${weight.name}_bias` }, weights.bias, [channels])
  const gone = new Set(tail)
  draft.mapNodes((other) =>
    other === node ? layerWith(layer, [weightName, biasName], tail) : gone.has(other) ? undefined : other,
  )
}

function layerWith({ node }: LinearLayer, [weight, bias]: readonly [string, string], tail: readonly Node[]): Node {
  const outputs = tail.at(-1)?.outputs.slice(0, 1) ?? node.outputs
  const inputs = [node.inputs[0] ?? '', weight, bias]
  if (node.opType === 'MatMul') return { ...node, opType: 'Gemm', inputs, outputs, attributes: attributes({}) }
  if (node.opType !== 'Gemm') return { ...node, inputs, outputs }
  return { ...node, inputs, outputs, attributes: new Map([...node.attributes, ['beta', float(1)]]) }
}

/** Stores new numbers under the old name where only this layer reads it, else under a fresh one; returns the name. */
function place(
  { draft, freshName }: GraphEdit,
  { node }: LinearLayer,
  old: Tensor,
  numbers: Float32Array | Float64Array,
  dims: readonly number[],
): string {
  const position = node.inputs.indexOf(old.name)
  const isOwn =
    position > 0 &&
    draft.initializers.has(old.name) &&
    !draft.index.isInput(old.name) &&
    !draft.index.isOutput(old.name) &&
    draft.index.consumers(old.name).every((reader) => reader === node) &&
    node.inputs.indexOf(old.name, position + 1) < 0
  const name = isOwn ? old.name : freshName(draft.initializers.has(old.name) ? `${old.name}_folded` : old.name)
  draft.setInitializer(makeTensor(name, old.dtype, dims, numbers))
  return name
}
