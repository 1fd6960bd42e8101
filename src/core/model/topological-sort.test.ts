import fc from 'fast-check'
import { expect, test } from 'vitest'

import { node } from '../../../tests/fixtures/build-model'
import { sortTopologically } from './topological-sort'

test('any order of an acyclic graph is sorted so that values are made before they are read', () => {
  const graphs = fc.array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 20 }).chain((reads) => {
    const nodes = reads.map((from, i) =>
      node(
        'Sum',
        from.filter((j) => j < i).map((j) => `v${j}`),
        [`v${i}`],
      ),
    )
    return fc.shuffledSubarray(nodes, { minLength: nodes.length, maxLength: nodes.length })
  })
  fc.assert(
    fc.property(graphs, (nodes) => {
      const sorted = sortTopologically(nodes, { name: 'g' })
      expect(new Set(sorted)).toEqual(new Set(nodes))
      const made = new Set<string>()
      for (const each of sorted) {
        for (const name of each.inputs) expect(made.has(name)).toBe(true)
        made.add(each.outputs[0]!)
      }
    }),
  )
})

test('nodes that are in order already keep it', () => {
  const nodes = [node('A', ['x'], ['a']), node('B', ['x'], ['b']), node('C', ['b'], ['c']), node('D', ['a'], ['d'])]
  expect(sortTopologically(nodes, { name: 'g' })).toEqual(nodes)
})

test('a long chain in reverse order is sorted without deep recursion', () => {
  const nodes = Array.from({ length: 50_000 }, (_, i) => node('Relu', [`v${i}`], [`v${i + 1}`])).reverse()
  expect(sortTopologically(nodes, { name: 'g' })[0]?.outputs).toEqual(['v1'])
})
