// The help texts, all of them made from the declarations of the commands.

import { SHARED_OPTIONS, type ArgumentSpec, type CommandSpec } from './command'
import { optionNames } from './parse-arguments'
import { formatFacts } from './table'

export function formatHelp(commands: readonly CommandSpec[]): string {
  const list = formatFacts(commands.map(({ name, summary }) => [`  ${name}`, summary] as const))
  return [
    'lathe makes ONNX models smaller and faster, and measures what that did.',
    '',
    'Usage: lathe COMMAND …',
    '',
    list,
    '',
    'lathe COMMAND --help tells more about one of them.',
    'Exit status: 0 done, 1 a stated goal was not met, 2 bad arguments or bad input, 3 an internal fault.',
  ].join('\n')
}

export function formatCommandHelp(command: CommandSpec): string {
  const { name, summary, positionals, remarks = [] } = command
  const options = Object.entries<ArgumentSpec>({ ...command.options, ...SHARED_OPTIONS })
  const required = options.flatMap(([option, spec]) =>
    spec.kind === 'text' && spec.isRequired
      ? [` ${spec.short === undefined ? `--${option}` : `-${spec.short}`} ${spec.value}`]
      : [],
  )
  const usage = `Usage: lathe ${name}${positionals.usage && ` ${positionals.usage}`}${required.join('')} [OPTION…]`
  const facts = options.map(
    ([option, spec]) => [`  ${optionNames(option, spec)}${valueOf(spec)}`, about(spec)] as const,
  )
  return [summary, '', usage, '', formatFacts(facts), ...(remarks.length > 0 ? ['', ...remarks] : [])].join('\n')
}

const valueOf = (spec: ArgumentSpec): string => (spec.kind === 'flag' ? '' : ` ${spec.value}`)

function about(spec: ArgumentSpec): string {
  switch (spec.kind) {
    case 'choice':
      return `${spec.help} One of: ${spec.choices.join(', ')}.`
    case 'number':
      return `${spec.help} From ${spec.min} to ${spec.max}, ${spec.default} if not given.`
    case 'list':
      return `${spec.help} May be repeated.`
    case 'text':
      return spec.isRequired ? `${spec.help} Required.` : spec.help
    case 'flag':
      return spec.help
    default:
      return spec satisfies never
  }
}
