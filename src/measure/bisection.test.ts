// Bisection on engines that are plain arithmetic: what is wrong with them is known, so what must be found is too.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { buildModel, node, tensor } from '../../tests/fixtures/build-model'
import { floats, numbersOf } from '../../tests/fixtures/run-model'
import { LabError } from '../core/errors/lab-error'
import type { Model } from '../core/model/model'
import type { Node } from '../core/model/node'
import type { NamedValues } from '../core/pass/tensor-value'
import { locateFault, type RunCut } from './bisection'
import { checkEngine } from './engine-check'

const LENGTH = 4
const OPS: Readonly<Record<string, (x: number, y: number) => number>> = {
  Neg: (x) => -x,
  Sin: Math.sin,
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
}
type Result = (node: Node, right: readonly number[], cut: Model) => readonly number[]

/** Computes in float64; `result` may change what a node gives. */
const toyEngine =
  (result: Result = (_, right) => right): RunCut =>
  (cut, feeds) =>
    Promise.resolve(feeds.map((feed) => runToy(cut, feed, result)))

function runToy(cut: Model, feed: NamedValues, result: Result): NamedValues {
  const values = new Map(cut.graph.inputs.map(({ name }) => [name, numbersOf(feed, name)]))
  for (const [name, { data }] of cut.graph.initializers) {
    if (data.kind === 'bytes') values.set(name, [...new Float32Array(data.bytes.slice().buffer)])
  }
  for (const step of cut.graph.nodes) {
    const [x = [], y = []] = step.inputs.map((name) => {
      const value = values.get(name)
      if (value) return value
      throw new Error(`${step.name} reads "${name}", which is not there.`)
    })
    const right = x.map((value, index) => OPS[step.opType]?.(value, y[index] ?? 0) ?? NaN)
    values.set(step.outputs[0] ?? '', [...result(step, right, cut)])
  }
  return Object.fromEntries(
    cut.graph.outputs.map(({ name }) => [
      name,
      { dtype: 'float64', dims: [LENGTH], data: Float64Array.from(values.get(name) ?? []) },
    ]),
  )
}

const type = ['float64', [LENGTH]] as const
/** `v0` is the input; every node makes the next value, the last is the output. */
function toyModel(steps: readonly (readonly [op: string, ...inputs: string[]])[]): Model {
  return buildModel({
    inputs: { v0: type },
    outputs: { [`v${steps.length}`]: type },
    initializers: { w: tensor('float32', [LENGTH], [0.5, 0.25, -0.5, 1]) },
    nodes: steps.map(([op, ...inputs], index) => node(op, inputs, [`v${index + 1}`])),
  })
}
const chain = (length: number): Model =>
  toyModel(Array.from({ length }, (_, index) => (index % 3 === 2 ? ['Add', `v${index}`, 'w'] : ['Neg', `v${index}`])))

const feeds: NamedValues = { v0: floats([LENGTH], [1, -0.7, 0.3, 0.9]) }
const CONTROL = { checkpoint: () => Promise.resolve(), progress: () => undefined }

async function locate(model: Model, suspect: RunCut, fed = feeds) {
  let cuts = 0
  const counted: RunCut = (cut, values) => {
    cuts++
    return suspect(cut, values)
  }
  const outputs = model.graph.outputs.map(({ name }) => name)
  const site = await locateFault({ model, feeds: fed, outputs, reference: toyEngine(), suspect: counted }, CONTROL)
  return { site, cuts }
}

const spoil = (right: readonly number[]): number[] => right.map((value, index) => (index === 1 ? value + 0.3 : value))
const faulty = (name: string): RunCut => toyEngine((step, right) => (step.name === name ? spoil(right) : right))

/** Wrong where both nodes are in the cut and the value between them is not handed out. */
const badFusion = (first: string, second: string): RunCut =>
  toyEngine((step, right, { graph }) => {
    const isFused =
      step.name === second &&
      graph.nodes.some(({ name }) => name === first) &&
      graph.outputs.every(({ name }) => name !== first)
    return isFused ? spoil(right) : right
  })

/** A graph in which every node reads what came before; the last one reads all that nobody else does, so everything is needed. */
const randomModel = fc
  .array(fc.tuple(fc.constantFrom('Neg', 'Sin', 'Add', 'Sub'), fc.nat(), fc.nat()), { minLength: 3, maxLength: 40 })
  .map((steps) => {
    const made = steps.map(([op, a, b], index) => {
      // Mostly the value just before, sometimes any.
      const first = `v${a % 3 === 0 ? a % (index + 1) : index}`
      return op === 'Neg' || op === 'Sin' ? ([op, first] as const) : ([op, first, `v${b % (index + 1)}`] as const)
    })
    return toyModel(made)
  })

const isWrong = async (model: Model, suspect: RunCut): Promise<boolean> =>
  !checkEngine(await toyEngine()(model, [feeds]), await suspect(model, [feeds])).ok

describe('a bisection', () => {
  it('finds the one node that is wrong, with few cuts', async () => {
    const { site, cuts } = await locate(chain(200), faulty('v137'))
    expect(site).toMatchObject({
      kind: 'node',
      node: { name: 'v137', opType: 'Neg', index: 136 },
      tensor: 'v137',
      check: { reason: 'different', worst: { position: [1] } },
    })
    expect(cuts).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(200)) + 1)
  })

  it('finds the wrong node of any graph, whatever hides its error in between', async () => {
    await fc.assert(
      fc.asyncProperty(randomModel, fc.nat(), async (model, pick) => {
        const { nodes } = model.graph
        const target = nodes[pick % nodes.length]?.name ?? ''
        fc.pre(await isWrong(model, faulty(target)))
        const { site } = await locate(model, faulty(target))
        expect(site).toMatchObject({ kind: 'node', node: { name: target }, tensor: target })
      }),
      { numRuns: 200 },
    )
  })

  it('finds it among values as small as products of scales', async () => {
    const model = toyModel(Array.from({ length: 9 }, (_, index) => ['Neg', `v${index}`]))
    const suspect = toyEngine(({ name }, right) => (name === 'v4' ? right.map((value) => 1.3 * value) : right))
    const tiny = { v0: floats([LENGTH], [4e-6, -1e-6, 0, 1e-6]) }
    expect((await locate(model, suspect, tiny)).site).toMatchObject({ kind: 'node', node: { name: 'v4' } })
  })

  it('is not led astray by a part that is barely beyond its tolerance', async () => {
    const suspect = toyEngine(({ name }, right) =>
      name === 'v33' ? spoil(right) : right.map((value) => value * (name === 'v3' ? 1.002 : 1)),
    )
    expect((await locate(chain(40), suspect)).site).toMatchObject({ kind: 'node', node: { name: 'v33' } })
  })

  it('finds the first of several that are wrong', async () => {
    const wrong = ['v5', 'v9', 'v31']
    const suspect = toyEngine(({ name }, right) => (wrong.includes(name) ? spoil(right) : right))
    expect((await locate(chain(40), suspect)).site).toMatchObject({ kind: 'node', node: { name: 'v5' } })
  })

  it('names the span when two nodes are wrong only together', async () => {
    const { site } = await locate(chain(60), badFusion('v31', 'v32'))
    expect(site).toMatchObject({
      kind: 'span',
      nodes: [{ name: 'v31' }, { name: 'v32' }],
      after: ['v30'],
      tensor: 'v32',
    })
  })

  it('names a span around a wrong fusion in any graph', async () => {
    await fc.assert(
      fc.asyncProperty(randomModel, fc.nat(), async (model, pick) => {
        const { nodes } = model.graph
        const second = nodes[pick % nodes.length]
        const first = second?.inputs[0] ?? ''
        fc.pre(second !== undefined && first !== 'v0')
        const readers = nodes.filter(({ inputs }) => inputs.includes(first))
        const suspect = badFusion(first, second?.name ?? '')
        fc.pre(readers.length === 1 && (await isWrong(model, suspect)))
        const { site } = await locate(model, suspect)
        expect(site.kind).toBe('span')
        const names = site.kind === 'span' ? site.nodes.map(({ name }) => name) : []
        expect(names).toContain(first)
        expect(names).toContain(second?.name)
      }),
      { numRuns: 200 },
    )
  })

  it.each([12, 90])('tells small errors that add up over %i nodes from a fault', async (length) => {
    const drifting = toyEngine((_, right) => right.map((value) => value * (1 + 3e-4)))
    const { site } = await locate(chain(length), drifting)
    expect(site.kind).toBe('accumulated')
  })

  it('puts the largest of small errors first', async () => {
    const drifting = toyEngine(({ name }, right) => right.map((value) => value * (name === 'v4' ? 1.0008 : 1.0003)))
    const { site } = await locate(chain(6), drifting)
    expect(site.kind === 'accumulated' && site.nodes[0]?.name).toBe('v4')
  })

  it('cuts elsewhere where an engine refuses to', async () => {
    const suspect: RunCut = (cut, values) => {
      const isRefused = cut.graph.outputs.some(({ name }) => name === 'v20')
      return isRefused ? Promise.reject(new LabError('engine/failed', 'no')) : faulty('v7')(cut, values)
    }
    expect((await locate(chain(40), suspect)).site).toMatchObject({ kind: 'node', node: { name: 'v7' } })
  })

  it('gives a span where nothing can be cut', async () => {
    const suspect: RunCut = (cut, values) =>
      cut.graph.nodes.length < 5 ? Promise.reject(new LabError('engine/failed', 'no')) : faulty('v3')(cut, values)
    const { site } = await locate(chain(5), suspect)
    expect(site).toMatchObject({ kind: 'span', tensor: 'v5' })
    expect(site.kind === 'span' && site.nodes).toHaveLength(5)
  })

  it('says so when the fault does not show again', async () => {
    expect((await locate(chain(5), toyEngine())).site).toEqual({
      kind: 'not-found',
      reason: 'what makes the output is right alone',
    })
  })

  it('passes on a lost device and a cancel', async () => {
    const lost: RunCut = () => Promise.reject(new LabError('device/lost', 'gone'))
    await expect(locate(chain(5), lost)).rejects.toMatchObject({ code: 'device/lost' })
    const request = { model: chain(5), feeds, outputs: ['v5'], reference: toyEngine(), suspect: faulty('v2') }
    let turns = 0
    const checkpoint = (): Promise<void> =>
      ++turns > 3 ? Promise.reject(new LabError('job/cancelled', 'stop')) : Promise.resolve()
    await expect(locateFault(request, { ...CONTROL, checkpoint })).rejects.toMatchObject({ code: 'job/cancelled' })
  })
})
