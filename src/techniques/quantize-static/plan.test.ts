import { describe, expect, it } from 'vitest'
import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { inferShapes } from '../../core/model/infer-shapes'
import type { Model } from '../../core/model/model'
import { defaultOptions } from '../../core/options/parse-options'
import { planStatic, type StaticPlan } from './plan'
import { spec, type StaticOptions } from './spec'

const DEFAULTS: StaticOptions = defaultOptions(spec.options)

const weight = (dims: number[], value: number) =>
  tensor('float32', dims, Array<number>(dims.reduce((a, b) => a * b, 1)).fill(value))

/** Quantized nodes that are no Conv. */
const followersOf = ({ quantized }: StaticPlan): number =>
  [...quantized].filter(({ opType }) => opType !== 'Conv').length

describe('the plan', () => {
  const planOf = (model: Model, options = DEFAULTS) => planStatic(model.graph, inferShapes(model), options)
  const conv = (attributes = {}) => node('Conv', ['x', 'w'], ['c'], attributes)
  const after = (...nodes: ReturnType<typeof node>[]): Model =>
    buildModel({
      inputs: { x: ['float32', [1, 4, 6, 6]] },
      outputs: { y: ['float32'] },
      initializers: {
        w: weight([4, 4, 1, 1], 1),
        low: tensor('float32', [], [0]),
        high: tensor('float32', [], [6]),
        one: tensor('float32', [], [1]),
      },
      nodes: [conv(), ...nodes],
    })
  const absorbedIn = (...nodes: ReturnType<typeof node>[]): number => planOf(after(...nodes)).absorbed.size

  it('absorbs Relu and a Clip around zero, and no Clip that would lose a bound', () => {
    expect(absorbedIn(node('Relu', ['c'], ['y']))).toBe(1)
    expect(absorbedIn(node('Clip', ['c', 'low', 'high'], ['y']))).toBe(1)
    expect(absorbedIn(node('Clip', ['c', '', 'high'], ['y']))).toBe(1)
    expect(absorbedIn(node('Clip', ['c', 'one', 'high'], ['y']))).toBe(0)
  })

  it('keeps a Relu whose input somebody else reads', () => {
    expect(absorbedIn(node('Relu', ['c'], ['r']), node('Add', ['c', 'r'], ['y']))).toBe(0)
  })

  it('gives values that pass through unchanged one scale', () => {
    const plan = planOf(
      after(
        node('MaxPool', ['c'], ['p'], { kernel_shape: [2, 2] }),
        node('Transpose', ['p'], ['t'], { perm: [0, 1, 3, 2] }),
        node('Conv', ['t', 'w'], ['y']),
      ),
    )
    expect(plan.activations.get('p')).toMatchObject({ kind: 'shared', with: 'c' })
    expect(plan.activations.get('t')).toMatchObject({ kind: 'shared', with: 'p' })
  })

  it('leaves operators in float whose results nobody reads as integers', () => {
    const plan = planOf(after(node('GlobalAveragePool', ['c'], ['g']), node('Sigmoid', ['g'], ['y'])))
    expect(followersOf(plan)).toBe(0)
    expect([...plan.activations.keys()]).toEqual(['x', 'c'])
  })

  it('does not quantize an Add with an input that stays in float', () => {
    const plan = planOf(
      after(node('Tanh', ['c'], ['t']), node('Add', ['c', 't'], ['s']), node('Conv', ['s', 'w'], ['y'])),
    )
    expect(followersOf(plan)).toBe(0)
  })

  it('leaves depthwise convolutions in float unless asked, and says so', () => {
    const model = buildModel({
      inputs: { x: ['float32', [1, 4, 6, 6]] },
      outputs: { c: ['float32'] },
      initializers: { w: weight([4, 1, 3, 3], 1) },
      nodes: [conv({ group: 4 })],
    })
    expect(planOf(model).quantized.size).toBe(0)
    expect(planOf(model).notes[0]?.text).toMatch(/depthwise/)
    expect(planOf(model, { ...DEFAULTS, depthwise: true }).quantized.size).toBe(1)
  })

  it('has a note for what has no integer kernel and for bodies', () => {
    const body = buildGraph({ outputs: { z: ['float32'] }, nodes: [node('MatMul', ['c', 'c'], ['z'])] })
    const notes = planOf(
      buildModel({
        inputs: { x: ['float32', [1, 4, 6, 6]], k: ['bool', []] },
        outputs: { y: ['float32'] },
        initializers: { w: weight([4, 4, 1, 1], 1) },
        nodes: [
          conv(),
          node('ConvTranspose', ['c', 'w'], ['d']),
          node('If', ['k'], ['y'], {
            then_branch: { kind: 'graph', value: body },
            else_branch: { kind: 'graph', value: body },
          }),
        ],
      }),
    ).notes
    expect(notes.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['skipped', 'd'],
      ['skipped', 'y'],
    ])
  })
})
