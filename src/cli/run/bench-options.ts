// What the options of `lathe bench` may say together. Mistakes show before anything is read or started.

import { choosePlace, DEFAULT_ENGINE, parseDimensions, parseEngine } from '../engine-name'
import { usageError } from '../parse-arguments'
import type { BenchArguments } from './bench-here'

/** What is checked where nothing else is named. */
const SELF_CHECK_MODEL = 'zoo:digits'
/** Retention compares the first 30 s with the last 30 s. */
const MIN_SUSTAINED_SECONDS = 60

/** The arguments with a model and an engine named. Throws `cli/usage`. */
export function completeBenchArguments(args: BenchArguments): BenchArguments {
  const { sustained, resident, sweep, seconds, where, dimension } = args.options
  const isSelfCheck = args.options['self-check']
  const positionals = args.positionals.length === 0 && isSelfCheck ? [SELF_CHECK_MODEL] : args.positionals
  if (positionals.length === 0) throw usageError('bench expects A [B…], got nothing.', 'A [B…]')
  if (sustained && seconds < MIN_SUSTAINED_SECONDS) {
    const message = `--sustained runs for --seconds ${seconds}; expected ${MIN_SUSTAINED_SECONDS} or more, such as 300 or 1800.`
    throw usageError(message, '--seconds')
  }
  if (sweep !== undefined) verifySweep(args, sweep)
  const engine = args.options.engine.length > 0 || sweep !== undefined ? args.options.engine : [DEFAULT_ENGINE]
  for (const name of engine) {
    const choice = parseEngine(name)
    choosePlace(choice, where)
    if (resident && choice.engine !== 'ort-webgpu')
      throw usageError(
        `--resident keeps values on a GPU, which ${name} does not have; expected ort-webgpu.`,
        '--resident',
      )
  }
  parseDimensions(dimension)
  return { positionals, options: { ...args.options, engine } }
}

/** Options that say how one engine is raced. */
const NOT_FOR_SWEEPS = ['self-check', 'sustained', 'resident', 'sessions'] as const

function verifySweep({ positionals, options }: BenchArguments, sweep: NonNullable<typeof options.sweep>): void {
  const refuse = (argument: string, message: string): never => {
    throw usageError(message, argument)
  }
  const [, extra] = positionals
  if (extra !== undefined) refuse(extra, `"${extra}" is one model too many; expected one for --sweep.`)
  for (const name of NOT_FOR_SWEEPS)
    if (options[name]) refuse(`--${name}`, `--${name} does not go with --sweep; expected one of them.`)
  if (sweep === 'threads' && options.engine.length > 0)
    refuse('--engine', '--sweep threads names its engines itself; expected no --engine.')
  if (sweep === 'engines' && options.engine.length === 1)
    refuse('--engine', `--sweep engines has only ${options.engine[0] ?? ''}; expected two engines or more.`)
}
