// Options that do not go together, and overrides that do not fit the model: refused with the path of the offending value.

import { LabError } from '../../core/errors/lab-error'
import type { Graph } from '../../core/model/graph'
import { nodeName } from '../../core/model/node'
import { indexGraph, type GraphIndex } from '../../core/model/graph-index'
import type { TypeScope } from '../../core/model/infer-shapes'
import type { TensorOverride } from '../../core/options/tensor-overrides'
import { QUANT_LIMITS, type QuantDType } from '../../core/numeric/quant-params'
import type { StaticOptions } from './spec'

/** Throws `options/invalid`. */
export function checkOptions(graph: Graph, types: TypeScope, options: StaticOptions): void {
  const { activationType, weightType, blockSize, contribOps, overrides } = options
  if (activationType === 'int8' && weightType === 'uint8') {
    throw invalid('options.weightType', weightType, 'int8 beside int8 activations: no kernel takes uint8 weights then')
  }
  if (blockSize > 0 && contribOps) {
    throw invalid('options.contribOps', contribOps, 'false: the operators of com.microsoft know no blocks')
  }
  const index = indexGraph(graph)
  const known = new Set([...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name)])
  for (const { outputs } of graph.nodes) for (const name of outputs) known.add(name)
  for (const [tensor, entries] of Object.entries(overrides)) {
    const path = `options.overrides.${tensor}`
    if (!known.has(tensor)) throw invalid(path, tensor, 'the name of a tensor of the model')
    const type = types.type(tensor)
    const dtype = index.constant(tensor)?.dtype ?? (type?.kind === 'tensor' ? type.dtype : undefined)
    if (dtype !== undefined && dtype !== 'float32') throw invalid(path, dtype, 'a float32 tensor')
    checkTensor(tensor, entries, path, index, options)
  }
}

function checkTensor(
  tensor: string,
  entries: readonly TensorOverride[],
  path: string,
  index: GraphIndex,
  options: StaticOptions,
): void {
  const constant = index.constant(tensor)
  const [first = {}] = entries
  entries.forEach((entry, i) => checkParams(entry, `${path}[${i}]`, options.activationType))
  if (constant) checkChannels(entries, constant.dims, path)
  else if (entries.length > 1 || first.axis !== undefined) {
    throw invalid(
      entries.length > 1 ? path : `${path}[0].axis`,
      first.axis,
      'one entry without axis: only constants have channels',
    )
  }
  if (!constant && first.reduceRange !== undefined) {
    throw invalid(`${path}[0].reduceRange`, first.reduceRange, 'nothing: only constants have a reduced range')
  }
  if (first.convert) checkConversion(tensor, first, `${path}[0].convert`, index, options)
}

/** Scale and zero point go together and leave nothing else to say. */
function checkParams(entry: TensorOverride, path: string, usual: QuantDType): void {
  const { scale, zeroPoint, quantType = usual } = entry
  if (scale !== undefined && zeroPoint === undefined)
    throw invalid(`${path}.zeroPoint`, undefined, 'an integer beside the scale')
  if (scale === undefined && zeroPoint !== undefined)
    throw invalid(`${path}.scale`, undefined, 'a number beside the zero point')
  if (entry.min !== undefined && entry.max !== undefined && entry.min > entry.max) {
    throw invalid(`${path}.min`, entry.min, 'a number not above max')
  }
  if (zeroPoint === undefined) return
  const spare = (['symmetric', 'reduceRange', 'min', 'max'] as const).find((name) => entry[name] !== undefined)
  if (spare) throw invalid(`${path}.${spare}`, entry[spare], 'nothing beside scale and zero point')
  const [lowest, highest] = QUANT_LIMITS[quantType]
  if (entry.quantType && (zeroPoint < lowest || zeroPoint > highest)) {
    throw invalid(`${path}.zeroPoint`, zeroPoint, `an integer from ${lowest} to ${highest}`)
  }
}

/** What all channels must have in common. */
const COMMON = ['quantType', 'axis', 'symmetric', 'reduceRange'] as const

function checkChannels(entries: readonly TensorOverride[], dims: readonly number[], path: string): void {
  const [first = {}] = entries
  if (first.axis === undefined) {
    if (entries.length > 1) throw invalid(`${path}[0].axis`, undefined, 'the axis of the channels')
    return
  }
  const axis = first.axis < 0 ? first.axis + dims.length : first.axis
  const count = dims[axis]
  if (axis < 0 || count === undefined)
    throw invalid(`${path}[0].axis`, first.axis, `an axis of a tensor of rank ${dims.length}`)
  if (entries.length !== 1 && entries.length !== count) {
    throw invalid(path, entries.length, `1 or ${count} entries, one per index of axis ${first.axis}`)
  }
  if ((first.min === undefined) !== (first.max === undefined))
    throw invalid(`${path}[0]`, first, 'min and max together')
  entries.slice(1).forEach((entry, i) => {
    const place = `${path}[${i + 1}]`
    const odd = COMMON.find((name) => entry[name] !== undefined && entry[name] !== first[name])
    if (odd) throw invalid(`${place}.${odd}`, entry[odd], `${String(first[odd])}, as for the first channel`)
    for (const name of ['scale', 'min', 'max'] as const) {
      if ((entry[name] === undefined) !== (first[name] === undefined)) {
        throw invalid(`${place}.${name}`, entry[name], 'the same parameters for all channels')
      }
    }
  })
}

function checkConversion(
  tensor: string,
  { quantType, convert }: TensorOverride,
  path: string,
  index: GraphIndex,
  { activationType, dedicatedPairs }: StaticOptions,
): void {
  if (!convert) return
  if (index.constant(tensor)) throw invalid(path, convert, 'nothing: only activations can be converted')
  checkParams(convert, path, activationType)
  if (convert.reduceRange !== undefined) {
    throw invalid(`${path}.reduceRange`, convert.reduceRange, 'nothing: only constants have a reduced range')
  }
  if (convert.quantType === (quantType ?? activationType)) {
    throw invalid(`${path}.quantType`, convert.quantType, 'another type than before the conversion')
  }
  const readers = index.consumers(tensor)
  const names = new Set(readers.map(nodeName))
  const stranger = convert.receivers?.findIndex((name) => !names.has(name)) ?? -1
  if (stranger >= 0)
    throw invalid(`${path}.receivers[${stranger}]`, convert.receivers?.[stranger], 'a node that reads the tensor')
  if (dedicatedPairs && readers.length > 1) throw invalid(path, convert, 'no conversion beside dedicated pairs')
}

function invalid(path: string, got: unknown, expected: string): LabError {
  const shown = typeof got === 'string' ? `"${got}"` : (JSON.stringify(got) ?? 'nothing').slice(0, 80)
  return new LabError('options/invalid', `${path} is ${shown}, expected ${expected}.`, { path, expected, got: shown })
}
