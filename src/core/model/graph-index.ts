// Who makes and who reads each value of a graph. Built once per graph, linear in its size; throw it away after an edit.
// A read from inside a subgraph counts as a read by the node that holds the subgraph.

import type { Graph } from './graph'
import { isOp, subgraphs, type Attribute, type Node } from './node'
import { makeTensor, type Tensor } from './tensor'

export interface GraphIndex {
  /** The node that makes the value; absent for inputs and initializers. */
  producer(value: string): Node | undefined
  /** Nodes that read the value, each once, in graph order. */
  consumers(value: string): readonly Node[]
  /** The weight behind a name: an initializer that no input overrides, or the value of a `Constant` node. */
  constant(value: string): Tensor | undefined
  isInput(value: string): boolean
  isOutput(value: string): boolean
}

export function indexGraph(graph: Graph): GraphIndex {
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const producers = new Map<string, Node>()
  const consumers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output) producers.set(output, node)
    for (const value of valuesRead(node)) {
      const readers = consumers.get(value)
      if (readers) readers.push(node)
      else consumers.set(value, [node])
    }
  }
  return {
    producer: (value) => producers.get(value),
    consumers: (value) => consumers.get(value) ?? [],
    constant: (value) => {
      const initializer = graph.initializers.get(value)
      if (initializer) return inputs.has(value) ? undefined : initializer
      const node = producers.get(value)
      return node && constantNodeTensor(node)
    },
    isInput: (value) => inputs.has(value),
    isOutput: (value) => outputs.has(value),
  }
}

/** Names that a node reads: its inputs and whatever its subgraphs capture from outside. */
export function valuesRead(node: Node): ReadonlySet<string> {
  const read = new Set(node.inputs.filter((name) => name !== ''))
  for (const { graph } of subgraphs(node)) for (const name of capturedValues(graph)) read.add(name)
  return read
}

/** Names that a subgraph uses and does not define: values of the graphs around it. */
export function capturedValues(graph: Graph): ReadonlySet<string> {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()])
  for (const name of graph.sparseInitializers ?? []) own.add(name)
  for (const node of graph.nodes) for (const output of node.outputs) own.add(output)
  const captured = new Set<string>()
  for (const node of graph.nodes) for (const name of valuesRead(node)) if (!own.has(name)) captured.add(name)
  for (const { name } of graph.outputs) if (!own.has(name)) captured.add(name)
  return captured
}

/** The tensor a `Constant` node stands for (all its attribute forms but sparse and string ones), named like its output. */
export function constantNodeTensor(node: Node): Tensor | undefined {
  if (!isOp(node, 'Constant')) return undefined
  const [entry] = node.attributes
  const name = node.outputs[0] ?? ''
  return entry && tensorFromAttribute(name, entry[1])
}

function tensorFromAttribute(name: string, attribute: Attribute): Tensor | undefined {
  switch (attribute.kind) {
    case 'tensor':
      return { ...attribute.value, name }
    case 'float':
      return makeTensor(name, 'float32', [], Float32Array.of(attribute.value))
    case 'floats':
      return makeTensor(name, 'float32', [attribute.value.length], Float32Array.from(attribute.value))
    case 'int':
      return makeTensor(name, 'int64', [], BigInt64Array.of(attribute.value))
    case 'ints':
      return makeTensor(name, 'int64', [attribute.value.length], BigInt64Array.from(attribute.value))
    default:
      return undefined
  }
}

/** The node that alone reads the value, else the reason why there is none. */
export function onlyReader(index: GraphIndex, value: string): Node | string {
  if (index.isOutput(value)) return 'the value before it is an output of the graph'
  const readers = index.consumers(value)
  const [reader] = readers
  if (!reader) return 'nothing reads the value before it'
  if (readers.length > 1) return 'the value before it is read by other operators too'
  return reader.inputs.includes(value) ? reader : 'the value before it is read inside a subgraph'
}
