// The entry of the command line: finds the command, parses its arguments, runs it, prints the answer and sets the exit status.
// Nothing heavy is imported here, only what the help needs.

import { fileURLToPath } from 'node:url'
import { asLabError, toWireError, type LabError, type WireError } from '../core/errors/lab-error'
import type { CommandSpec } from './command'
import { commands, type CommandName } from './commands'
import { EXIT, exitStatus } from './exit-status'
import { formatCommandHelp, formatHelp } from './help'
import { parseArguments, usageError } from './parse-arguments'
import { createProgress } from './progress'
import type { Answer, Run } from './terminal'

const runners: {
  readonly [K in CommandName]: () => Promise<{ readonly run: Run<(typeof commands)[K]['options']> }>
} = {
  inspect: () => import('./run/inspect'),
  techniques: () => import('./run/techniques'),
  compress: () => import('./run/compress'),
  compare: () => import('./run/compare'),
  sensitivity: () => import('./run/sensitivity'),
  bench: () => import('./run/bench'),
  probe: () => import('./run/probe'),
  best: () => import('./run/best'),
  demo: () => import('./run/demo'),
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(commands, name)

async function main(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words
  if (name === '--help' || name === '-h' || name === 'help') {
    await print(formatHelp(Object.values<CommandSpec>(commands)))
    return EXIT.done
  }
  if (name === undefined || !isCommand(name)) {
    const what = name === undefined ? 'There is no command' : `"${name}" is no command`
    throw usageError(`${what}; expected one of: ${Object.keys(commands).join(', ')}.`, name ?? '')
  }
  return runCommand(name, rest)
}

async function runCommand<K extends CommandName>(name: K, words: readonly string[]): Promise<number> {
  const command: CommandSpec<(typeof commands)[K]['options']> = commands[name]
  const args = parseArguments(command, words)
  const { json, verbose, help } = args.options
  if (help) {
    await print(formatCommandHelp(command))
    return EXIT.done
  }
  const progress = createProgress(process.stderr, verbose)
  try {
    const { run } = await runners[name]()
    const answer: Answer = await run(args, { progress, repository: fileURLToPath(new URL('..', import.meta.url)) })
    progress.end()
    await print(json ? JSON.stringify(answer.document, undefined, 2) : answer.text())
    return EXIT.done
  } finally {
    progress.end()
  }
}

/** Resolves when the text has left the process: a pipe may still hold it when `write` returns. */
function print(text: string): Promise<void> {
  return new Promise((done, failed) => process.stdout.write(`${text}\n`, (error) => (error ? failed(error) : done())))
}

function report(error: LabError, isVerbose: boolean): void {
  process.stderr.write(`lathe: ${oneLine(error.message)}\n`)
  if (!isVerbose) return
  for (let cause: WireError | undefined = toWireError(error); cause; cause = cause.cause) {
    process.stderr.write(`  ${cause.code}: ${cause.message}\n`)
  }
  if (exitStatus(error) === EXIT.internalFault) process.stderr.write(`${error.stack ?? ''}\n`)
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ')

// Whoever reads the answer may stop early (`lathe … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.internalFault)
})

const words = process.argv.slice(2)
try {
  process.exit(await main(words))
} catch (thrown) {
  const error = asLabError(thrown)
  report(error, words.includes('--verbose'))
  process.exit(exitStatus(error))
}
