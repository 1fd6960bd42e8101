// README.md of this folder names a test for every case of the specification.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const rows = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| C\d/.test(line))

test('every case has one line', () => {
  const cases = rows.map((row) => /^\| (C\d+) /.exec(row)?.[1])
  expect(cases).toEqual(Array.from({ length: 43 }, (_, at) => `C${at + 1}`))
})

test.each(rows.map((row) => [row.slice(2, 5).trim(), row] as const))('%s stands in files that are there', (_, row) => {
  const files = [...row.matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => join(import.meta.dirname, path))
  expect(files.length).toBeGreaterThan(0)
  expect(files.filter((file) => !existsSync(file))).toEqual([])
})
