// Weights with the same type, sizes and bytes become one, in the whole model. Equal weights of two bodies (the branches of an `If`) move to
// the graph around both, where the bodies see them. Nothing is compared that cannot be equal, and no bytes are copied.

import type { Graph } from '../../core/model/graph'
import { mapGraphs } from '../../core/model/map-graphs'
import type { Model } from '../../core/model/model'
import { NamePool } from '../../core/model/name-pool'
import { subgraphs } from '../../core/model/node'
import { tensorSizeBytes, type Tensor } from '../../core/model/tensor'
import { hashBytes, hasSameBytes } from './same-bytes'

/** Smaller weights do not leave their body: shapes and scalars are best where they are read. */
const MIN_MOVED_BYTES = 1024

/** Weights that differ mostly do so right at the beginning, and then the rest need not be read. */
const BEGINNING_BYTES = 4096

/** Nothing here asks for types. */
const NO_TYPES = { type: () => undefined, body: () => undefined }

/** A graph of the model, with those around it. */
interface Place {
  readonly graph: Graph
  readonly parent: Place | undefined
  readonly depth: number
}

interface Weight {
  readonly tensor: Tensor
  readonly bytes: Uint8Array
  readonly place: Place
}

export interface MergedConstants {
  readonly model: Model
  /** Weights that went, and their bytes. */
  readonly count: number
  readonly bytes: number
}

/** What changes in one graph. */
interface Change {
  readonly renames: Map<string, string>
  readonly added: Tensor[]
}

/** Hashes of weights that an earlier round has looked at. */
export type KnownHashes = WeakMap<Uint8Array, number>

export async function mergeConstants(
  model: Model,
  hashes: KnownHashes,
  checkpoint: () => Promise<void>,
): Promise<MergedConstants> {
  const changes = new Map<Graph, Change>()
  let [count, bytes] = [0, 0]
  let names: NamePool | undefined
  for (const same of await equalWeights(weightsIn(model.graph), hashes, checkpoint)) {
    const parts = tensorSizeBytes(same[0].tensor) < MIN_MOVED_BYTES ? byPlace(same) : [same]
    for (const part of parts) {
      if (part.length < 2) continue
      unite(part, changes, (base) => (names ??= new NamePool(model)).fresh(base))
      count += part.length - 1
      bytes += (part.length - 1) * tensorSizeBytes(same[0].tensor)
    }
  }
  if (count === 0) return { model, count, bytes }
  const merged = await mapGraphs(model, NO_TYPES, ({ original, draft }) => {
    const change = changes.get(original)
    if (!change) return Promise.resolve(false)
    for (const tensor of change.added) draft.setInitializer(tensor)
    draft.redirectAll(change.renames)
    return Promise.resolve(true)
  })
  return { model: merged, count, bytes }
}

function weightsIn(graph: Graph, parent?: Place): readonly Weight[] {
  const place: Place = { graph, parent, depth: parent ? parent.depth + 1 : 0 }
  // A weight under the name of an input is a default that a caller may override; one that is an output needs its name.
  const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  const own = [...graph.initializers.values()].flatMap((tensor): Weight[] =>
    tensor.data.kind === 'bytes' && !fixed.has(tensor.name) ? [{ tensor, bytes: tensor.data.bytes, place }] : [],
  )
  const inner = graph.nodes.flatMap((node) => subgraphs(node).flatMap((body) => weightsIn(body.graph, place)))
  return [...own, ...inner]
}

type Same = readonly [Weight, ...Weight[]]

/** Groups of weights that are equal, each of two or more, in the order of the file. */
async function equalWeights(
  weights: readonly Weight[],
  hashes: KnownHashes,
  checkpoint: () => Promise<void>,
): Promise<readonly Same[]> {
  const found: Same[] = []
  const alike = groupBy(weights, ({ tensor, bytes }) => {
    const beginning = bytes.subarray(0, BEGINNING_BYTES)
    return `${tensor.dtype} ${tensor.dims.join()} ${hashBytes(beginning)}`
  })
  for (const candidates of alike) {
    if (candidates.length < 2) continue
    for (const { bytes } of candidates) {
      if (hashes.has(bytes)) continue
      await checkpoint()
      hashes.set(bytes, hashBytes(bytes))
    }
    for (const equal of groupBy(candidates, ({ bytes }) => hashes.get(bytes) ?? 0)) found.push(...classesOf(equal))
  }
  return found.filter((same) => same.length > 1)
}

function classesOf(candidates: readonly Weight[]): readonly Same[] {
  const classes: [Weight, ...Weight[]][] = []
  for (const weight of candidates) {
    const same = classes.find(([first]) => hasSameBytes(first.bytes, weight.bytes))
    if (same) same.push(weight)
    else classes.push([weight])
  }
  return classes
}

const byPlace = (same: readonly Weight[]): readonly Same[] => groupBy(same, ({ place }) => place)

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): (readonly [T, ...T[]])[] {
  const groups = new Map<K, [T, ...T[]]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return [...groups.values()]
}

/** One weight for all, in the innermost graph that all of them see. */
function unite(same: Same, changes: Map<Graph, Change>, fresh: (base: string) => string): void {
  const home = same.map(({ place }) => place).reduce(commonPlace)
  const own = same.find(({ place }) => place === home)
  const name = own?.tensor.name ?? fresh(same[0].tensor.name)
  if (!own) changeOf(changes, home).added.push({ ...same[0].tensor, name })
  for (const weight of same) {
    if (weight !== own) changeOf(changes, weight.place).renames.set(weight.tensor.name, name)
  }
}

function changeOf(changes: Map<Graph, Change>, { graph }: Place): Change {
  const change = changes.get(graph) ?? { renames: new Map<string, string>(), added: [] }
  changes.set(graph, change)
  return change
}

function commonPlace(a: Place, b: Place): Place {
  let [left, right] = [a, b]
  while (left !== right) {
    if (left.depth >= right.depth && left.parent) left = left.parent
    else if (right.parent) right = right.parent
    else break
  }
  return left
}
