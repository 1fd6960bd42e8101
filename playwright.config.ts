import { defineConfig } from '@playwright/test'

import { CHROMIUM_ARGS, findChromium, NO_CHROMIUM } from './tools/scripts/find-chromium.mjs'

const executablePath = findChromium()
if (!executablePath) throw new Error(NO_CHROMIUM)

// A person's journeys through the built page, in the Chromium that tools/scripts/find-chromium.mjs found.
const PORT = 4317

export default defineConfig({
  testDir: 'tests/e2e',
  testMatch: '*.e2e.ts',
  // Left to playwright.full.config.ts.
  grepInvert: /@full/,
  timeout: 90_000,
  // Races are timed: nothing else may run beside them.
  workers: 1,
  use: {
    baseURL: `http://127.0.0.1:${PORT}/`,
    viewport: { width: 390, height: 844 },
    trace: 'off',
    launchOptions: { executablePath, args: [...CHROMIUM_ARGS] },
  },
  webServer: [
    { command: `node tools/scripts/start.mjs --no-build --port ${PORT}`, port: PORT, reuseExistingServer: false },
    {
      command: `node tools/scripts/start.mjs --no-build --no-isolation --port ${PORT + 1}`,
      port: PORT + 1,
      reuseExistingServer: false,
    },
  ],
})
