// Computes constant operators by the engine: packs them into a model without inputs and runs it as written, on one thread, which gives
// the same bytes on every machine. No operator is computed here.

import { isCancelled } from '../../core/errors/lab-error'
import type { Model } from '../../core/model/model'
import type { Node } from '../../core/model/node'
import { makeTensor, type Tensor } from '../../core/model/tensor'
import { encodeParts } from '../../core/onnx/encode-parts'
import type { PassContext } from '../../core/pass/pass-context'
import type { TensorValue } from '../../core/pass/tensor-value'
import type { ConstantPart } from './constant-nodes'

export interface Evaluated {
  readonly results: ReadonlyMap<string, Tensor>
  /** What the engine could not compute, and what it said. */
  readonly failures: ReadonlyMap<Node, string>
}

/** All of them in one run; if that fails, one by one. */
export async function evaluate(part: ConstantPart, model: Model, context: PassContext): Promise<Evaluated> {
  const nodes = part.nodes.map(({ node }) => node)
  try {
    return { results: await run(nodes, part.constants, model, context), failures: new Map() }
  } catch (error) {
    if (isCancelled(error)) throw error
  }
  const known = new Map(part.constants)
  const results = new Map<string, Tensor>()
  const failures = new Map<Node, string>()
  for (const node of nodes) {
    await context.checkpoint()
    if (node.inputs.some((name) => name !== '' && !known.has(name))) continue
    try {
      for (const [name, tensor] of await run([node], known, model, context)) {
        known.set(name, tensor)
        results.set(name, tensor)
      }
    } catch (error) {
      if (isCancelled(error)) throw error
      failures.set(node, error instanceof Error ? error.message : String(error))
    }
  }
  return { results, failures }
}

async function run(
  nodes: readonly Node[],
  constants: ReadonlyMap<string, Tensor>,
  model: Model,
  { infer }: PassContext,
): Promise<ReadonlyMap<string, Tensor>> {
  const session = await infer.open(encodeParts(modelOf(nodes, constants, model)))
  try {
    return new Map(Object.entries(await session.run({})).map(([name, value]) => [name, toTensor(name, value)]))
  } finally {
    await session.close()
  }
}

function modelOf(nodes: readonly Node[], constants: ReadonlyMap<string, Tensor>, model: Model): Model {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs))
  const outputs = nodes.flatMap((node) => node.outputs.filter((name) => name !== ''))
  const graph = {
    name: 'constants',
    nodes,
    inputs: [],
    outputs: outputs.map((name) => ({ name })),
    initializers: new Map([...constants].filter(([name]) => read.has(name))),
    valueInfos: new Map(),
  }
  const { irVersion, opsets, producerName, producerVersion } = model
  return { irVersion, opsets, producerName, producerVersion, metadata: new Map(), graph, functions: [] }
}

function toTensor(name: string, { dtype, dims, data }: TensorValue): Tensor {
  if (!('buffer' in data)) throw new TypeError(`"${name}" holds strings.`)
  return makeTensor(name, dtype, dims, data)
}
