// The options of a technique as a Markdown table, for its README. The contract tests hold each README to it.

import type { OptionSpec, OptionSpecs, ShowWhen } from './spec'

/** In the form that Prettier gives to tables: columns padded, so that formatting changes nothing. */
export function optionsTable(specs: OptionSpecs): string {
  const entries = Object.entries(specs)
  if (entries.length === 0) return 'This technique has no options.'
  const rows = [
    ['Option', 'Values', 'Default', 'What it does'],
    ...entries.map(([name, spec]) => [
      `\`${name}\``,
      valuesOf(spec),
      defaultOf(spec),
      `${spec.help}${conditionOf(spec.showWhen)}`,
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = rows
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

function valuesOf(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'integer':
      return `${spec.min} to ${spec.max}${spec.unit ? ` ${spec.unit}` : ''}`
    case 'choice':
      return spec.choices.map((name) => `\`${name}\``).join(', ')
    case 'toggle':
      return '`true`, `false`'
    case 'number':
      return `${spec.min} to ${spec.max}${spec.unit ? ` ${spec.unit}` : ''}`
    case 'names':
      return `names of ${spec.of}`
    case 'overrides':
      return 'parameters by tensor name'
    default:
      return spec satisfies never
  }
}

function defaultOf(spec: OptionSpec): string {
  if (spec.kind === 'names' || spec.kind === 'overrides') return 'none'
  return `\`${spec.default}\``
}

function conditionOf(showWhen: ShowWhen | undefined): string {
  if (!showWhen) return ''
  const conditions = Object.entries(showWhen).map(([name, value]) => `\`${name}\` is \`${value}\``)
  return ` Only where ${conditions.join(' and ')}.`
}
