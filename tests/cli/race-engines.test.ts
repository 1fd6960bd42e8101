// Races of thread counts in processes of their own: the built command line's processes, real engines.

import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { raceEnginesFor } from '../../src/cli/run/race-engines'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { joinParts } from '../../src/core/numeric/join-parts'
import { BUILDS, buildWhenStale, REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { buildModel, node, tensor } from '../fixtures/build-model'

const folder = await mkdtemp(join(tmpdir(), 'lathe-race-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
await buildWhenStale(BUILDS.cli)

const file = join(folder, 'products.onnx')
const weights = tensor('float32', [512, 512], new Array<number>(512 * 512).fill(0.002))
const model = buildModel({
  inputs: { x: ['float32', [64, 512]] },
  outputs: { y: ['float32', [64, 512]] },
  initializers: { w: weights },
  nodes: [node('MatMul', ['x', 'w'], ['y'])],
})
await writeFile(file, joinParts(encodeParts(model)))

const seen: string[] = []
const terminal = {
  repository: REPOSITORY,
  progress: { show: (_: number, what: string) => void seen.push(what), note: () => undefined, end: () => undefined },
}
const order = {
  ...{ file, seconds: 1, margin: 0.02, freeDimensions: {}, seed: 1, warmUp: { minRuns: 10, minMs: 50 } },
  engines: ['ort-wasm:1', 'ort-wasm:2'],
}

describe('a race of thread counts', () => {
  it('times each in a process of its own with its own number of threads', async () => {
    const { entries, comparison } = await raceEnginesFor(order, terminal)
    expect(entries.map(({ status }) => status)).toEqual(['timed', 'timed'])
    for (const { threads, environment, check, cold, speed } of entries) {
      expect(environment?.engine.threads).toBe(threads)
      expect(environment?.hardwareConcurrency).toBeGreaterThan(0)
      expect(check?.ok).toBe(true)
      expect(cold?.sessionMs).toBeGreaterThan(0)
      expect(speed?.medianMs).toBeGreaterThan(0)
    }
    expect(comparison?.pairs).toHaveLength(1)
    expect(seen.some((what) => what.startsWith('Timing'))).toBe(true)
  })

  it('of a model that no engine runs gives the reason for each, and no process is left', async () => {
    const strange = join(folder, 'strange.onnx')
    const parts = { inputs: { x: ['float32', [1]] }, outputs: { y: ['float32', [1]] } } as const
    const nodes = [node('NoSuchOp', ['x'], ['y'], {}, 'com.example')]
    const unknown = buildModel({ ...parts, domains: { 'com.example': 1 }, nodes })
    await writeFile(strange, joinParts(encodeParts(unknown)))
    const { entries, comparison } = await raceEnginesFor({ ...order, file: strange }, terminal)
    expect(comparison).toBeNull()
    for (const { status, reason, speed } of entries) {
      expect(status).toBe('unavailable')
      expect(reason).toMatch(/NoSuchOp/)
      expect(speed).toBeNull()
    }
  })

  it('refuses an engine that does not run where it was sent', async () => {
    const wrong = raceEnginesFor({ ...order, engines: ['ort-wasm:1', 'ort-webgpu'], where: 'node' }, terminal)
    await expect(wrong).rejects.toMatchObject({ code: 'cli/usage' })
  })
})
