import { defineConfig } from 'vitest/config'

import { compressInTerminal } from './tests/full/compress-in-terminal'
import { keepFormatRun } from './tests/full/keep-engine-formats'
import browser from './vitest.browser.config'

// The full tier: figures that take minutes each, run one after another because they are timed. `npm run test:full`.
const limits = { fileParallelism: false, testTimeout: 2_400_000, hookTimeout: 300_000 }

export default defineConfig({
  test: {
    projects: [
      { test: { ...limits, name: 'node', include: ['tests/full/**/*.full.test.ts'], sequence: { groupOrder: 1 } } },
      {
        ...browser,
        test: {
          ...browser.test,
          ...limits,
          name: 'browser',
          include: ['tests/full/**/*.full.browser.test.ts'],
          sequence: { groupOrder: 2 },
          browser: { ...browser.test?.browser, commands: { compressInTerminal, keepFormatRun } },
        },
      },
    ],
  },
})
