// The default bundle of ONNX Runtime Web gives wrong numbers on GPUs (tests/browser/museum.browser.test.ts), so nothing that a browser
// gets may import it: neither the package's main entry nor `/all` nor the files of the build behind them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { projectFiles, ROOT } from './project-files'

/** In Node the main entry is the plain WASM build. */
const NODE_ONLY = 'workers/host/ort-runtime-node.ts'

test('only tests import the default bundle of ONNX Runtime Web', () => {
  const files = projectFiles().filter(
    (path) => /^(src|workers)\/.*\.(ts|svelte)$/.test(path) && !path.endsWith('.test.ts'),
  )
  const importers = files.filter((path) => {
    const lines = readFileSync(join(ROOT, path), 'utf8').split('\n')
    return lines.some((line) => /(import|from)\b.*['"]onnxruntime-web(['"/]all|[^'"]*jsep|['"])/.test(line))
  })
  expect(importers).toEqual([NODE_ONLY])
})
