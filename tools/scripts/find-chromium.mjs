// @ts-check
// Where the browser is that tests and measurements drive: CHROME_PATH, else a Chromium on the PATH, else Debian's package, which
// `ensureChromium` installs where it may. Nothing is ever downloaded from elsewhere. Run as a script it prints the path.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/** Without these Chromium calls home; WebGPU on a software adapter needs the flag; root may not use the sandbox. */
export const CHROMIUM_ARGS = [
  '--enable-unsafe-webgpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

/** @param {string} name */
const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable)

/**
 * The path of a Chromium, or undefined. A CHROME_PATH that names no program is an error, not a reason to look elsewhere.
 * @returns {string | undefined}
 */
export function findChromium() {
  const chosen = process.env.CHROME_PATH
  if (!chosen) return NAMES.map(onPath).find((path) => path !== undefined)
  if (isExecutable(chosen)) return chosen
  throw new Error(`CHROME_PATH is "${chosen}", which is not a program; expected the path of a Chromium or Chrome.`)
}

/** The line that a person reads who has none. */
export const NO_CHROMIUM =
  'No Chromium found: set CHROME_PATH, or install one (on Debian and Ubuntu: apt-get install chromium).'

/** Like `findChromium`, but installs Debian's package when there is none, as root and with apt-get. Throws otherwise. */
export function ensureChromium() {
  const found = findChromium()
  if (found) return found
  if (process.getuid?.() !== 0 || !onPath('apt-get')) throw new Error(NO_CHROMIUM)
  process.stderr.write('No Chromium found; installing the package "chromium" with apt-get.\n')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  const installed = findChromium()
  if (!installed) throw new Error(NO_CHROMIUM)
  return installed
}

if (process.argv[1] && existsSync(process.argv[1]) && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(`${ensureChromium()}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 2
  }
}
