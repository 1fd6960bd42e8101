// Files that are not in the zoo and come without data: each is read, compressed in every way that needs none, and raced on synthetic
// inputs that are marked as such.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildLathe, lathe, latheJson } from '../cli/run-lathe'

const MODELS = ['tiny-bert', 'tiny-vit', 'tiny-lstm']
const RECIPES = ['int8-weights', 'int8-dynamic', 'fp16']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lathe-any-'))
  await buildLathe()
}, 60_000)
afterAll(() => rm(folder, { recursive: true }))

// Nothing here depends on how long a run takes, so the models share the time.
describe.concurrent.each(MODELS)('%s', (name) => {
  const model = `tests/fixtures/models/${name}.onnx`
  const variant = (recipe: string): string => join(folder, `${name}-${recipe}.onnx`)

  it('is inspected, with a cost for the sizes that a run would use', async () => {
    const { parameters, macs, freeDimensions } = await latheJson('inspect', model)
    expect(parameters).toBeGreaterThan(1000)
    expect(macs).toBeGreaterThan(1000)
    expect(Object.values(freeDimensions as Record<string, number>).every((size) => size > 0)).toBe(true)
  })

  it('is compressed in every way that needs no data, and answers nearly as before', async () => {
    for (const recipe of RECIPES) {
      const { output } = await latheJson('compress', model, '-r', recipe, '-o', variant(recipe))
      expect((output as { sizeBytes: number }).sizeBytes).toBeLessThan((await readFile(model)).byteLength)
    }
    const { variants, inputs } = await latheJson('compare', model, ...RECIPES.map(variant))
    expect(inputs).toMatchObject({ source: 'synthetic', isSynthetic: true })
    for (const { outputs } of variants as readonly { outputs: readonly { cosine: number }[] }[]) {
      for (const { cosine } of outputs) expect(cosine).toBeGreaterThan(0.99)
    }
  }, 60_000)

  it('is raced on synthetic inputs', async () => {
    const raced = variant('raced')
    await latheJson('compress', model, '-r', 'int8-dynamic', '-o', raced)
    const answer = await latheJson('bench', model, raced, '--seconds', '1')
    expect(answer).toMatchObject({
      inputs: { source: 'synthetic', isSynthetic: true },
      ratios: [{ ratio: expect.any(Number), verdict: expect.stringMatching(/^(faster|slower|same|undecided)$/) }],
    })
  }, 60_000)

  it('is not quantized statically without data, and the refusal offers other ways', async () => {
    const { status, stderr } = await lathe('compress', model, '-r', 'int8-static', '-o', variant('int8-static'))
    expect(status).toBe(2)
    expect(stderr).toMatch(/real data.*weights only or dynamically/)
  })
})
