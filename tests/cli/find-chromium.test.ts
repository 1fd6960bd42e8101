import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { findChromium } from '../../tools/scripts/find-chromium.mjs'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lathe-chromium-'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

async function program(name: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, '#!/bin/sh\n')
  await chmod(path, 0o755)
  return path
}

it('CHROME_PATH is taken before anything on the PATH', async () => {
  await program('chromium')
  const chosen = await program('my-browser')
  vi.stubEnv('PATH', folder)
  vi.stubEnv('CHROME_PATH', chosen)
  expect(findChromium()).toBe(chosen)
})

it('a CHROME_PATH that is no program is an error, not a reason to take another browser', async () => {
  await program('chromium')
  vi.stubEnv('PATH', folder)
  vi.stubEnv('CHROME_PATH', join(folder, 'nothing'))
  expect(findChromium).toThrow(/CHROME_PATH is ".*nothing", which is not a program/)
})

it('without CHROME_PATH the PATH is searched, Chromium before Chrome', async () => {
  vi.stubEnv('CHROME_PATH', '')
  vi.stubEnv('PATH', folder)
  expect(findChromium()).toBeUndefined()
  const chrome = await program('google-chrome')
  expect(findChromium()).toBe(chrome)
  const chromium = await program('chromium')
  expect(findChromium()).toBe(chromium)
})

it('a file that may not be run is passed over', async () => {
  await writeFile(join(folder, 'chromium'), '')
  vi.stubEnv('CHROME_PATH', '')
  vi.stubEnv('PATH', folder)
  expect(findChromium()).toBeUndefined()
})
