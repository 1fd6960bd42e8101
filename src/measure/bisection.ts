// Finds where the answers of an engine start to differ. The graph is halved again and again; every part runs alone on both engines, fed
// with the reference's values, so that a part is judged by what it does itself and not by what it was given. Where a part is wrong and
// its halves are not, the fault lies across the cut: an optimization that the cut undoes, or small errors that add up.

import { LabError } from '../core/errors/lab-error'
import { extractSubgraph } from '../core/model/extract-subgraph'
import { valuesRead } from '../core/model/graph-index'
import { inferShapes, type TypeScope } from '../core/model/infer-shapes'
import type { Model } from '../core/model/model'
import { nodeLabel, type Node } from '../core/model/node'
import type { ValueType } from '../core/model/shape'
import { withoutWeightInputs } from '../core/model/weight-inputs'
import { outputNumbers } from '../core/pass/tensor-numbers'
import type { NamedValues, TensorValue } from '../core/pass/tensor-value'
import { engineCheckOptions } from './check-options'
import { findCutPoints, type CutPoints } from './cut-points'
import {
  ABSOLUTE_FLOOR,
  checkEngine,
  type EngineCheck,
  type EngineCheckOptions,
  type OutputCheck,
} from './engine-check'
import type { FaultSite, SiteNode } from './fault-site'

/** Opens a model, runs it on each of the feeds, closes it. Feeds may hold more than the model's inputs. */
export type RunCut = (cut: Model, feeds: readonly NamedValues[]) => Promise<readonly NamedValues[]>

export interface BisectionRequest {
  /** With its weights: external data are attached. */
  readonly model: Model
  /** The sample that the engine check found worst. */
  readonly feeds: NamedValues
  /** Outputs that failed the engine check. */
  readonly outputs: readonly string[]
  /** Every operator as written, on the reference engine. */
  readonly reference: RunCut
  /** As the model is timed. */
  readonly suspect: RunCut
}

export interface BisectionControl {
  /** Called before every part; throws to end the search. */
  checkpoint(): Promise<void>
  /** `fraction` 0…1. */
  progress(fraction: number, what: string): void
}

/** Nodes that are looked at one by one, where a part is wrong that cannot be halved. No fusion that we know takes more. */
const MAX_SPAN = 32
/** Cuts that an engine may refuse (a type that cannot be handed out, an operator that it does not have alone). */
const MAX_REFUSALS = 8

/**
 * How far beyond its tolerance a part must be to be followed without a look at the other half. Two right engines may round an int8 file
 * apart by a little more than the tolerance of a short part.
 */
const CLEAR_EXCESS = 8

/** The steps `from` (included) to `to` (excluded), which are wrong with these values of the reference going in. */
interface Part {
  readonly from: number
  readonly to: number
  readonly values: NamedValues
  readonly check: EngineCheck
}

interface Trial {
  readonly check: EngineCheck
  readonly expected: NamedValues
}

/**
 * Opens at most about 4·log2(nodes) + 32 sessions on either engine, each of a part of the model; it keeps the values that cross one or two
 * cuts, and those within the last 32 nodes. An engine that refuses a part (`engine/failed`, `model/unsupported`) is asked for another;
 * every other error is thrown.
 */
export function locateFault(request: BisectionRequest, control: BisectionControl): Promise<FaultSite> {
  return new Bisection(request, control).run()
}

class Bisection {
  readonly #request: BisectionRequest
  readonly #control: BisectionControl
  readonly #model: Model
  readonly #types: TypeScope
  readonly #points: CutPoints
  readonly #refused = new Set<number>()

  constructor(request: BisectionRequest, control: BisectionControl) {
    this.#request = request
    this.#control = control
    this.#model = withoutWeightInputs(request.model)
    this.#types = inferShapes(this.#model)
    this.#points = findCutPoints(this.#model, this.#types, request.outputs)
  }

  async run(): Promise<FaultSite> {
    const to = this.#points.steps.length
    if (to === 0) return { kind: 'not-found', reason: 'no node makes the output' }
    const whole = await this.#try(0, to, {})
    if (!whole) return { kind: 'not-found', reason: 'what makes the output does not run alone' }
    if (whole.check.ok) return { kind: 'not-found', reason: 'what makes the output is right alone' }
    return this.#halve({ from: 0, to, values: {}, check: whole.check })
  }

  async #halve(whole: Part): Promise<FaultSite> {
    let part = whole
    for (;;) {
      const { from, to, values } = part
      const middle = this.#refused.size < MAX_REFUSALS ? this.#between(from, to) : undefined
      if (middle === undefined) return this.#siteOf(part, false)
      const left = await this.#try(from, middle, values)
      const isClear = left && excessOf(left.check) >= CLEAR_EXCESS
      const crossing = left && !isClear ? this.#crossing(middle, values, left.expected) : undefined
      const right = crossing && (await this.#try(middle, to, crossing))
      if (left?.check.ok && right?.check.ok) return this.#siteOf(await this.#narrow(part, middle), true)
      if (left && excessOf(left.check) > Math.max(1, right ? excessOf(right.check) : 0)) {
        part = { ...part, to: middle, check: left.check }
      } else if (crossing && right && !right.check.ok) {
        part = { from: middle, to, values: crossing, check: right.check }
      } else this.#refused.add(middle)
    }
  }

  /** `part` is wrong, the halves at `middle` are right: a part around it as short as can be that is still wrong. */
  async #narrow(part: Part, middle: number): Promise<Part> {
    let found = part
    let right = middle
    for (let at = this.#between(found.from, right); at !== undefined; at = this.#between(found.from, right)) {
      const later = await this.#startAt(at, found)
      if (later) found = later
      else right = at
    }
    // The first node alone comes first: an error may be hidden at some cuts behind it and not at others.
    right = found.from
    for (let at = this.#after(found.from, found.to); at !== undefined; at = this.#between(right, found.to)) {
      const trial = await this.#try(found.from, at, found.values)
      if (trial && !trial.check.ok) found = { ...found, to: at, check: trial.check }
      else right = at
    }
    return found
  }

  /** The part from `at` on; undefined when that is right, or refused. */
  async #startAt(at: number, { from, to, values }: Part): Promise<Part | undefined> {
    const cut = this.#cut(values, this.#ends(from, at))
    const [expected] = (await this.#run(this.#request.reference, cut, [values])) ?? []
    const crossing = expected && this.#crossing(at, values, expected)
    const trial = crossing && (await this.#try(at, to, crossing))
    return trial && !trial.check.ok ? { from: at, to, values: crossing, check: trial.check } : undefined
  }

  /** What is wrong with a part that is not made shorter. `isWhole`: shorter parts around the same cut were found right. */
  async #siteOf({ from, to, values, check }: Part, isWhole: boolean): Promise<FaultSite> {
    const failing = firstFailing(check)
    const found = { tensor: failing.name, check: failing }
    const cut = this.#cut(values, [failing.name])
    const needed = new Set(cut.graph.nodes)
    const nodes = this.#points.steps.slice(from, to).filter((node) => needed.has(node))
    const [only] = nodes
    if (only && nodes.length === 1) return { kind: 'node', node: this.#describe(only), ...found }
    const described = nodes.map((node) => this.#describe(node))
    const after = cut.graph.inputs.map(({ name }) => name)
    const span: FaultSite = { kind: 'span', nodes: described, after, ...found }
    if (nodes.length > MAX_SPAN) return isWhole ? { kind: 'accumulated', nodes: described, ...found } : span
    return (await this.#oneByOne(nodes, values, failing, this.#options(cut, values))) ?? span
  }

  /**
   * Every node alone, once with right values going in and once with the engine's own: a node that is wrong alone, or errors that add up
   * without any node being fused with another. Undefined when neither is the case, or a node does not run alone.
   */
  async #oneByOne(
    nodes: readonly Node[],
    values: NamedValues,
    failing: OutputCheck,
    options: EngineCheckOptions,
  ): Promise<FaultSite | undefined> {
    const read = new Set([failing.name, ...nodes.flatMap((node) => [...valuesRead(node)])])
    const endsOf = (node: Node): string[] => node.outputs.filter((name) => read.has(name))
    const { reference, suspect } = this.#request
    const [truth] = (await this.#run(reference, this.#cut(values, nodes.flatMap(endsOf)), [values])) ?? []
    if (!truth) return undefined
    let own = values
    const shares: { readonly node: Node; readonly share: number }[] = []
    for (const node of nodes) {
      const expected = pick(truth, endsOf(node))
      const right = without({ ...values, ...truth }, endsOf(node))
      const cut = this.#cut(right, endsOf(node))
      const [alone, chained] = (await this.#run(suspect, cut, [right, { ...right, ...own }])) ?? []
      if (!alone || !chained) return undefined
      const check = checkEngine([expected], [alone], this.#options(cut, right))
      if (!check.ok) {
        const wrong = firstFailing(check)
        return { kind: 'node', node: this.#describe(node), tensor: wrong.name, check: wrong }
      }
      shares.push({ node, share: Math.max(...check.outputs.map(shareOfTolerance)) })
      own = { ...own, ...chained }
    }
    if (checkEngine([pick(truth, [failing.name])], [own], options).ok) return undefined
    const largestFirst = shares.toSorted((a, b) => b.share - a.share).map(({ node }) => this.#describe(node))
    return { kind: 'accumulated', nodes: largestFirst, tensor: failing.name, check: failing }
  }

  /** Both engines on a part. Undefined when one refuses it. */
  async #try(from: number, to: number, values: NamedValues): Promise<Trial | undefined> {
    const { reference, suspect } = this.#request
    const all = this.#points.steps.length
    const fraction = 1 - Math.log2(to - from + 1) / Math.log2(all + 1)
    this.#control.progress(fraction, `Looking where the answers start to differ, among ${to - from} nodes`)
    const cut = this.#cut(values, this.#ends(from, to))
    const [expected] = (await this.#run(reference, cut, [values])) ?? []
    const [actual] = (expected && (await this.#run(suspect, cut, [values]))) ?? []
    return expected && actual && { expected, check: checkEngine([expected], [actual], this.#options(cut, values)) }
  }

  async #run(on: RunCut, cut: Model, values: readonly NamedValues[]): Promise<readonly NamedValues[] | undefined> {
    await this.#control.checkpoint()
    try {
      return await on(
        cut,
        values.map((known) => ({ ...this.#request.feeds, ...known })),
      )
    } catch (error) {
      if (error instanceof LabError && (error.code === 'engine/failed' || error.code === 'model/unsupported'))
        return undefined
      throw error
    }
  }

  /** Inner values may be tiny (products of scales), so the floor of differences follows what goes into the part. */
  #options(cut: Model, values: NamedValues): EngineCheckOptions {
    const fed = { ...this.#request.feeds, ...values }
    const sizes = cut.graph.inputs.map(({ name }) => largestOf(fed[name]))
    const largest = sizes.length > 0 ? Math.max(...sizes) : 1
    return { ...engineCheckOptions(cut), floor: ABSOLUTE_FLOOR * Math.min(1, largest) }
  }

  /** The model from `values` on. Their sizes are those of the values: an engine gets to know what it would infer itself. */
  #cut(values: NamedValues, to: readonly string[]): Model {
    const type = (name: string): ValueType | undefined => {
      const value = values[name]
      return value ? { kind: 'tensor', dtype: value.dtype, shape: value.dims } : this.#types.type(name)
    }
    return extractSubgraph(this.#model, { from: Object.keys(values), to, types: { type } })
  }

  /** What the steps from `from` to `to` make that is needed behind them. */
  #ends(from: number, to: number): readonly string[] {
    const made = new Set(this.#points.steps.slice(from, to).flatMap(({ outputs }) => outputs))
    return this.#points.crossing(to).filter((name) => made.has(name))
  }

  #crossing(position: number, before: NamedValues, made: NamedValues): NamedValues {
    return pick({ ...before, ...made }, this.#points.crossing(position))
  }

  /** The place to cut that is nearest to the middle; undefined where there is none in between. */
  #between(from: number, to: number): number | undefined {
    const middle = (from + to) / 2
    return this.#places(from, to).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0]
  }

  #after(from: number, to: number): number | undefined {
    return this.#places(from, to)[0]
  }

  #places(from: number, to: number): number[] {
    const inner = Array.from({ length: Math.max(0, to - from - 1) }, (_, index) => from + 1 + index)
    return inner.filter((position) => this.#points.canCut(position) && !this.#refused.has(position))
  }

  #describe(node: Node): SiteNode {
    const index = this.#model.graph.nodes.indexOf(node)
    return { name: nodeLabel(node), opType: node.opType, domain: node.domain, index }
  }
}

function firstFailing({ outputs }: EngineCheck): OutputCheck {
  const failing = outputs.find(({ ok }) => !ok)
  if (failing) return failing
  throw new LabError('internal', 'A part of a model was called wrong without a wrong output.')
}

/** Error over tolerance: 1 is what is just allowed. */
const shareOfTolerance = ({ ok, maxAbs, tolerance }: OutputCheck): number =>
  maxAbs === null ? (ok ? 0 : Infinity) : maxAbs === 0 ? 0 : maxAbs / tolerance

const excessOf = ({ outputs }: EngineCheck): number => Math.max(...outputs.map(shareOfTolerance))

/** 1 for values that have no size. */
function largestOf(value: TensorValue | undefined): number {
  if (!value || value.dtype === 'string') return 1
  let largest = 0
  const numbers = outputNumbers(value)
  for (let index = 0; index < numbers.length; index++) largest = Math.max(largest, Math.abs(numbers[index] ?? 0))
  return largest || 1
}

const pick = (values: NamedValues, names: readonly string[]): NamedValues =>
  Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)))
const without = (values: NamedValues, names: readonly string[]): NamedValues =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)))
