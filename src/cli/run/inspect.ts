// `lathe inspect`: what is in a model file.

import { formatShape } from '../../core/model/shape'
import { summarizeModel, type ModelSummary, type ValueSummary } from '../../core/report/model-summary'
import { fittedDimensions } from '../../data/fitted-dimensions'
import type { commands } from '../commands'
import { formatBytes, formatCount } from '../format-number'
import { openModel } from '../open-model'
import { formatFacts } from '../table'
import type { Run } from '../terminal'

type Sizes = Readonly<Record<string, number>>

export const run: Run<(typeof commands)['inspect']['options']> = async (
  { positionals: [reference = ''] },
  { repository },
) => {
  const { model, sizeBytes, sha256 } = await openModel(reference, repository)
  // The cost needs a number for every dimension; those that are left open get the sizes that a run would use.
  const freeDimensions = fittedDimensions(model)
  const summary = summarizeModel(model, sizeBytes, { freeDimensions })
  const document = { ...summary, freeDimensions, sha256: await sha256() }
  return { document, text: () => describe(reference, summary, freeDimensions) }
}

function describe(reference: string, summary: ModelSummary, freeDimensions: Sizes): string {
  const { irVersion, opsets, nodeCount, parameters, sizeBytes, bytesByDtype, macs, opCounts, warnings } = summary
  const byType = Object.entries(bytesByDtype).map(([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`)
  const domains = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`)
  const sizes = Object.entries(freeDimensions).map(([name, size]) => `${name} = ${size}`)
  const counts = Object.entries(opCounts).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const facts = formatFacts([
    ['model', reference],
    ['format', `ONNX, IR version ${irVersion}, opset ${domains.join(', ')}`],
    ['size', `${formatBytes(sizeBytes)} (constants: ${byType.join(', ') || 'none'})`],
    ['parameters', formatCount(parameters)],
    ['MACs', macs === null ? 'not known' : formatCount(macs) + (sizes.length > 0 ? ` with ${sizes.join(', ')}` : '')],
    ...summary.inputs.map((value) => ['input', describeValue(value)] as const),
    ...summary.outputs.map((value) => ['output', describeValue(value)] as const),
    ['nodes', `${nodeCount}: ${counts.map(([op, count]) => `${op} ${count}`).join(', ')}`],
  ])
  return [facts, ...warnings.map((warning) => `warning: ${warning}`)].join('\n')
}

const describeValue = ({ name, dtype, shape }: ValueSummary): string =>
  `${name}  ${dtype} ${formatShape(shape ?? undefined)}`
