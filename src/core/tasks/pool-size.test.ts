import { expect, it } from 'vitest'
import { poolSize } from './pool-size'

it.each([
  ['a small model', 8, 16, 100e6, 1],
  ['one core', 1, 16, 4e9, 1],
  ['a phone with little memory', 8, 2, 1e9, 1],
  ['a browser that does not tell its memory', 8, undefined, 1e9, 2],
  ['a model that affords one worker', 8, 64, 600e6, 2],
  ['a large model on a large machine', 64, 64, 4e9, 4],
])('gives %s the threads that pay', (_what, cores, memoryGiB, modelBytes, threads) => {
  expect(poolSize(cores, memoryGiB, modelBytes)).toBe(threads)
})
