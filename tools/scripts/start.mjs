// @ts-check
// `npm start`: builds the page when a source is newer and serves it on this machine with isolation headers.
// Options: --port N, --host NAME, --no-isolation (as a header-less host would show the page), --no-build (serve what stands).

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BUILDS, buildWhenStale, REPOSITORY } from './build-when-stale.mjs'
import { serveFolder } from './static-server.mjs'

const DEFAULT_PORT = 4173

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      'no-isolation': { type: 'boolean', default: false },
      'no-build': { type: 'boolean', default: false },
    },
  })
  const port = values.port === undefined ? undefined : Number(values.port)
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65535)) {
    throw new Error(`--port is "${values.port}"; expected a number from 0 to 65535.`)
  }
  return { port, host: values.host, isIsolated: !values['no-isolation'], build: !values['no-build'] }
}

/**
 * The usual port, or any free one when that is taken and none was asked for.
 * @param {string} folder
 * @param {{ port: number | undefined, host: string, isIsolated: boolean }} options
 */
async function serve(folder, { port, host, isIsolated }) {
  try {
    return await serveFolder(folder, { port: port ?? DEFAULT_PORT, host, isIsolated })
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (isTaken && port === undefined) return serveFolder(folder, { port: 0, host, isIsolated })
    throw isTaken ? new Error(`Port ${port} is in use; choose another with --port.`) : error
  }
}

try {
  const options = readOptions()
  const folder = join(REPOSITORY, BUILDS.page.folder)
  if (options.build) await buildWhenStale(BUILDS.page)
  else if (!existsSync(join(folder, 'index.html'))) throw new Error('dist/ holds no page yet; leave out --no-build.')
  const { address } = await serve(folder, options)
  const notice = options.isIsolated ? '' : ' (without isolation headers: one thread, coarse timer)'
  process.stdout.write(`Lathe is at ${address}${notice}\nCtrl+C stops it.\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(2)
}
