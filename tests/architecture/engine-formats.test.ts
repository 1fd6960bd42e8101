// docs/engine-formats.md is what the results of the run say, and they are about the files that Lathe writes today.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { EMITTED_FORMATS } from '../fixtures/emitted-formats'
import { engineFormatsPage } from '../full/engine-formats-page'
import { ENGINE_FORMATS_PAGE, readEngineFormats } from '../full/keep-engine-formats'

const formats = readEngineFormats()

test('the page is the one that is generated from the results', () => {
  expect(readFileSync(ENGINE_FORMATS_PAGE, 'utf8')).toBe(engineFormatsPage(formats))
})

test.each(['wasm-node', 'wasm-browser', 'webgpu-browser'] as const)('%s ran every format there is', (engine) => {
  expect(formats[engine]?.results.map(({ format }) => format)).toEqual(EMITTED_FORMATS.map(({ name }) => name))
})
