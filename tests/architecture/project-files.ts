// The files of the project on disk, without what .gitignore leaves out. It reads the disk, not git, so that an unpacked archive passes too.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** Names of .gitignore. Its patterns, such as those for logs, hide no file that the tests ask for. */
const IGNORED = new Set(
  readFileSync(join(ROOT, '.gitignore'), 'utf8')
    .split('\n')
    .map((line) => line.trim().replace(/^\/|\/$/g, ''))
    .concat('.git'),
)

/** Paths from the root, with `/`. */
export const projectFiles = (folder = ''): readonly string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (IGNORED.has(entry.name) || IGNORED.has(path)) return []
    return entry.isDirectory() ? projectFiles(path) : [path]
  })
