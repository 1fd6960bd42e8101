// `lathe probe`: the operator probe of each engine, as tables and as JSON.

import { PROBE_FORMATS, PROBE_OPERATORS, type ProbeTable } from '../../probe/probe-table'
import { faultText, FORMAT_NAMES, OPERATOR_NAMES, outcomeText } from '../../probe/probe-text'
import { resolveTarget, writeText } from '../atomic-file'
import type { commands } from '../commands'
import { choosePlace, DEFAULT_ENGINE, parseEngine } from '../engine-name'
import { openLaboratory } from '../open-laboratory'
import { formatTable } from '../table'
import type { Run } from '../terminal'
import { describeEnvironment } from './bench-text'

const SEED = 1

export const run: Run<(typeof commands)['probe']['options']> = async ({ options }, terminal) => {
  const { engine: names, where, seconds, save } = options
  const target = save === undefined ? undefined : await resolveTarget(save)
  const engines = (names.length > 0 ? names : [DEFAULT_ENGINE]).map(parseEngine)
  const tables: ProbeTable[] = []
  for (const engine of engines) {
    const request = { engine, models: [], freeDimensions: {}, seed: SEED, ...terminal }
    const laboratory = await openLaboratory(request, choosePlace(engine, where))
    try {
      tables.push(await laboratory.probe({ seconds, seed: SEED }))
    } finally {
      await laboratory.close()
    }
  }
  const document = { tables }
  if (target !== undefined)
    await writeText(
      target,
      `${JSON.stringify(document, undefined, 1)}
`,
    )
  return { document, text: () => tables.map(describe).join('\n\n') }
}

function describe({ environment, rows, seconds }: ProbeTable): string {
  const columns = ['operator', ...PROBE_FORMATS.map((format) => FORMAT_NAMES[format])].map((head) => ({ head }))
  const cell = (operator: string, format: string): string => {
    const row = rows.find((row) => row.operator === operator && row.format === format)
    return row ? outcomeText(row.outcome) : '–'
  }
  const table = formatTable(
    columns,
    PROBE_OPERATORS.map((operator) => [
      OPERATOR_NAMES[operator],
      ...PROBE_FORMATS.map((format) => cell(operator, format)),
    ]),
  )
  const faults = rows.flatMap(({ operator, format, outcome }) => {
    const reason = faultText(outcome)
    return reason === undefined ? [] : [`${OPERATOR_NAMES[operator]}, ${FORMAT_NAMES[format]}: ${reason}`]
  })
  return [describeEnvironment(environment), `It took ${seconds.toFixed(1)} s.`, table, ...faults].join('\n')
}
