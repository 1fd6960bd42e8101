// Keeps what a run over all formats found out: with LATHE_UPDATE=1 (`npm run study:formats`) in the results, and as the page of docs/ that
// is generated from them.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserCommand } from 'vitest/node'

import { engineFormatsPage } from './engine-formats-page'
import type { EngineFormats, FormatEngine, FormatRun } from './engine-formats'

const root = join(import.meta.dirname, '../..')
const RESULTS = join(root, 'tests/studies/results/engine-formats.json')
export const ENGINE_FORMATS_PAGE = join(root, 'docs/engine-formats.md')

export const readEngineFormats = (): EngineFormats =>
  existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as EngineFormats) : {}

/** The run that is on record for the engine: this one, when results are being written. */
export function keepEngineFormats(engine: FormatEngine, run: FormatRun): FormatRun | undefined {
  if (process.env.LATHE_UPDATE !== '1') return readEngineFormats()[engine]
  const all = { ...readEngineFormats(), [engine]: run }
  writeFileSync(RESULTS, inLines(all))
  writeFileSync(ENGINE_FORMATS_PAGE, engineFormatsPage(all))
  return run
}

/** One result a line, so that a diff shows which are others. */
function inLines(all: EngineFormats): string {
  const runs = Object.entries(all).map(([engine, { results, ...facts }]) => {
    const head = JSON.stringify(facts, null, 2).replace(/\n\}$/, '').replaceAll('\n', '\n  ')
    const lines = results.map((result) => `      ${JSON.stringify(result)}`).join(',\n')
    return `  ${JSON.stringify(engine)}: ${head},\n    "results": [\n${lines}\n    ]\n  }`
  })
  return `{\n${runs.join(',\n')}\n}\n`
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    keepFormatRun(engine: FormatEngine, run: Omit<FormatRun, 'where'>): Promise<FormatRun | undefined>
  }
}

/** The same for a browser, which does not know its own build. */
export const keepFormatRun: BrowserCommand<[FormatEngine, Omit<FormatRun, 'where'>]> = (context, engine, run) => {
  const version = context.context.browser()?.version() ?? 'of unknown version'
  return keepEngineFormats(engine, { ...run, where: `Chromium ${version}` })
}
