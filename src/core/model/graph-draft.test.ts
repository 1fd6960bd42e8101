import { expect, test } from 'vitest'

import { buildGraph, node, tensor } from '../../../tests/fixtures/build-model'
import { GraphDraft } from './graph-draft'
import { indexGraph } from './graph-index'
import { attributes } from './node'

const chain = () =>
  buildGraph({
    inputs: { x: ['float32', [2]] },
    outputs: { z: ['float32', [2]] },
    initializers: { w: tensor('float32', [2], [1, 2]), unused: tensor('float32', [1], [0]) },
    nodes: [node('Add', ['x', 'w'], ['y']), node('Relu', ['y'], ['z'])],
  })

/** `If` whose branches capture `y` of the outer graph; one hands it straight out. */
const branching = () =>
  buildGraph({
    inputs: { x: ['float32', [2]], flag: ['bool', []] },
    outputs: { z: ['float32', [2]] },
    nodes: [
      node('Neg', ['x'], ['y']),
      {
        ...node('If', ['flag'], ['z']),
        attributes: attributes({
          then_branch: { kind: 'graph', value: buildGraph({ outputs: { y: ['float32', [2]] }, nodes: [] }) },
          else_branch: {
            kind: 'graph',
            value: buildGraph({ outputs: { n: ['float32', [2]] }, nodes: [node('Abs', ['y'], ['n'])] }),
          },
        }),
      },
    ],
  })

test('the original graph is not touched and unused weights are dropped', () => {
  const graph = chain()
  const draft = new GraphDraft(graph)
  draft.removeNode(draft.nodes[1]!)
  draft.addNode({ opType: 'Neg', inputs: ['y'], outputs: ['z'] })
  const next = draft.finish()
  expect(next.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Neg'])
  expect([...next.initializers.keys()]).toEqual(['w'])
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Relu'])
  expect(graph.initializers.has('unused')).toBe(true)
})

test('finish sorts nodes that were added out of order and refuses a cycle', () => {
  const draft = new GraphDraft(chain())
  draft.addNode({ opType: 'Neg', inputs: ['x'], outputs: ['minus_x'] })
  draft.mapNodes((each) => (each.opType === 'Add' ? { ...each, inputs: ['minus_x', 'w'] } : each))
  expect(draft.finish().nodes.map(({ opType }) => opType)).toEqual(['Neg', 'Add', 'Relu'])
  draft.mapNodes((each) => (each.opType === 'Neg' ? { ...each, inputs: ['z'] } : each))
  expect(() => draft.finish()).toThrow(/has a cycle through/)
})

test('redirect reaches values captured by subgraphs, also one that a body hands straight out', () => {
  const draft = new GraphDraft(branching())
  draft.addNode({ opType: 'Abs', inputs: ['x'], outputs: ['other'] })
  draft.redirect('y', 'other')
  const next = draft.finish()
  expect([...indexGraph(next).consumers('other')].map(({ opType }) => opType)).toEqual(['If'])
  expect(indexGraph(next).consumers('y')).toEqual([])
})

test('fresh names avoid every name in the graph and its subgraphs', () => {
  const draft = new GraphDraft(branching())
  expect([draft.freshName('n'), draft.freshName('n'), draft.freshName('new')]).toEqual(['n_1', 'n_2', 'new'])
})

test('a weight is an initializer that no input overrides, or a Constant node', () => {
  const graph = buildGraph({
    inputs: { x: ['float32', [1]], overridable: ['float32', [1]] },
    outputs: { y: ['float32', [1]] },
    initializers: { w: tensor('float32', [1], [1]), overridable: tensor('float32', [1], [2]) },
    nodes: [node('Constant', [], ['c'], { value_ints: [3, 4] }), node('Sum', ['x', 'w', 'overridable'], ['y'])],
  })
  const index = indexGraph(graph)
  expect(index.constant('w')?.name).toBe('w')
  expect(index.constant('overridable')).toBeUndefined()
  expect(index.constant('c')).toMatchObject({ name: 'c', dtype: 'int64', dims: [2] })
  expect(index.constant('x')).toBeUndefined()
})
