// The memory that compressing a large model takes, and how soon the command line answers.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeAtomically } from '../../src/cli/atomic-file'
import { seededRng } from '../../src/core/numeric/rng'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { makeTensor } from '../../src/core/model/tensor'
import { REPOSITORY } from '../../tools/scripts/build-when-stale.mjs'
import { buildLathe, latheJson } from '../cli/run-lathe'
import { buildModel, node } from '../fixtures/build-model'

const LAYERS = 48
const WIDTH = 1024
const BAR = 1.35
const FIRST_LINE_MS = 150

let folder: string
let model: string

beforeAll(async () => {
  await buildLathe()
  folder = await mkdtemp(join(tmpdir(), 'lathe-memory-'))
  model = join(folder, 'large.onnx')
  await writeAtomically(model, encodeParts(largeModel()))
})
afterAll(() => rm(folder, { recursive: true }))

/** A chain of matrix products, 201 MB of float32 weights. */
function largeModel() {
  const rng = seededRng(1)
  const layers = Array.from({ length: LAYERS }, (_, index) => index)
  const weights = layers.map((layer) => {
    const values = Float32Array.from({ length: WIDTH * WIDTH }, () => rng.next() - 0.5)
    return [`w${layer}`, makeTensor(`w${layer}`, 'float32', [WIDTH, WIDTH], values)] as const
  })
  return buildModel({
    inputs: { h0: ['float32', [1, WIDTH]] },
    outputs: { [`h${LAYERS}`]: ['float32', [1, WIDTH]] },
    initializers: Object.fromEntries(weights),
    nodes: layers.map((layer) => node('MatMul', [`h${layer}`, `w${layer}`], [`h${layer + 1}`])),
  })
}

/** Largest resident set of an idle command, from the system. */
function idleBytes(): number {
  const script =
    'import("./dist-cli/lathe.mjs"); process.once("exit", () => console.error(process.resourceUsage().maxRSS))'
  const { stderr } = spawnSync(process.execPath, ['-e', script, 'x', 'techniques'], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  })
  return Number(stderr.trim()) * 1024
}

describe('compressing a model of 200 MB or more', () => {
  it(`takes at most ${BAR} times the file beyond an idle command`, async () => {
    const { size } = await stat(model)
    expect(size).toBeGreaterThanOrEqual(200e6)
    const idle = idleBytes()
    expect(idle).toBeGreaterThan(20e6)
    const { peakBytes } = await latheJson('compress', model, '-r', 'int8-weights', '-o', join(folder, 'small.onnx'))
    expect((Number(peakBytes) - idle) / size).toBeLessThanOrEqual(BAR)
  })

  it('leaves no partial file when it is interrupted while writing', async () => {
    const target = join(folder, 'copy.onnx')
    const args = ['dist-cli/lathe.mjs', 'compress', model, '-r', 'copy', '-o', target]
    const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: 'ignore' })
    const ended = new Promise((done) => child.once('close', done))
    while (!(await readdir(folder)).some((name) => name.endsWith('.part'))) await pause(1)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect((await readdir(folder)).filter((name) => name.includes('copy'))).toEqual([])
  })
})

describe('the help', () => {
  it(`stands on the first line within ${FIRST_LINE_MS} ms`, () => {
    const times = Array.from({ length: 15 }, () => {
      const start = performance.now()
      spawnSync(process.execPath, ['dist-cli/lathe.mjs', '--help'], { cwd: REPOSITORY })
      return performance.now() - start
    })
    expect(times.toSorted((a, b) => a - b)[7]).toBeLessThanOrEqual(FIRST_LINE_MS)
  })
})
