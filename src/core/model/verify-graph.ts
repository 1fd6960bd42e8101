// Checks that a model keeps the rules of ONNX that every reader relies on: each value defined once, before nothing reads it undefined,
// no cycles, opsets imported, tensors that agree with themselves. It does not check operators against their definitions.

import { LabError, type Details } from '../errors/lab-error'
import { dtypeBytes } from './dtype'
import type { Graph } from './graph'
import type { Model, ModelFunction } from './model'
import { nodeLabel, subgraphs, type Attribute, type Node } from './node'
import { formatShape, type Shape, type ValueInfo, type ValueType } from './shape'
import { tensorCount, type Tensor } from './tensor'
import { sortTopologically } from './topological-sort'

/** What a graph or function body stands in. */
interface Surroundings {
  /** Called in messages: `graph "main"`, `function "f"`. */
  readonly where: string
  readonly opsets: ReadonlyMap<string, number>
  /** Whether a graph around has the value, which a subgraph may then read. */
  readonly isOuter: (name: string) => boolean
}

const NOTHING = (): boolean => false

/** Throws `model/invalid` with `node` or `tensor` in the details at the first rule that the model breaks. */
export function verifyGraph(model: Model): void {
  if (model.opsets.size === 0)
    throw invalid('The model imports no opset, expected at least one.', { expected: 'opset' })
  const surroundings = { where: graphLabel(model.graph), opsets: model.opsets, isOuter: NOTHING }
  verifyBody(model.graph, surroundings)
  verifyFunctions(model)
}

/** Throws `model/invalid` unless inputs and outputs have the same names, order and types in both models. */
export function verifyInterface(before: Model, after: Model): void {
  verifySameValues('input', requiredInputs(before.graph), requiredInputs(after.graph))
  verifySameValues('output', before.graph.outputs, after.graph.outputs)
}

/** Inputs that a caller must give: those with an initializer have a default, and IR version 3 lists all weights here. */
const requiredInputs = ({ inputs, initializers }: Graph): readonly ValueInfo[] =>
  inputs.filter(({ name }) => !initializers.has(name))

function verifySameValues(what: string, before: readonly ValueInfo[], after: readonly ValueInfo[]): void {
  const describe = (info: ValueInfo | undefined): string =>
    info ? `"${info.name}" (${formatType(info.type)})` : 'nothing'
  for (let position = 0; position < Math.max(before.length, after.length); position++) {
    const [expected, got] = [describe(before[position]), describe(after[position])]
    if (expected === got) continue
    const message = `The ${what} ${position} of the model is ${got}, expected ${expected} as before.`
    throw invalid(message, { expected, got, path: `${what}s.${position}` })
  }
}

function formatType(type: ValueType | undefined): string {
  switch (type?.kind) {
    case undefined:
      return 'no type'
    case 'tensor':
      return `${type.dtype} ${formatShape(type.shape)}`
    case 'sparse':
      return `sparse ${type.dtype} ${formatShape(type.shape)}`
    case 'sequence':
    case 'optional':
      return `${type.kind} of ${formatType(type.element)}`
    case 'other':
      return 'another type'
    default:
      return type satisfies never
  }
}

function verifyBody(graph: Graph, around: Surroundings): void {
  const { where, isOuter } = around
  const defined = new Set<string>()
  for (const { name } of graph.inputs) {
    if (name === '') throw invalid(`An input of ${where} has no name.`, {})
    define(defined, name, `input of ${where}`)
  }
  const inputs = new Set(defined)
  for (const tensor of graph.initializers.values()) {
    verifyTensor(tensor, where)
    // An initializer may give an input its default; it is then the same value.
    if (!inputs.has(tensor.name)) define(defined, tensor.name, `initializer of ${where}`)
  }
  for (const name of graph.sparseInitializers ?? [])
    if (!inputs.has(name)) define(defined, name, `initializer of ${where}`)
  verifyNodes(graph.nodes, graph.name, defined, around)
  for (const { name } of graph.outputs) {
    if (defined.has(name) || isOuter(name)) continue
    throw invalid(`The output "${name}" of ${where} is made by no node.`, { tensor: name })
  }
}

/** `defined` holds what stands before the nodes; their outputs are added. */
function verifyNodes(nodes: readonly Node[], graphName: string, defined: Set<string>, around: Surroundings): void {
  for (const node of nodes) {
    verifyNode(node, around)
    for (const output of node.outputs) if (output !== '') define(defined, output, `output of node ${nodeLabel(node)}`)
  }
  const isVisible = (name: string): boolean => defined.has(name) || around.isOuter(name)
  for (const node of nodes) {
    for (const name of node.inputs) {
      if (name === '' || isVisible(name)) continue
      const message = `Node ${nodeLabel(node)} (${node.opType}) reads "${name}", which nothing in ${around.where} defines.`
      throw invalid(message, { node: nodeLabel(node), op: node.opType, tensor: name })
    }
    for (const { graph } of subgraphs(node)) {
      const where = `${graphLabel(graph)} of node ${nodeLabel(node)}`
      verifyBody(graph, { where, opsets: around.opsets, isOuter: isVisible })
    }
  }
  sortTopologically(nodes, { name: graphName })
}

function verifyNode(node: Node, { where, opsets }: Surroundings): void {
  const details = { node: nodeLabel(node), op: node.opType }
  if (node.opType === '') throw invalid(`Node ${nodeLabel(node)} in ${where} has no operator.`, details)
  if (!opsets.has(node.domain)) {
    const domain = node.domain || 'ai.onnx'
    const message = `Node ${nodeLabel(node)} (${node.opType}) is of the domain "${domain}", whose opset the model does not import.`
    throw invalid(message, { ...details, domain })
  }
  for (const tensor of [...node.attributes.values()].flatMap(attributeTensors))
    verifyTensor(tensor, `node ${nodeLabel(node)}`)
}

function attributeTensors(attribute: Attribute): readonly Tensor[] {
  if (attribute.kind === 'tensor') return [attribute.value]
  return attribute.kind === 'tensors' ? attribute.value : []
}

function verifyFunctions(model: Model): void {
  const keys = new Set<string>()
  for (const owner of model.functions) {
    const key = JSON.stringify([owner.domain, owner.name, owner.overload])
    if (keys.has(key)) throw invalid(`The function "${owner.name}" of domain "${owner.domain}" is defined twice.`, {})
    keys.add(key)
    verifyFunction(owner)
  }
}

function verifyFunction(owner: ModelFunction): void {
  const where = `function "${owner.name}"`
  const defined = new Set<string>()
  for (const name of owner.inputs) define(defined, name, `input of ${where}`)
  verifyNodes(owner.nodes, owner.name, defined, { where, opsets: owner.opsets, isOuter: NOTHING })
  for (const name of owner.outputs) {
    if (!defined.has(name)) throw invalid(`The output "${name}" of ${where} is made by no node.`, { tensor: name })
  }
}

function define(defined: Set<string>, name: string, what: string): void {
  if (defined.has(name)) throw invalid(`"${name}" is defined twice, the second time as ${what}.`, { tensor: name })
  defined.add(name)
}

function verifyTensor(tensor: Tensor, where: string): void {
  const { name, dtype, dims, data } = tensor
  const label = `Tensor "${name}" (${dtype} ${formatShape(dims)}) of ${where}`
  const bad: Shape = dims.filter((dim) => !Number.isSafeInteger(dim) || dim < 0)
  if (bad.length > 0) throw invalid(`${label} has the dimension ${bad[0]}, expected 0 or more.`, { tensor: name })
  const count = tensorCount(tensor)
  const isStrings = data.kind === 'strings'
  if (isStrings !== (dtype === 'string'))
    throw invalid(`${label} holds ${data.kind}, which is not its type.`, { tensor: name })
  const found = isStrings ? data.values.length : data.kind === 'bytes' ? data.bytes.byteLength : data.length
  const expected = isStrings ? count : dtypeBytes(dtype, count)
  if (found === undefined || expected === undefined || found === expected) return
  const unit = isStrings ? 'strings' : 'bytes'
  throw invalid(`${label} holds ${found} ${unit}, expected ${expected}.`, { tensor: name, expected })
}

const graphLabel = ({ name }: Graph): string => `graph "${name}"`

const invalid = (message: string, details: Details): LabError => new LabError('model/invalid', message, details)
