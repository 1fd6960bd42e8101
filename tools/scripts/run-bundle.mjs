// @ts-check
// `npm run lathe` and `npm run demo`: builds the bundle of the command line when a source is newer, then runs it in this process.
// The first argument names the bundle, the rest is the program's own.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUILDS, buildWhenStale, REPOSITORY } from './build-when-stale.mjs'

const [name = 'lathe'] = process.argv.splice(2, 1)
try {
  await buildWhenStale(BUILDS.cli)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(3)
}
await import(pathToFileURL(join(REPOSITORY, BUILDS.cli.folder, `${name}.mjs`)).href)
