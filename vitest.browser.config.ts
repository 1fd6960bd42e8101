import { playwright } from '@vitest/browser-playwright'
import { defineConfig, mergeConfig } from 'vitest/config'

import { CHROMIUM_ARGS, findChromium, NO_CHROMIUM } from './tools/scripts/find-chromium.mjs'
import vite from './vite.config'

const executablePath = findChromium()
if (!executablePath) throw new Error(NO_CHROMIUM)

// Tests that need real workers and real engines, in Chromium, with the isolation headers that threads need.
export default mergeConfig(
  vite,
  defineConfig({
    server: {
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
    // Found while workers load, they would reload the page in the middle of a test.
    optimizeDeps: {
      entries: ['tests/browser/**/*.ts', 'tests/full/**/*.browser.test.ts'],
      include: ['comlink', 'valibot', 'fflate', 'jpeg-js'],
    },
    test: {
      include: ['tests/browser/**/*.browser.test.ts'],
      testTimeout: 30_000,
      // One engine at a time: the tests measure how soon a worker stops.
      fileParallelism: false,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: [...CHROMIUM_ARGS] } }),
        instances: [{ browser: 'chromium' }],
      },
    },
  }),
)
