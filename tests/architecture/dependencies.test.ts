import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { ROOT } from './project-files'

type Versions = Readonly<Record<string, string>>

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const manifest = JSON.parse(read('package.json')) as Readonly<Record<'dependencies' | 'devDependencies', Versions>>
const page = read('docs/dependencies.md')

/** The rows of the table under a heading, in order. */
function rowsUnder(
  heading: string,
): readonly { readonly name: string; readonly version: string; readonly why: string }[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [own = ''] = section.split('\n## ')
  return [...own.matchAll(/^\| `(.+?)` \| (.+?) \| (.*?) \|$/gm)].map(([, name = '', version = '', why = '']) => {
    return { name, version, why }
  })
}

describe.each([
  { heading: 'Runtime', field: 'dependencies' },
  { heading: 'Development', field: 'devDependencies' },
] as const)('$heading in docs/dependencies.md', ({ heading, field }) => {
  const rows = rowsUnder(heading)

  test(`names the packages of ${field} and their versions, in order`, () => {
    expect(rows.map(({ name, version }) => `${name} ${version}`)).toEqual(
      Object.entries(manifest[field]).map(([name, version]) => `${name} ${version}`),
    )
  })

  test('gives each a reason', () => {
    expect(rows.filter(({ why }) => why.trim().length < 10)).toEqual([])
  })

  test('has exact versions only', () => {
    expect(rows.filter(({ version }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })
})
