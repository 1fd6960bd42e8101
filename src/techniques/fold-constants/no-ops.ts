// Operators that hand their input through unchanged: finds and removes them.

import type { GraphDraft } from '../../core/model/graph-draft'
import type { GraphEdit } from '../../core/model/map-graphs'
import { dtypeFromCode } from '../../core/model/dtype'
import { intAttribute, intsAttribute, type Node } from '../../core/model/node'
import { tensorBytes } from '../../core/model/tensor'

/** Returns the nodes it removed. `opset`: of ai.onnx. */
export function removeNoOps(graph: GraphEdit, opset: number): readonly Node[] {
  const { draft } = graph
  const removed: Node[] = []
  for (const listed of [...draft.nodes]) {
    if (!isNoOp(listed, graph, opset)) continue
    // An earlier removal may have put another object in its place.
    const node = draft.index.producer(listed.outputs[0] ?? '') ?? listed
    if (bypass(draft, node)) removed.push(node)
  }
  return removed
}

function isNoOp(node: Node, graph: GraphEdit, opset: number): boolean {
  if (node.domain !== '') return false
  switch (node.opType) {
    case 'Identity':
      return true
    case 'Concat':
      return node.inputs.length === 1
    case 'Transpose':
      return intsAttribute(node, 'perm')?.every((axis, position) => axis === position) ?? false
    case 'Cast': {
      const type = graph.type(node.inputs[0] ?? '')
      // Before opset 6 `to` was a name.
      return opset >= 6 && type?.kind === 'tensor' && type.dtype === dtypeFromCode(intAttribute(node, 'to', 0))
    }
    case 'Dropout':
      return isDropoutAtRest(node, graph, opset)
    default:
      return false
  }
}

function isDropoutAtRest(node: Node, { draft, constant }: GraphEdit, opset: number): boolean {
  const mask = node.outputs[1] ?? ''
  if (mask !== '' && (draft.index.isOutput(mask) || draft.index.consumers(mask).length > 0)) return false
  if (opset < 7) return intAttribute(node, 'is_test', 0) !== 0
  const mode = node.inputs[2] ?? ''
  if (opset < 12 || mode === '') return true
  const value = constant(mode)
  return value !== undefined && value.data.kind === 'bytes' && tensorBytes(value)[0] === 0
}

/** Takes the node out of the graph; false where its output must keep a node of its own. */
function bypass(draft: GraphDraft, node: Node): boolean {
  const { index } = draft
  const [from = ''] = node.inputs
  const [to = ''] = node.outputs
  if (!index.isOutput(to)) {
    draft.removeNode(node)
    draft.redirect(to, from)
    return true
  }
  // The output's name stays: its producer takes it over, unless the input has a name that must stay, too.
  const producer = index.producer(from)
  if (!producer || index.isOutput(from)) return false
  draft.removeNode(node)
  draft.replaceNode(producer, { ...producer, outputs: producer.outputs.map((name) => (name === from ? to : name)) })
  draft.redirect(from, to)
  return true
}
