import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { projectFiles, ROOT } from './project-files'

const code = projectFiles().filter((path) => /^(src|workers)\/.*(?<!\.test|\.gen)\.ts$/.test(path))

test('every file of code opens with a comment that says what it is', () => {
  expect(code.filter((path) => !readFileSync(join(ROOT, path), 'utf8').startsWith('// '))).toEqual([])
})
