import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { catalog } from '../../src/techniques/catalog'
import { ROOT } from './project-files'

const importsOf = (path: string): string[] =>
  [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^(?:import|export)\b[^']*?from '([^']+)'/gms)].map(
    ([, from = '']) => from,
  )

/** The kinds of options, and the ones that every technique with calibration has. */
const VOCABULARY = ['../../core/calibration/calibration-options', '../../core/options/spec']

test.each(Object.keys(catalog))('the declaration of %s imports nothing but the vocabulary of options', (id) => {
  const strangers = importsOf(`src/techniques/${id}/spec.ts`).filter((from) => !VOCABULARY.includes(from))
  expect(strangers).toEqual([])
})

test('options that techniques share are as much data as theirs', () => {
  expect(importsOf('src/core/calibration/calibration-options.ts')).toEqual(['../options/spec'])
})

test('the catalogue imports declarations only, so that no pass reaches the page', () => {
  const specs = Object.keys(catalog).map((id) => `./${id}/spec`)
  expect(importsOf('src/techniques/catalog.ts').sort()).toEqual(specs.sort())
})

test('no technique imports a sibling', () => {
  for (const id of Object.keys(catalog)) {
    for (const file of readdirSync(join(ROOT, 'src/techniques', id)).filter((name) => name.endsWith('.ts'))) {
      const strangers = importsOf(`src/techniques/${id}/${file}`).filter((from) => /^\.\.\/(?!\.\.\/)/.test(from))
      expect([id, file, strangers]).toEqual([id, file, []])
    }
  }
})
