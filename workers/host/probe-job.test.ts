import { expect, test } from 'vitest'

import { jobContext } from '../../tests/fixtures/job-context'
import { PROBE_FORMATS, PROBE_OPERATORS } from '../../src/probe/probe-table'
import { EngineHost } from './engine-host'
import { createNodeEngine } from './ort-runtime-node'
import { runProbe } from './probe-job'

const request = { engine: 'ort-wasm', threads: 1, page: { baseUrl: '' }, seconds: 0, seed: 1 } as const

test('on plain WASM every operator is right in every format, timed, and set against float32', async () => {
  const host = new EngineHost(({ threads }) => createNodeEngine({ threads }))
  const { rows, environment } = await runProbe(host, request, jobContext())
  expect(environment.engine.id).toBe('ort-wasm')
  // 4-bit weights are for the two MatMuls only.
  expect(rows).toHaveLength(PROBE_OPERATORS.length * PROBE_FORMATS.length - 3)
  for (const { operator, format, outcome } of rows) {
    expect(outcome, `${operator} ${format}`).toMatchObject({ kind: 'timed' })
    if (outcome.kind !== 'timed') continue
    expect(outcome.medianMs).toBeGreaterThan(0)
    expect(outcome.n).toBeGreaterThanOrEqual(8)
    if (format === 'float32') expect(outcome.ratio).toBeUndefined()
    else expect(outcome.ratio?.low).toBeLessThanOrEqual(outcome.ratio?.high ?? NaN)
  }
})

test('a wrong answer has no speed, and a model that the engine refuses has a reason', async () => {
  const host = new EngineHost(async ({ threads }) => {
    const engine = await createNodeEngine({ threads })
    return {
      ...engine,
      open: async (model, options) => {
        const isDepthwise = model.byteLength < 2 ** 16
        if (options.optimization === 'all' && isDepthwise) throw new Error('no kernel')
        const session = await engine.open(model, options)
        if (options.optimization === 'disabled') return session
        const run: typeof session.run = async (feeds, wanted) => {
          const answer = await session.run(feeds, wanted)
          const { y } = answer
          return y?.data instanceof Float32Array ? { y: { ...y, data: y.data.map((value) => 2 * value + 1) } } : answer
        }
        return { ...session, run }
      },
    }
  })
  const { rows } = await runProbe(host, request, jobContext())
  const outcomeOf = (operator: string, format: string) =>
    rows.find((row) => row.operator === operator && row.format === format)?.outcome
  expect(outcomeOf('matvec', 'float32')).toMatchObject({
    kind: 'wrong',
    detail: expect.stringMatching(/^largest error/),
  })
  expect(outcomeOf('depthwise', 'u8s8')).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('no kernel'),
  })
  // Nothing to set it against.
  expect(outcomeOf('matmul', 'u8s8')).toMatchObject({ kind: 'timed' })
  expect(outcomeOf('matmul', 'u8s8')).not.toHaveProperty('ratio')
})
