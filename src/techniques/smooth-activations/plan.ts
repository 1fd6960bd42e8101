// Which layers can be smoothed, by the value that they read: layers with a common input share its factors.

import type { ChannelValue } from '../../core/calibration/channel-observers'
import { isLinear, isConvolution, linearLayerOf, weightGridOf } from '../../core/model/linear-layer'
import type { GraphEdit } from '../../core/model/map-graphs'
import { nodeLabel, type Node } from '../../core/model/node'
import { ScaledLayer } from '../../core/model/scaled-layer'
import type { Note } from '../../core/pass/technique'
import type { SmoothOptions } from './spec'

export interface SmoothGroup {
  readonly source: ChannelValue
  readonly layers: readonly ScaledLayer[]
}

export function planGroups(
  graph: GraphEdit,
  opset: number,
  { convolutions }: Pick<SmoothOptions, 'convolutions'>,
): { readonly groups: readonly SmoothGroup[]; readonly notes: readonly Note[] } {
  const groups = new Map<string, { source: ChannelValue; layers: ScaledLayer[] }>()
  const notes: Note[] = []
  for (const node of graph.draft.nodes) {
    if (!isLinear(node) || (isConvolution(node) && !convolutions)) continue
    const layer = smoothable(graph, node, opset)
    if (typeof layer === 'string') {
      notes.push({
        kind: 'skipped',
        subject: nodeLabel(node),
        text: `${node.opType} "${nodeLabel(node)}" stays as it is: ${layer}.`,
      })
      continue
    }
    const value = node.inputs[0] ?? ''
    const spatialAxes = layer.layer.weight.dims.length - 2
    const key = JSON.stringify([value, spatialAxes])
    const group = groups.get(key) ?? { source: { value, channels: layer.inputFactors.length, spatialAxes }, layers: [] }
    groups.set(key, group)
    group.layers.push(layer)
  }
  return { groups: [...groups.values()], notes }
}

function smoothable(graph: GraphEdit, node: Node, opset: number): ScaledLayer | string {
  const [value = '', weight = ''] = node.inputs
  const type = graph.type(value)
  if (type?.kind !== 'tensor' || type.dtype !== 'float32') return 'its input is not known to be float32'
  if (graph.constant(value)) return 'its input is constant'
  if (!graph.constant(weight)) return 'its second factor is computed'
  const layer = linearLayerOf(node, opset, graph.constant)
  if (typeof layer === 'string') return layer
  const grid = weightGridOf(layer)
  return grid ? new ScaledLayer(layer, grid) : 'the channels of its input are not columns'
}
