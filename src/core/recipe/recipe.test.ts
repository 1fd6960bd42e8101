import { expect, test } from 'vitest'

import { choice, defineSpec } from '../options/spec'
import { parseRecipe, parseRecipeText } from './parse-recipe'
import { canonicalJson, joinHashes, recipeKey, sha256Hex } from './recipe-key'

const demo = defineSpec({
  id: 'demo',
  label: 'Demo',
  summary: '',
  version: 1,
  options: { mode: choice({ label: '', help: '', choices: ['a', 'b'], default: 'a' }) },
  needs: { calibration: false, opset: 7 },
  keeps: { idempotent: true, interface: true },
})
const catalog = { demo }
const minimal = { version: 1, steps: [{ technique: 'demo' }] }

test('a recipe is completed with defaults', () => {
  expect(parseRecipe(minimal, catalog)).toEqual({
    version: 1,
    seed: 0,
    steps: [{ technique: 'demo', options: { mode: 'a' } }],
  })
})

test.each([
  [null, 'options/invalid', undefined],
  [{ ...minimal, version: 2 }, 'recipe/newer-version', 'version'],
  [{ ...minimal, version: 'x' }, 'recipe/invalid', 'version'],
  [{ ...minimal, extra: 1 }, 'recipe/invalid', 'extra'],
  [{ ...minimal, seed: -1 }, 'recipe/invalid', 'seed'],
  [{ version: 1, steps: [{ technique: 'nope' }] }, 'recipe/unknown-technique', 'steps[0].technique'],
  [{ version: 1, steps: [{ technique: 'constructor' }] }, 'recipe/unknown-technique', 'steps[0].technique'],
  [{ version: 1, steps: [{ technique: 'demo', options: { mode: 'c' } }] }, 'options/invalid', 'steps[0].options.mode'],
  [
    { ...minimal, calibration: { source: 's', indices: [0], ranges: { x: [0, null] } } },
    'recipe/invalid',
    'calibration.ranges.x[1]',
  ],
])('%j is refused as %s', (raw, code, path) => {
  expect(() => parseRecipe(raw, catalog)).toThrow(
    expect.objectContaining({ code, details: expect.objectContaining(path ? { path } : {}) }) as Error,
  )
})

test('text that is not JSON is refused', () => {
  expect(() => parseRecipeText('{', catalog)).toThrow(expect.objectContaining({ code: 'recipe/invalid' }) as Error)
})

test('canonical JSON does not depend on the order of keys', () => {
  expect(canonicalJson({ b: [1, { d: undefined, c: 'x' }], a: null })).toBe('{"a":null,"b":[1,{"c":"x"}]}')
})

test('sha256Hex gives the digest of FIPS 180-4', async () => {
  expect(await sha256Hex(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('the key changes with the options, the seed, the model, the ranges and the technique version, and with nothing else', async () => {
  const recipe = parseRecipe(minimal, catalog)
  const key = await recipeKey(recipe, 'aa', catalog)
  expect(await recipeKey(parseRecipe(structuredClone(minimal), catalog), 'aa', catalog)).toBe(key)
  const calibration = { source: 's', indices: [1], ranges: { x: [0, 1] as const } }
  const others = await Promise.all([
    recipeKey({ ...recipe, seed: 1 }, 'aa', catalog),
    recipeKey(recipe, 'ab', catalog),
    recipeKey({ ...recipe, steps: [{ technique: 'demo', options: { mode: 'b' } }] }, 'aa', catalog),
    recipeKey({ ...recipe, calibration }, 'aa', catalog),
    recipeKey(recipe, 'aa', { demo: { ...demo, version: 2 } }),
  ])
  expect(new Set([key, ...others]).size).toBe(6)
})

test('a model is known by the hash of its file, or by those of all its files', async () => {
  const alone = await joinHashes(['aa'])
  expect(alone).toBe('aa')
  const hashes = await Promise.all(
    [
      ['aa', 'bb'],
      ['aa', 'bc'],
      ['ab', 'bb'],
      ['aa', 'bb', 'cc'],
    ].map(joinHashes),
  )
  expect(new Set([alone, ...hashes]).size).toBe(5)
})
