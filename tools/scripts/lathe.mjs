// @ts-check
// `npm run lathe` and `npm run demo`: builds the command line when a source is newer, then runs it in this process.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUILDS, buildWhenStale, REPOSITORY } from './build-when-stale.mjs'

try {
  await buildWhenStale(BUILDS.cli)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(3)
}
await import(pathToFileURL(join(REPOSITORY, BUILDS.cli.folder, 'lathe.mjs')).href)
