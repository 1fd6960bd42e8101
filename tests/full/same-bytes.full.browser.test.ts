// The promise of recipes: the same model and recipe give the same bytes on every machine and with any number of workers. Each recipe runs
// in two workers of the page and in two processes of the command line at once; one of each comes second on a busy machine.

import { afterAll, describe, expect, test } from 'vitest'
import { commands } from 'vitest/browser'

import { CompressClient } from '../../src/app/jobs/compress-client'
import { sha256Hex } from '../../src/core/recipe/recipe-key'
import { presetRecipe } from '../../src/techniques/preset-recipe'
import { presets, type PresetName } from '../../src/techniques/presets'
import { ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import type { CompressedFile } from './compress-in-terminal'

const workers = [new CompressClient(), new CompressClient()]
afterAll(() => workers.forEach((worker) => worker.end()))

async function compressInPage(worker: CompressClient, id: ZooModelId, name: PresetName): Promise<CompressedFile> {
  const file = await (await fetch(`/zoo/${ZOO_MODELS[id].file.path}`)).blob()
  const { model } = await worker.load(file)
  const recipe = presetRecipe(name)
  const calibration = { kind: 'zoo', id: ZOO_MODELS[id].calibrationId } as const
  const result = await worker.compress({ modelId: model.id, recipe, calibration })
  await worker.release(model.id)
  await worker.release(result.model.id)
  const bytes = new Uint8Array(await result.model.file.arrayBuffer())
  return { sha256: await sha256Hex(bytes), sizeBytes: bytes.byteLength, recipeKey: result.recipeKey }
}

describe.each(Object.keys(ZOO_MODELS) as ZooModelId[])('%s', (id) => {
  test.each(Object.keys(presets) as PresetName[])('%s gives the same bytes in page and terminal', async (recipe) => {
    const [first, ...others] = await Promise.all([
      ...workers.map((worker) => compressInPage(worker, id, recipe)),
      commands.compressInTerminal(id, recipe),
      commands.compressInTerminal(id, recipe),
    ])
    expect(first?.sizeBytes).toBeGreaterThan(1000)
    expect(others).toEqual([first, first, first])
  })
})
