// Recurrent layers: all states over time, then the last hidden and cell state. `layout` 1 (opset 14) puts the batch first.

import { intAttribute, stringAttribute } from '../node'
import type { Dim } from '../shape'
import { sizeDim } from './dims'
import { tensorFacts, type Rule, type RuleTable } from './rule'

/** Hidden size: the attribute, else what the recurrence weights [directions, gates · hidden, hidden] say. */
const recurrent =
  (hasCell: boolean): Rule =>
  (context) => {
    const { node } = context
    const shape = context.shape(0)
    const batchFirst = intAttribute(node, 'layout', 0) === 1
    const [first, second]: [Dim, Dim] = [shape?.[0] ?? null, shape?.[1] ?? null]
    const [length, batch] = batchFirst ? [second, first] : [first, second]
    const stated = intAttribute(node, 'hidden_size', undefined)
    const weights = context.shape(2)
    const hidden: Dim =
      stated === undefined ? (weights?.[node.opType === 'DynamicQuantizeLSTM' ? 1 : 2] ?? null) : sizeDim(stated)
    const directions = stringAttribute(node, 'direction', 'forward') === 'bidirectional' ? 2 : 1
    const states = batchFirst ? [batch, length, directions, hidden] : [length, directions, batch, hidden]
    const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    const dtype = context.dtype(0)
    const state = tensorFacts(dtype, last)
    return [tensorFacts(dtype, states), state, ...(hasCell ? [state] : [])]
  }

export const RECURRENT_RULES: RuleTable = { LSTM: recurrent(true), GRU: recurrent(false), RNN: recurrent(false) }
export const MICROSOFT_RECURRENT_RULES: RuleTable = { DynamicQuantizeLSTM: recurrent(true) }
