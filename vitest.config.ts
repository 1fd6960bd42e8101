import { availableParallelism } from 'node:os'

import { defineConfig } from 'vitest/config'

// Node tests. The browser ones have a configuration of their own, vitest.browser.config.ts, and so has the full tier, vitest.full.config.ts.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'workers/**/*.test.ts', 'tests/**/*.test.ts'],
    exclude: ['**/*.browser.test.ts', '**/*.full.test.ts', 'node_modules/**'],
    testTimeout: 20_000,
    // Nothing here is a measurement; with two cores vitest would leave one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
