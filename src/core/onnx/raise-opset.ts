// Raises the ai.onnx opset of a model, and the IR version with it, by rewriting the nodes whose operators were redefined on the way
// (`op-upgrades.table.ts`). Other domains keep their versions.

import { LabError } from '../errors/lab-error'
import type { Graph } from '../model/graph'
import { constantNodeTensor } from '../model/graph-index'
import { inferShapes, type InferredTypes, type TypeScope } from '../model/infer-shapes'
import { onnxOpset, type Model, type ModelFunction } from '../model/model'
import { NamePool } from '../model/name-pool'
import { subgraphs, type Attribute, type Node } from '../model/node'
import type { Tensor } from '../model/tensor'
import { withoutWeightInputs } from '../model/weight-inputs'
import { MAX_OPSET, MIN_OPSET, upgradeNode } from './op-upgrades.table'
import { irForOpset } from './opset.table'
import type { UpgradeContext } from './upgrade-edits'

/**
 * The same model at ai.onnx opset `wanted`, or the model itself where it is there already. Throws `model/unsupported`, with `node`,
 * `op` and `opset`, where an operator cannot be carried over, and for opsets that the table does not reach.
 */
export function raiseOpset(model: Model, wanted: number): Model {
  const opset = onnxOpset(model)
  if (opset >= wanted) return model
  if (opset < MIN_OPSET || wanted > MAX_OPSET) {
    const message = `The model is of opset ${opset} and opset ${wanted} is needed; Lathe raises from ${MIN_OPSET} to ${MAX_OPSET} at most.`
    throw new LabError('model/unsupported', message, { opset, expected: wanted })
  }
  const types = inferShapes(model)
  const names = new NamePool(model)
  // In the raised version a weight among the inputs would be a default to override, not the constant it was.
  const { graph } = withoutWeightInputs(model)
  return {
    ...model,
    irVersion: Math.max(model.irVersion, irForOpset(wanted)),
    opsets: new Map(model.opsets).set('', wanted),
    graph: raiseGraph(graph, { names, types, scope: types, from: opset, to: wanted, outer: () => undefined }),
    functions: model.functions.map((owner) => raiseFunction(owner, names, wanted)),
  }
}

interface Raise {
  readonly names: NamePool
  readonly types: InferredTypes
  readonly scope: TypeScope
  readonly from: number
  readonly to: number
  /** Constants of the graphs around. */
  outer(value: string): Tensor | undefined
}

function raiseGraph(graph: Graph, raise: Raise): Graph {
  const added = new Map<string, Tensor>()
  const constant = constantsOf(
    graph.nodes,
    (name) => graph.initializers.get(name) ?? added.get(name) ?? raise.outer(name),
  )
  const inner = graph.nodes.map((node) =>
    mapBodies(node, (body) => {
      const scope = raise.types.body(body) ?? { type: () => undefined }
      return raiseGraph(body, { ...raise, scope, outer: constant })
    }),
  )
  const addConstant = (base: string, make: (name: string) => Tensor): string => {
    const tensor = make(raise.names.fresh(base))
    added.set(tensor.name, tensor)
    return tensor.name
  }
  const nodes = upgradeNodes(inner, raise, { type: (value) => raise.scope.type(value), constant, addConstant })
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...added]) }
}

/** A function body has no initializers, so what it needs comes as `Constant` nodes; its types depend on the call. */
function raiseFunction(owner: ModelFunction, names: NamePool, wanted: number): ModelFunction {
  const from = owner.opsets.get('')
  if (from === undefined || from >= wanted) return owner
  const constants: Node[] = []
  const addConstant = (base: string, make: (name: string) => Tensor): string => {
    const tensor = make(names.fresh(base))
    const attributes = new Map<string, Attribute>([['value', { kind: 'tensor', value: tensor }]])
    constants.push({
      name: tensor.name,
      opType: 'Constant',
      domain: '',
      inputs: [],
      outputs: [tensor.name],
      attributes,
    })
    return tensor.name
  }
  const constant = constantsOf(owner.nodes, () => undefined)
  const parts = { type: () => undefined, constant, addConstant }
  const nodes = upgradeNodes(owner.nodes, { names, from, to: wanted }, parts)
  return { ...owner, nodes: [...constants, ...nodes], opsets: new Map(owner.opsets).set('', wanted) }
}

type NodeContext = Omit<UpgradeContext, 'opset' | 'freshName'>

function upgradeNodes(
  nodes: readonly Node[],
  raise: Pick<Raise, 'names' | 'from' | 'to'>,
  parts: NodeContext,
): readonly Node[] {
  let raised = nodes
  for (let opset = raise.from + 1; opset <= raise.to; opset++) {
    const context = { ...parts, opset, freshName: (base: string) => raise.names.fresh(base) }
    raised = raised.flatMap((node) => upgradeNode(node, context))
  }
  return raised
}

function constantsOf(
  nodes: readonly Node[],
  otherwise: (name: string) => Tensor | undefined,
): (name: string) => Tensor | undefined {
  const byName = new Map<string, Tensor>()
  for (const node of nodes) {
    const tensor = constantNodeTensor(node)
    if (tensor) byName.set(tensor.name, tensor)
  }
  return (name) => byName.get(name) ?? otherwise(name)
}

function mapBodies(node: Node, change: (body: Graph) => Graph): Node {
  if (subgraphs(node).length === 0) return node
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]): [string, Attribute] => {
      if (attribute.kind === 'graph') return [name, { ...attribute, value: change(attribute.value) }]
      if (attribute.kind === 'graphs') return [name, { ...attribute, value: attribute.value.map(change) }]
      return [name, attribute]
    }),
  )
  return { ...node, attributes }
}
