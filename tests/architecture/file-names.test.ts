import { basename } from 'node:path'
import { expect, test } from 'vitest'

import { projectFiles } from './project-files'

/** A file is named for its main export; these names say nothing. */
const BANNED = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'types', 'constants', 'index'])
const CODE = /^(src|workers|tests|tools\/(scripts|studies))\/.*\.(ts|mjs)$/
const code = projectFiles().filter((path) => CODE.test(path))

test('no file or folder has a name that says nothing', () => {
  const empty = code.filter((path) => path.split('/').some((part) => BANNED.has(part.split('.')[0] ?? '')))
  expect(empty).toEqual([])
})

test('code files are named in kebab-case', () => {
  expect(
    code.map((path) => basename(path)).filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(name)),
  ).toEqual([])
})

test('components are named in PascalCase', () => {
  const components = projectFiles().filter((path) => path.endsWith('.svelte'))
  expect(
    components.map((path) => basename(path)).filter((name) => !/^([A-Z][A-Za-z0-9]*)+\.svelte$/.test(name)),
  ).toEqual([])
})
