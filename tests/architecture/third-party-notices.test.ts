import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { FILES } from '../../src/zoo/files.gen'

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8')
const notices = read('THIRD-PARTY-NOTICES.md')

test('every runtime dependency stands in the notices with its version', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  const missing = Object.entries(dependencies).filter(
    ([name, version]) => !notices.split('\n').some((line) => line.includes(`\`${name}\``) && line.includes(version)),
  )
  expect(missing).toEqual([])
})

test('every file of the zoo stands in the notices with its origin', () => {
  const named = [...notices.matchAll(/`([\w-]+\/[\w.*-]+)`/g)].map(([, pattern]) => pattern ?? '')
  const covers = (pattern: string, path: string): boolean => {
    const [head = '', tail = ''] = pattern.split('*')
    return pattern.includes('*') ? path.startsWith(head) && path.endsWith(tail) : pattern === path
  }
  const missing = Object.keys(FILES).filter((path) => !named.some((pattern) => covers(pattern, path)))
  expect(missing).toEqual([])
})
