// Which nodes a person let static quantization touch.

import type { Node } from '../../core/model/node'
import type { StaticOptions } from './spec'

/** A node without a name goes by that of its first output, which no other node has. */
export const filterName = ({ name, outputs }: Node): string => name || (outputs[0] ?? '')

/** `operators`: the types to take when the options name none; undefined: all. */
export function nodeFilter(
  { operators, nodes, excludeNodes }: Pick<StaticOptions, 'operators' | 'nodes' | 'excludeNodes'>,
  usual: ReadonlySet<string> | undefined,
): (node: Node) => boolean {
  const types = operators.length > 0 ? new Set(operators) : usual
  const wanted = nodes.length > 0 ? new Set(nodes) : undefined
  const excluded = new Set(excludeNodes)
  return (node) =>
    (types?.has(node.opType) ?? true) &&
    (wanted?.has(filterName(node)) ?? true) &&
    !excluded.has(filterName(node)) &&
    node.opType !== 'QuantizeLinear' &&
    node.opType !== 'DequantizeLinear'
}
