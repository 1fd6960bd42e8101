// `If`, `Loop` and `Scan`: what their bodies give, united over branches and over rounds.

import { LabError } from '../../errors/lab-error'
import type { Graph } from '../graph'
import { intAttribute, intsAttribute, nodeLabel, type Node } from '../node'
import type { Dim } from '../shape'
import { frontAxis, uniteShapes } from './dims'
import { scalarOf, tensorFacts, typeOnly, type Facts, type NodeContext, type Rule, type RuleTable } from './rule'

/** Rounds until the shapes of loop-carried values must have settled; each round can only lose dimensions. */
const MAX_ROUNDS = 3

function bodyOf(node: Node, name: string): Graph {
  const attribute = node.attributes.get(name)
  if (attribute?.kind === 'graph') return attribute.value
  throw new LabError('model/invalid', `${nodeLabel(node)} (${node.opType}) has no graph in attribute "${name}".`, {
    node: nodeLabel(node),
    op: node.opType,
    expected: name,
  })
}

/** What holds whichever of the two a value is. */
function unite(a: Facts | undefined, b: Facts | undefined): Facts | undefined {
  if (!a || !b) return a ?? b
  if (a.kind === 'tensor' && b.kind === 'tensor') {
    const dtype =
      a.dtype === undefined || b.dtype === undefined || a.dtype === b.dtype ? (a.dtype ?? b.dtype) : undefined
    return tensorFacts(dtype, uniteShapes(a.shape, b.shape))
  }
  if (a.kind !== b.kind) return undefined
  if (a.kind !== 'sequence' || b.kind !== 'sequence') return a
  if (a.element?.kind !== 'tensor' || b.element?.kind !== 'tensor') return a.element ? a : b
  return { kind: 'sequence', element: { ...a.element, shape: uniteShapes(a.element.shape, b.element.shape) } }
}

/** A value of one branch only that is wholly unknown must not lend its sister's shape. */
function uniteBranches(a: Facts | undefined, b: Facts | undefined): Facts | undefined {
  const known = a ?? b
  if (a && b) return unite(a, b)
  return known?.kind === 'tensor' ? tensorFacts(known.dtype, undefined) : undefined
}

const branch: Rule = (context) => {
  const yes = context.inferBody(bodyOf(context.node, 'then_branch'), [])
  const no = context.inferBody(bodyOf(context.node, 'else_branch'), [])
  const decided = scalarOf(context, 0)
  if (decided !== undefined) return decided === 0 ? no : yes
  return context.node.outputs.map((_, position) => uniteBranches(yes[position], no[position]))
}

/** Body: (iteration, condition, carried…) → (condition, carried…, scanned…). */
const loop: Rule = (context) => {
  const body = bodyOf(context.node, 'body')
  const carriedCount = Math.max(0, context.inputCount - 2)
  const lead = [tensorFacts('int64', []), tensorFacts('bool', [])]
  let carried = Array.from({ length: carriedCount }, (_, position) => typeOnly(context.facts(position + 2)))
  let results: readonly (Facts | undefined)[] = []
  for (let round = 0; round < MAX_ROUNDS; round++) {
    results = context.inferBody(body, [...lead, ...carried])
    const next = carried.map((facts, position) => uniteCarried(facts, results[position + 1]))
    const isSettled = next.every((facts, position) => sameFacts(facts, carried[position]))
    carried = isSettled || round < MAX_ROUNDS - 1 ? next : next.map(dtypeOnly)
    if (isSettled) break
    if (round === MAX_ROUNDS - 1) results = context.inferBody(body, [...lead, ...carried])
  }
  const scanned = results.slice(carriedCount + 1).map((facts) => stacked(facts, 0, null))
  return [...carried, ...scanned]
}

/** The value before the first round, or after any. */
function uniteCarried(before: Facts | undefined, after: Facts | undefined): Facts | undefined {
  if (before && after) return unite(before, after)
  return before && dtypeOnly(before)
}

const dtypeOnly = (facts: Facts | undefined): Facts | undefined =>
  facts?.kind === 'tensor' ? tensorFacts(facts.dtype, undefined) : facts

function sameFacts(a: Facts | undefined, b: Facts | undefined): boolean {
  if (a?.kind !== 'tensor' || b?.kind !== 'tensor') return a?.kind === b?.kind
  if (a.dtype !== b.dtype || a.shape?.length !== b.shape?.length) return false
  return a.shape === b.shape || (a.shape?.every((dim, axis) => dim === b.shape?.[axis]) ?? false)
}

/** A tensor with one more axis, for what each round gave. */
function stacked(facts: Facts | undefined, axis: number, size: Dim): Facts | undefined {
  if (facts?.kind !== 'tensor') return undefined
  const at = facts.shape && frontAxis(axis, facts.shape.length + 1)
  return tensorFacts(facts.dtype, at === undefined ? undefined : facts.shape?.toSpliced(at, 0, size))
}

/** One slice of a scanned input, and how many there are. */
function sliced(facts: Facts | undefined, axis: number): { readonly facts: Facts | undefined; readonly size: Dim } {
  if (facts?.kind !== 'tensor') return { facts: undefined, size: null }
  const at = facts.shape && frontAxis(axis, facts.shape.length)
  if (at === undefined) return { facts: tensorFacts(facts.dtype, undefined), size: null }
  return { facts: tensorFacts(facts.dtype, facts.shape?.toSpliced(at, 1)), size: facts.shape?.[at] ?? null }
}

const FIRST_UNBATCHED_SCAN = 9

/** Body: (states…, one slice of each scanned input) → (states…, one slice of each scanned output). */
const scan: Rule = (context) => {
  const { node } = context
  const body = bodyOf(node, 'body')
  const scannedCount = intAttribute(node, 'num_scan_inputs', 0)
  if (context.opset < FIRST_UNBATCHED_SCAN) return batchedScan(context, body, scannedCount)
  const stateCount = Math.max(0, context.inputCount - scannedCount)
  const axes = intsAttribute(node, 'scan_input_axes') ?? []
  const slices = Array.from({ length: Math.min(scannedCount, context.inputCount) }, (_, position) =>
    sliced(context.facts(stateCount + position), axes[position] ?? 0),
  )
  const size = slices.map((slice) => slice.size).find((dim) => dim !== null) ?? null
  const states = Array.from({ length: stateCount }, (_, position) => typeOnly(context.facts(position)))
  const results = context.inferBody(body, [...states, ...slices.map((slice) => slice.facts)])
  const outputAxes = intsAttribute(node, 'scan_output_axes') ?? []
  return results.map((facts, position) => {
    if (position < stateCount) return unite(states[position], typeOnly(facts))
    return stacked(facts, outputAxes[position - stateCount] ?? 0, size)
  })
}

/** Opset 8: sequence lengths first, and every tensor has a batch axis in front that the body does not see. */
function batchedScan(context: NodeContext, body: Graph, scannedCount: number): readonly (Facts | undefined)[] {
  const stateCount = Math.max(0, context.inputCount - 1 - scannedCount)
  const inner = Array.from({ length: Math.max(0, context.inputCount - 1) }, (_, position) => {
    const { facts, size: batch } = sliced(context.facts(position + 1), 0)
    return position < stateCount ? { facts, batch, length: null } : { ...timeSlice(facts), batch }
  })
  const batch = inner.map((input) => input.batch).find((dim) => dim !== null) ?? null
  const length = inner.map((input) => input.length).find((dim) => dim !== null) ?? null
  const results = context.inferBody(
    body,
    inner.map(({ facts }) => facts),
  )
  return results.map((facts, position) => {
    const timed = position < stateCount ? facts : stacked(facts, 0, length)
    return stacked(timed, 0, batch)
  })
}

function timeSlice(facts: Facts | undefined): { readonly facts: Facts | undefined; readonly length: Dim } {
  const { facts: slice, size } = sliced(facts, 0)
  return { facts: slice, length: size }
}

export const CONTROL_FLOW_RULES: RuleTable = { If: branch, Loop: loop, Scan: scan }
