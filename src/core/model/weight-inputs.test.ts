import { expect, test } from 'vitest'

import { buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, numbersOf, runModel } from '../../../tests/fixtures/run-model'
import { indexGraph } from './graph-index'
import { verifyInterface } from './verify-graph'
import { withoutWeightInputs } from './weight-inputs'

const model = (irVersion: number) =>
  buildModel({
    irVersion,
    opset: 8,
    inputs: { x: ['float32', [2]], w: ['float32', [2]] },
    outputs: { y: ['float32', [2]] },
    initializers: { w: tensor('float32', [2], [3, 5]) },
    nodes: [node('Mul', ['x', 'w'], ['y'])],
  })

test('weights of an old model become constants and its interface stays', async () => {
  const old = model(3)
  const bare = withoutWeightInputs(old)
  expect(indexGraph(old.graph).constant('w')).toBeUndefined()
  expect(indexGraph(bare.graph).constant('w')).toBe(old.graph.initializers.get('w'))
  verifyInterface(old, bare)
  expect(numbersOf(await runModel(bare, { x: floats([2], [2, 2]) }), 'y')).toEqual([6, 10])
})

test('a weight that a caller may override stays an input', () => {
  const overridable = model(8)
  expect(withoutWeightInputs(overridable)).toBe(overridable)
})
