// Which nodes a person let static quantization touch.

import { nodeName, type Node } from '../../core/model/node'
import type { StaticOptions } from './spec'

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
    (wanted?.has(nodeName(node)) ?? true) &&
    !excluded.has(nodeName(node)) &&
    node.opType !== 'QuantizeLinear' &&
    node.opType !== 'DequantizeLinear'
}
