// `lathe techniques`: the catalogue as it is declared.

import type { OptionSpec, TechniqueSpec } from '../../core/options/spec'
import { catalog } from '../../techniques/catalog'
import { presets } from '../../techniques/presets'
import type { commands } from '../commands'
import { formatFacts } from '../table'
import type { Run } from '../terminal'

export const run: Run<(typeof commands)['techniques']['options']> = () => {
  const specs = Object.values<TechniqueSpec>(catalog)
  const document = specs.map(({ id, label, summary, version, options, needs, keeps }) => {
    return { id, label, summary, version, options, needs, keeps }
  })
  return Promise.resolve({ document, text: () => [...specs.map(describe), describePresets()].join('\n\n') })
}

function describe({ id, label, summary, options, needs }: TechniqueSpec): string {
  const conditions = [`opset ${needs.opset}`, ...dataCondition(needs)].join(', ')
  const facts = Object.entries(options).map(
    ([name, option]) => [`  ${name}`, `${range(option)}  ${option.help}`] as const,
  )
  const head = `${id} — ${label}. Needs ${conditions}.\n  ${summary}`
  return facts.length > 0 ? `${head}\n${formatFacts(facts)}` : head
}

function dataCondition({ calibration, rangesWhen, samplesWhen }: TechniqueSpec['needs']): readonly string[] {
  if (calibration) return ['real data']
  return rangesWhen || samplesWhen ? ['real data for some options'] : []
}

function range(option: OptionSpec): string {
  switch (option.kind) {
    case 'integer':
    case 'number':
      return `${option.min}…${option.max}${option.unit ? ` ${option.unit}` : ''} (${option.default})`
    case 'choice':
      return `${option.choices.join(' | ')} (${option.default})`
    case 'toggle':
      return `true | false (${option.default})`
    case 'names':
      return `[${option.of}] (none)`
    case 'overrides':
      return '{tensor: [parameters]} (none)'
    default:
      return option satisfies never
  }
}

const describePresets = (): string =>
  `Recipes with a name:\n${formatFacts(Object.entries(presets).map(([name, { summary }]) => [`  ${name}`, summary] as const))}`
