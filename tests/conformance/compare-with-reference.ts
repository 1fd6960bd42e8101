// Compares what Lathe made with what the reference toolkit made, name for name. A deviation is judged by reference-deviations.table.ts.

import { LabError } from '../../src/core/errors/lab-error'
import { onnxOpset, type Model } from '../../src/core/model/model'
import type { FileFacts } from './reference-cases'
import { initializersOf, modelHash, tensorHash, withoutUnread } from './reference-hash'

/** Subjects that are not tensors: (graph), (opset) and (refused). */
export const GRAPH = '(graph)'
const OPSET = '(opset)'
const REFUSED = '(refused)'

export interface Deviation {
  readonly model: string
  /** Name of the case. */
  readonly caseName: string
  /** A tensor, or one of the subjects above. */
  readonly subject: string
  readonly kind: 'other value' | 'missing' | 'extra' | 'refused'
  /** What Lathe said when it refused. */
  readonly text?: string
}

export interface Comparison {
  /** Tensors, graph and opset that are the same. */
  readonly equal: number
  readonly deviations: readonly Deviation[]
}

export function factsOfFile(file: Model): FileFacts {
  const model = withoutUnread(file)
  const tensors = [...initializersOf(model.graph)].map(([name, tensor]) => [name, tensorHash(tensor)] as const)
  return { graph: modelHash(model), opset: onnxOpset(model), tensors: new Map(tensors) }
}

/** `nameOf` translates names of the reference. `make` gives Lathe's model. What it throws besides a `LabError` is a bug and goes on. */
export async function compareCase(
  where: Pick<Deviation, 'model' | 'caseName'>,
  expected: FileFacts,
  nameOf: (name: string) => string,
  make: () => Promise<Model>,
): Promise<Comparison> {
  const tensors = new Map([...expected.tensors].map(([name, hash]) => [nameOf(name), hash]))
  try {
    return compareFacts(where, { ...expected, tensors }, factsOfFile(await make()))
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    return { equal: 0, deviations: [{ ...where, subject: REFUSED, kind: 'refused', text: error.message }] }
  }
}

function compareFacts(where: Pick<Deviation, 'model' | 'caseName'>, expected: FileFacts, got: FileFacts): Comparison {
  const all = (facts: FileFacts): ReadonlyMap<string, string> =>
    new Map([[GRAPH, facts.graph], [OPSET, String(facts.opset)], ...facts.tensors])
  const [theirs, ours] = [all(expected), all(got)]
  const names = [...new Set([...theirs.keys(), ...ours.keys()])]
  const deviations = names.flatMap((subject): Deviation[] => {
    if (theirs.get(subject) === ours.get(subject)) return []
    const kind = !ours.has(subject) ? 'missing' : theirs.has(subject) ? 'other value' : 'extra'
    return [{ ...where, subject, kind }]
  })
  return { equal: names.length - deviations.length, deviations }
}
