// @ts-check
// Builds what Vite makes of the sources, once, when a source is newer than the result. Two processes that start together do not
// build twice: the second waits for the first. What was built is known by a stamp file that is written last.

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))

/**
 * @typedef {object} Build
 * @property {string} label what a person calls it
 * @property {string} config Vite's configuration file, relative to the repository
 * @property {string} folder where the result lands, relative to the repository
 * @property {readonly string[]} sources files and folders that it is made of
 */

const COMMON_SOURCES = ['package-lock.json', 'tsconfig.base.json', 'tsconfig.json']

/** @satisfies {Record<string, Build>} */
export const BUILDS = {
  page: {
    label: 'the page',
    config: 'vite.config.ts',
    folder: 'dist',
    sources: [...COMMON_SOURCES, 'src', 'workers', 'public', 'index.html', 'vite.config.ts', 'svelte.config.js'],
  },
  cli: {
    label: 'the command line',
    config: 'vite.cli.config.ts',
    folder: 'dist-cli',
    sources: [...COMMON_SOURCES, 'src', 'workers', 'vite.cli.config.ts'],
  },
  browserHost: {
    label: 'the engines for the browser',
    config: 'vite.browser-host.config.ts',
    folder: 'dist-cli/browser-host',
    sources: [...COMMON_SOURCES, 'src', 'workers', 'vite.browser-host.config.ts', 'vite.config.ts'],
  },
}

/** A lock older than this was left by a process that died: no build takes as long. */
const LOCK_STALE_MS = 180_000
const LOCK_POLL_MS = 200

/** @param {string} repository @param {string} folder */
const stampOf = (repository, folder) => join(repository, folder, '.built')

/**
 * The time of the latest change in a file or folder, 0 where there is none. Tests are no sources.
 * @param {string} path
 * @returns {number}
 */
function newestChange(path) {
  const facts = statSync(path, { throwIfNoEntry: false })
  if (!facts) return 0
  if (!facts.isDirectory()) return path.endsWith('.test.ts') ? 0 : facts.mtimeMs
  // A folder's own time tells of files that were removed or renamed.
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestChange(join(path, name))), facts.mtimeMs)
}

/** @param {Build} build @param {string} repository */
function isStale({ folder, sources }, repository) {
  const built = statSync(stampOf(repository, folder), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return sources.some((source) => newestChange(join(repository, source)) > built)
}

/**
 * Builds when stale. What the tools print goes to standard error, and only when the build breaks.
 * @param {Build} build
 * @param {string} [repository] for callers whose own code stands elsewhere than this file's source
 */
export async function buildWhenStale(build, repository = REPOSITORY) {
  if (!isStale(build, repository)) return
  const release = await lock(build, repository)
  try {
    if (!isStale(build, repository)) return
    if (process.stderr.isTTY) process.stderr.write(`Building ${build.label}…\n`)
    // Sources saved while the build runs must count as newer than it.
    const startedAt = new Date()
    await runVite(build, repository)
    const stamp = stampOf(repository, build.folder)
    writeFileSync(stamp, `${startedAt.toISOString()}\n`)
    utimesSync(stamp, startedAt, startedAt)
  } finally {
    release()
  }
}

/** @param {Build} build @param {string} repository */
async function lock({ folder }, repository) {
  const path = join(repository, 'node_modules', `.building-${folder.replace('/', '-')}`)
  for (;;) {
    try {
      mkdirSync(path)
      break
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const held = statSync(path, { throwIfNoEntry: false })
    if (held && Date.now() - held.mtimeMs > LOCK_STALE_MS) rmSync(path, { recursive: true, force: true })
    else await pause(LOCK_POLL_MS)
  }
  const release = () => rmSync(path, { recursive: true, force: true })
  const stop = () => process.exit(130)
  process.once('exit', release).once('SIGINT', stop).once('SIGTERM', stop)
  return () => {
    process.off('exit', release).off('SIGINT', stop).off('SIGTERM', stop)
    release()
  }
}

/** @param {Build} build @param {string} repository */
function runVite({ label, config }, repository) {
  const vite = join(repository, 'node_modules/vite/bin/vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'warn'], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  /** @type {Buffer[]} */
  const printed = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => printed.push(chunk))
  return new Promise((done, failed) => {
    child.once('error', failed)
    child.once('close', (code) => {
      if (code === 0) return done(undefined)
      process.stderr.write(Buffer.concat(printed))
      failed(new Error(`Building ${label} stopped with exit code ${code}; the lines above say why.`))
    })
  })
}
