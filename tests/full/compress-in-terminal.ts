// A command of the test browser: runs the command line in a process of its own, and tells the browser what it wrote.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserCommand } from 'vitest/node'

import type { PresetName } from '../../src/techniques/presets'
import { ZOO_MODELS, type ZooModelId } from '../../src/zoo/catalog'
import { buildLathe } from '../cli/run-lathe'
import { makeVariant } from './variants'

export interface CompressedFile {
  /** Hex. */
  readonly sha256: string
  readonly sizeBytes: number
  readonly recipeKey: string
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    compressInTerminal(id: ZooModelId, recipe: PresetName): Promise<CompressedFile>
  }
}

export const compressInTerminal: BrowserCommand<[ZooModelId, PresetName]> = async (
  _context,
  id,
  recipe,
): Promise<CompressedFile> => {
  await buildLathe()
  const folder = await mkdtemp(join(tmpdir(), 'lathe-bytes-'))
  try {
    const data = `zoo:${ZOO_MODELS[id].calibrationId}`
    const { path, recipeKey } = await makeVariant({ model: `zoo:${id}`, recipe, data, folder })
    const bytes = await readFile(path)
    return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.byteLength, recipeKey }
  } finally {
    await rm(folder, { recursive: true })
  }
}
