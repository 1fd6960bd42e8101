// The models and cases of the comparison with the reference toolkit as tools/conformance/reference.py writes them: inputs made of whole
// numbers, options in the reference's own words, and what its files hold. Options of Lathe are in reference-options.ts.

import { dtypeFromCode } from '../../src/core/model/dtype'
import type { CalibrationData, TensorRanges } from '../../src/core/pass/pass-context'
import type { NamedValues, TensorValue } from '../../src/core/pass/tensor-value'

/** Of a graph input: ONNX type code, dims, and what whole numbers stay below. */
export interface InputFacts {
  readonly dtype: number
  readonly dims: readonly number[]
  readonly below: number
}
export type Inputs = Readonly<Record<string, InputFacts>>

type ShortType = 'u8' | 'i8' | 'u16' | 'i16' | 'i4'
/** As in `TensorQuantOverrides`. */
interface ReferenceParameters {
  readonly quant_type?: ShortType
  readonly scale?: number
  readonly zero_point?: number
  readonly symmetric?: boolean
  readonly reduce_range?: boolean
  readonly rmin?: number
  readonly rmax?: number
}
export interface ReferenceOverride extends ReferenceParameters {
  readonly axis?: number
  readonly convert?: ReferenceParameters & { readonly quant_type: ShortType; readonly recv_nodes?: readonly string[] }
}
export type ReferenceOverrides = Readonly<Record<string, readonly ReferenceOverride[]>>

export interface StaticCase {
  readonly tool: 'static'
  readonly activation_type: ShortType
  readonly weight_type: ShortType
  readonly per_channel: boolean
  readonly reduce_range: boolean
  readonly extra_options: Readonly<Record<string, unknown>>
  readonly op_types_to_quantize?: readonly string[]
  /** `first` stands for the model's first layer. */
  readonly nodes_to_exclude?: 'first'
}
export interface DynamicCase {
  readonly tool: 'dynamic'
  readonly weight_type: 'u8' | 'i8'
  readonly per_channel: boolean
  readonly reduce_range: boolean
  readonly extra_options: Readonly<Record<string, unknown>>
}
export interface BlocksCase {
  readonly tool: 'blocks'
  readonly algorithm: 'default' | 'rtn' | 'k_quant' | 'hqq'
  readonly bits: 2 | 4 | 8
  readonly is_symmetric: boolean
  readonly block_size: number
  readonly quant_format?: 'QOperator' | 'QDQ'
  readonly op_types?: readonly string[]
}
export interface Float16Case {
  readonly tool: 'float16'
  readonly keep_io_types: boolean
  readonly op_block_list?: readonly string[]
}
export type ReferenceCase = StaticCase | DynamicCase | BlocksCase | Float16Case

/** What a case needs to know of its model. */
export interface CaseModel {
  readonly inputs: Inputs
  readonly ranges: TensorRanges
  /** Name of the node that some cases exclude. */
  readonly firstLayer: string
  /** By the name that a case gives as `TensorQuantOverrides`. */
  readonly overrides: Readonly<Record<string, ReferenceOverrides>>
}

/** Ranges that the reference measured. */
export interface MeasuredModel {
  readonly inputs: Inputs
  /** By MinMax. */
  readonly ranges: TensorRanges
  /** By other methods. */
  readonly calibrations: Readonly<Record<string, TensorRanges>>
  /** By method and tensor, ranges as good to 1e-6 as the one that the reference chose. */
  readonly ties: Readonly<Record<string, Readonly<Record<string, readonly (readonly [number, number])[]>>>>
}

interface HashedModel extends CaseModel, MeasuredModel {
  /** Different hashes of the initializers of that name over all cases. */
  readonly tensors: Readonly<Record<string, readonly string[]>>
  /** What the reference said when it refused, or hash of the graph, ai.onnx opset, and two digits in base 36 for each name of `tensors`. */
  readonly cases: Readonly<Record<string, string | readonly [graph: string, opset: number, digits: string]>>
}
/** Contents of reference.json. */
export interface ReferenceHashes {
  readonly samples: number
  readonly cases: Readonly<Record<string, ReferenceCase>>
  readonly models: Readonly<Record<string, HashedModel>>
}

/** What the reference's file of a case is like. */
export interface FileFacts {
  readonly graph: string
  readonly opset: number
  /** Hashes by name. */
  readonly tensors: ReadonlyMap<string, string>
}

/** Undefined where the reference refused. */
export function unpackCase({ tensors, cases }: HashedModel, name: string): FileFacts | undefined {
  const packed = cases[name]
  if (packed === undefined || typeof packed === 'string') return undefined
  const [graph, opset, digits] = packed
  const found = Object.entries(tensors).flatMap(([tensor, hashes], position): (readonly [string, string])[] => {
    const code = digits.slice(2 * position, 2 * position + 2)
    return code === '' || code === '..' ? [] : [[tensor, hashes[parseInt(code, 36)] ?? '']]
  })
  return { graph, opset, tensors: new Map(found) }
}

/** float32 values: the file holds the shortest decimals that name them. */
export const float32Ranges = (ranges: TensorRanges): TensorRanges =>
  Object.fromEntries(
    Object.entries(ranges).map(([name, [min, max]]) => [name, [Math.fround(min), Math.fround(max)] as const]),
  )

/** The samples that the reference measured ranges on. */
export const calibrationDataOf = (inputs: Inputs, size: number): CalibrationData => ({
  source: 'reference',
  size,
  sample: (index) => Promise.resolve(feedsOf(inputs, index)),
})

/** Inputs of sample `sample`. */
export const feedsOf = (inputs: Inputs, sample: number): NamedValues =>
  Object.fromEntries(Object.entries(inputs).map(([name, facts]) => [name, fill(facts, sample)]))

/** The numbers of `fill` in tools/conformance/reference.py. */
function fill({ dtype: code, dims, below }: InputFacts, sample: number): TensorValue {
  const count = dims.reduce((product, dim) => product * dim, 1)
  const dtype = dtypeFromCode(code)
  const positions = Array.from({ length: count }, (_, i) => i)
  if (dtype === 'int64')
    return { dtype, dims, data: BigInt64Array.from(positions, (i) => BigInt((i * 31 + sample * 17 + 5) % below)) }
  if (dtype === 'bool')
    return { dtype, dims, data: Uint8Array.from(positions, (i) => ((i + sample) % 2 === 0 ? 1 : 0)) }
  const whole = (i: number): number => (i * 7919 + sample * 104729 + 13 + Math.floor(i / 2048) * 997) % 2048
  const data = Float32Array.from(positions, (i) => ((whole(i) / 512 - 2) * ((sample % 4) + 1)) / 2)
  return { dtype: 'float32', dims, data }
}
