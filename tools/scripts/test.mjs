// @ts-check
// `npm test` and `npm run test:full`: runs each suite of the tier, prints what the suites print, and closes with one line that
// sums them: `N passed, N failed`, then `, N skipped` where tests were skipped. A suite that breaks without a failed test counts as one.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILDS, buildWhenStale, REPOSITORY } from './build-when-stale.mjs'
import { ensureChromium } from './find-chromium.mjs'

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ name: string, config: string, tool: 'vitest' | 'playwright', needsBrowser?: boolean, builds?: readonly import('./build-when-stale.mjs').Build[] }} Suite
 */

/** @type {Record<string, readonly Suite[]>} */
const TIERS = {
  quick: [
    { name: 'unit, contract, corpus', config: 'vitest.config.ts', tool: 'vitest', builds: [BUILDS.cli] },
    { name: 'browser', config: 'vitest.browser.config.ts', tool: 'vitest', needsBrowser: true },
    { name: 'journeys', config: 'playwright.config.ts', tool: 'playwright', needsBrowser: true, builds: [BUILDS.page] },
  ],
  full: [
    {
      name: 'accuracy on all images, engines',
      config: 'vitest.full.config.ts',
      tool: 'vitest',
      needsBrowser: true,
      builds: [BUILDS.cli, BUILDS.browserHost],
    },
    {
      name: 'long journeys',
      config: 'playwright.full.config.ts',
      tool: 'playwright',
      needsBrowser: true,
      builds: [BUILDS.page],
    },
  ],
}

const COMMANDS = {
  /** @param {Suite} suite @param {string} report */
  vitest: ({ config }, report) => ({
    args: [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      config,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    env: {},
  }),
  /** @param {Suite} suite @param {string} report */
  playwright: ({ config }, report) => ({
    args: ['node_modules/@playwright/test/cli.js', 'test', '--config', config, '--reporter=list,json'],
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report },
  }),
}

/** @param {Suite} suite @param {string} report @returns {Promise<Counts>} */
async function runSuite(suite, report) {
  for (const build of suite.builds ?? []) await buildWhenStale(build)
  const chrome = suite.needsBrowser ? { CHROME_PATH: ensureChromium() } : {}
  const { args, env } = COMMANDS[suite.tool](suite, report)
  const child = spawn(process.execPath, args, {
    cwd: REPOSITORY,
    stdio: 'inherit',
    env: { ...process.env, ...chrome, ...env },
  })
  const code = await new Promise((done) => child.once('close', done).once('error', () => done(1)))
  const counts = existsSync(report) ? readCounts(suite.tool, JSON.parse(readFileSync(report, 'utf8'))) : NOTHING
  const isBroken = code !== 0 && counts.failed === 0
  const isEmpty = counts.passed + counts.failed === 0
  if (!isBroken && !isEmpty) return counts
  process.stderr.write(`The suite "${suite.name}" ${isBroken ? `stopped with exit code ${code}` : 'ran no test'}.\n`)
  return { ...counts, failed: counts.failed + 1 }
}

const NOTHING = { passed: 0, failed: 0, skipped: 0 }

/** @param {Suite['tool']} tool @param {any} report @returns {Counts} */
function readCounts(tool, report) {
  if (tool === 'vitest') {
    const skipped = report.numPendingTests + report.numTodoTests
    return { passed: report.numPassedTests, failed: report.numFailedTests, skipped }
  }
  const { expected, flaky, unexpected, skipped } = report.stats
  return { passed: expected + flaky, failed: unexpected, skipped }
}

/** @param {string} tier */
async function main(tier) {
  const suites = TIERS[tier]
  if (!suites)
    throw new Error(`There is no tier "${tier}" of tests; expected one of: ${Object.keys(TIERS).join(', ')}.`)
  const folder = mkdtempSync(join(tmpdir(), 'lathe-tests-'))
  let total = NOTHING
  try {
    for (const [index, suite] of suites.filter(({ config }) => existsSync(join(REPOSITORY, config))).entries()) {
      process.stdout.write(`\n— ${suite.name}\n`)
      const counts = await runSuite(suite, join(folder, `${index}.json`)).catch((error) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
        return { ...NOTHING, failed: 1 }
      })
      total = {
        passed: total.passed + counts.passed,
        failed: total.failed + counts.failed,
        skipped: total.skipped + counts.skipped,
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`)
  return total.failed === 0 && total.passed > 0 ? 0 : 1
}

process.exitCode = await main(process.argv[2] ?? 'quick')
