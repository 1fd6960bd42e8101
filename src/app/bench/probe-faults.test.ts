import { expect, test } from 'vitest'

import { probeFaults } from './probe-faults'

test('a reason stands once, with all its cells, and timed cells have none', () => {
  const refused = { kind: 'refused', reason: 'no 16-bit floats here' } as const
  expect(
    probeFaults([
      { operator: 'conv3x3', format: 'float32', outcome: { kind: 'timed', medianMs: 1, n: 10 } },
      { operator: 'conv3x3', format: 'float16', outcome: refused },
      { operator: 'matmul', format: 'float16', outcome: refused },
      { operator: 'matvec', format: 's8s8', outcome: { kind: 'wrong', detail: 'largest error 3.00' } },
    ]),
  ).toEqual([
    ['no 16-bit floats here', ['Conv 3×3 in float16', 'MatMul, M = 128 in float16']],
    ['largest error 3.00', ['MatMul, M = 1 in S8S8']],
  ])
})
