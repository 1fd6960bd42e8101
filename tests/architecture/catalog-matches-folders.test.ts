import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { catalog } from '../../src/techniques/catalog'
import { passes } from '../../src/techniques/passes'
import { ROOT } from './project-files'

const folder = join(ROOT, 'src/techniques')
const folders = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort()

test('the catalogue, the passes and the folders on disk name the same techniques', () => {
  expect(Object.keys(catalog).sort()).toEqual(folders)
  expect(Object.keys(passes).sort()).toEqual(folders)
})

test.each(folders)('%s has its declaration, its pass, its explanation and a test', (name) => {
  for (const file of ['spec.ts', 'apply.ts', 'README.md'])
    expect([file, existsSync(join(folder, name, file))]).toEqual([file, true])
  expect(readdirSync(join(folder, name)).filter((file) => file.endsWith('.test.ts'))).not.toEqual([])
})
