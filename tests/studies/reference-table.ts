// docs/reference-comparison.md from the rows of the study: what is equal, what is not, and why.

import { DEVIATIONS } from '../conformance/reference-deviations.table'
import type { RangeRow, ReferenceRow, RunTally } from './reference.study'

const TOOLS: Readonly<Record<string, string>> = {
  static: '`quantize_static`, QDQ → `quantize-static`',
  dynamic: '`quantize_dynamic` → `quantize-dynamic`',
  blocks: '`MatMulNBitsQuantizer` → `quantize-blocks`',
  float16: '`convert_float_to_float16` → `cast-float16`',
}

const HEAD = `# Lathe against onnxruntime.quantization

Made by \`npm run study:reference\` (LATHE_PYTHON names a Python with onnxruntime 1.30.0); all figures stand in \`tests/studies/results/reference.json\`.
Both tools get the same model, the same options and the same ranges. “Equal” counts initializers of the result (weights, scales, zero points, biases) that
have the same name, type, shape and value, plus one for the graph and one for the opset of each file. “Same outputs” counts cases whose two files give the same bits on
the same input in the same ONNX Runtime 1.30, of those that it runs both files of; every case that differs has another graph for one of the reasons below.
A case that the reference itself refuses is not compared.
`

const sum = (rows: readonly ReferenceRow[], read: (row: ReferenceRow) => number): number =>
  rows.reduce((total, row) => total + read(row), 0)
const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

export function referenceTable(rows: readonly ReferenceRow[], ranges: readonly RangeRow[]): string {
  const tools = [...new Set(rows.map(({ tool }) => tool))]
  return [
    HEAD,
    ...tools.map((tool) =>
      toolSection(
        TOOLS[tool] ?? tool,
        rows.filter((row) => row.tool === tool),
      ),
    ),
    rangeSection(ranges),
    reasonSection(rows),
  ].join('\n')
}

function toolSection(title: string, rows: readonly ReferenceRow[]): string {
  const lines = rows.map((row) => cells(row.model, [row]))
  return [
    `## ${title}\n`,
    '| model | cases | refused by the reference | equal | deviating | same outputs, WASM | same outputs, native |',
    '|---|---|---|---|---|---|---|',
    ...lines,
    cells('**all**', rows),
    '',
  ].join('\n')
}

function cells(name: string, rows: readonly ReferenceRow[]): string {
  const refused = sum(rows, (row) => total(row.referenceRefused))
  const deviating = sum(rows, (row) => total(row.explained) + row.unexplained.length)
  const shown = [name, sum(rows, ({ cases }) => cases), refused, sum(rows, ({ equal }) => equal), deviating]
  return `| ${[...shown, runs(rows.map(({ wasm }) => wasm)), runs(rows.map(({ native }) => native))].join(' | ')} |`
}

function runs(tallies: readonly RunTally[]): string {
  const same = tallies.reduce((count, tally) => count + tally.same, 0)
  const different = tallies.reduce((count, tally) => count + Object.keys(tally.different).length, 0)
  const only = tallies.reduce((count, tally) => count + tally.onlyLathe.length, 0)
  return `${same} of ${same + different}${only > 0 ? `, ${only} by Lathe alone` : ''}`
}

function rangeSection(rows: readonly RangeRow[]): string {
  const lines = [...new Set(rows.map(({ method }) => method))].map((method) => {
    const own = rows.filter((row) => row.method === method)
    const tensors = own.reduce((count, row) => count + row.tensors, 0)
    const beyond = own.reduce((count, row) => count + row.beyond.length, 0)
    return `| ${method} | ${own.length} | ${tensors} | ${tensors - beyond} | ${Math.max(...own.map(({ worst }) => worst)).toExponential(1)} |`
  })
  const head = '| method | models | ranges | within 1e-5 of the reference’s | largest relative difference |'
  return ['## Ranges that Lathe measures itself\n', head, '|---|---|---|---|---|', ...lines, ''].join('\n')
}

function reasonSection(rows: readonly ReferenceRow[]): string {
  const lines = DEVIATIONS.map(({ reason }) => {
    const touched = rows.filter(({ explained }) => explained[reason] !== undefined)
    const models = [...new Set(touched.map(({ model }) => model))]
    return `| ${reason} | ${sum(touched, ({ explained }) => explained[reason] ?? 0)} | ${models.join(', ')} |`
  })
  return ['## Deviations and why\n', '| reason | count | models |', '|---|---|---|', ...lines, ''].join('\n')
}
