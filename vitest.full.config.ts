import { defineConfig } from 'vitest/config'

// The full tier: figures that take minutes each, run one after another because they are timed. `npm run test:full`.
export default defineConfig({
  test: {
    include: ['tests/full/**/*.full.test.ts'],
    fileParallelism: false,
    testTimeout: 2_400_000,
    hookTimeout: 300_000,
  },
})
