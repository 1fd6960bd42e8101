// The QuantizeLinear and DequantizeLinear nodes of one activation and what each of its readers reads then: one pair for all, a pair per
// reader, or a second pair behind the first for readers that want another type. Names follow the reference toolkit, so results compare.

import type { NewNode } from '../../core/model/graph-draft'
import type { Node } from '../../core/model/node'

/** Scale and zero point initializers. */
export interface ParamNames {
  readonly scale: string
  readonly zeroPoint: string
}

export interface PairRequest {
  readonly value: string
  readonly params: ParamNames
  /** Set where some readers get another type: its params and those readers; undefined readers: all. */
  readonly converted: (ParamNames & { readonly receivers: ReadonlySet<Node> }) | undefined
  /** Quantized nodes that read the value. */
  readonly receivers: readonly Node[]
  /** The value is a graph output made in integers: a DequantizeLinear writes it, and this is what it is made from. */
  readonly renamed: string | undefined
  readonly isDedicated: boolean
  readonly domain: string
  freshName(base: string): string
}

export interface ActivationPairs {
  readonly nodes: readonly NewNode[]
  /** What a reader gets; nodes that are not mentioned read `others`. */
  readonly reads: ReadonlyMap<Node, string>
  readonly others: string
}

export function activationPairs(request: PairRequest): ActivationPairs {
  if (request.converted) return convertedPairs(request, request.converted)
  if (request.isDedicated && request.receivers.length > 1) return dedicatedPairs(request)
  const { value, renamed, freshName } = request
  const integers = freshName(`${value}_QuantizeLinear_Output`)
  const output = renamed === undefined ? freshName(`${value}_DequantizeLinear_Output`) : value
  const nodes = [quantize(value, renamed ?? value, integers, request), dequantize(value, integers, output, request)]
  return { nodes, reads: new Map(), others: output }
}

function dedicatedPairs(request: PairRequest): ActivationPairs {
  const { value, receivers, renamed, freshName } = request
  const pairs = receivers.map((reader, i) => {
    const integers = freshName(`${value}_QuantizeLinear_Output_${i + 1}`)
    const output = freshName(`${value}_DequantizeLinear_Output_${i + 1}`)
    const nodes = [
      quantize(value, renamed ?? value, integers, request, `_${i + 1}`),
      dequantize(value, integers, output, request, `_${i + 1}`),
    ]
    return { reader, output, nodes }
  })
  return {
    nodes: pairs.flatMap(({ nodes }) => nodes),
    reads: new Map(pairs.map(({ reader, output }) => [reader, output])),
    others: value,
  }
}

/** Q1 → DQ1 → Q2 → DQ2 where everybody gets the second type, else DQ1 for the others and a copy of it before Q2. */
function convertedPairs(
  request: PairRequest,
  converted: ParamNames & { readonly receivers: ReadonlySet<Node> },
): ActivationPairs {
  const { value, renamed, receivers, freshName } = request
  const toAll = receivers.every((node) => converted.receivers.has(node))
  const first = freshName(`${value}_QuantizeLinear_Output`)
  const firstOutput = renamed !== undefined && !toAll ? value : freshName(`${value}_DequantizeLinear_Output`)
  const clone = toAll ? firstOutput : freshName(`${value}_convert_QuantizeLinear_Input`)
  const second = freshName(`${value}_convert_QuantizeLinear_Output`)
  const secondOutput = renamed !== undefined && toAll ? value : freshName(`${value}_convert_DequantizeLinear_Output`)
  const secondForm = { ...request, params: converted }
  const nodes = [
    quantize(value, renamed ?? value, first, request),
    dequantize(value, first, firstOutput, request),
    ...(toAll ? [] : [dequantize(`${value}_convert_clone`, first, clone, request)]),
    quantize(`${value}_convert`, clone, second, secondForm),
    dequantize(`${value}_convert`, second, secondOutput, secondForm),
  ]
  const reads = new Map(
    receivers.map((node) => [node, converted.receivers.has(node) ? secondOutput : firstOutput] as const),
  )
  return { nodes, reads, others: value }
}

type PairContext = Pick<PairRequest, 'params' | 'domain'>

const quantize = (base: string, input: string, output: string, context: PairContext, suffix = ''): NewNode => ({
  opType: 'QuantizeLinear',
  domain: context.domain,
  name: `${base}_QuantizeLinear${suffix}`,
  inputs: [input, context.params.scale, context.params.zeroPoint],
  outputs: [output],
})

const dequantize = (base: string, input: string, output: string, context: PairContext, suffix = ''): NewNode => ({
  opType: 'DequantizeLinear',
  domain: context.domain,
  name: `${base}_DequantizeLinear${suffix}`,
  inputs: [input, context.params.scale, context.params.zeroPoint],
  outputs: [output],
})
