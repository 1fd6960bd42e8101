// Model → bytes of an .onnx file, as a list of chunks for a Blob or a stream: weights are passed on by reference, never copied.
// The layout is that of the ONNX Python package (fields in number order, `dims`, `ints` and `floats` unpacked, `*_data` packed).

import { LabError } from '../errors/lab-error'
import type { Model, ModelFunction } from '../model/model'
import { sortTopologically } from '../model/topological-sort'
import type { Tensor } from '../model/tensor'
import { carriedFields } from './carried-fields'
import { encodeGraph, encodeNode } from './encode-graph'
import { encodeEntry } from './encode-tensor'
import { parseLocation } from './external-data'
import { requiredIr } from './required-ir'
import { FUNCTION, MODEL, OPERATOR_SET } from './schema'
import { WireWriter } from './wire-writer'

/** A protobuf message must stay below this size. */
const MAX_FILE_BYTES = 2 ** 31 - 1
/** Smaller tensors stay in the model file, like with the ONNX Python package. */
const EXTERNAL_FROM_BYTES = 1024
/** Larger tensors start on a page of memory, so that they can be mapped. */
const ALIGNED_FROM_BYTES = 2 ** 20
const PAGE_BYTES = 4096

/**
 * The file as chunks in order; they share memory with the model. Nodes come out topologically sorted, and the IR version is raised where a
 * data type or a bare initializer needs it. Throws `model/too-large` from 2 GiB on (`encodeWithExternalData` has no such limit) and
 * `model/invalid` where the graph has a cycle.
 */
export function encodeParts(model: Model): Uint8Array[] {
  const { chunks, sizeBytes } = encodeModel(model).finish()
  if (sizeBytes <= MAX_FILE_BYTES) return [...chunks]
  const message = `The model takes ${sizeBytes} bytes, an ONNX file holds at most ${MAX_FILE_BYTES}: write its weights to a file of their own.`
  throw new LabError('model/too-large', message, { sizeBytes, expected: MAX_FILE_BYTES })
}

export const partsSizeBytes = (parts: readonly Uint8Array[]): number =>
  parts.reduce((sum, { byteLength }) => sum + byteLength, 0)

/**
 * The model and its weights as two files, both as chunks. `location` is the name of the second, relative to the first. Constants of nodes
 * and bodies stay in the model: ONNX Runtime Web finds only the initializers of the main graph in another file.
 */
export function encodeWithExternalData(
  model: Model,
  location: string,
): { readonly model: Uint8Array[]; readonly data: Uint8Array[] } {
  parseLocation(location)
  const data: Uint8Array[] = []
  let offset = 0
  const append = (chunk: Uint8Array): void => {
    if (chunk.byteLength > 0) data.push(chunk)
    offset += chunk.byteLength
  }
  const move = (tensor: Tensor): Tensor => {
    if (tensor.data.kind !== 'bytes' || tensor.data.bytes.byteLength < EXTERNAL_FROM_BYTES) return tensor
    const { bytes } = tensor.data
    if (bytes.byteLength >= ALIGNED_FROM_BYTES)
      append(new Uint8Array((PAGE_BYTES - (offset % PAGE_BYTES)) % PAGE_BYTES))
    const at = offset
    append(bytes)
    return { ...tensor, data: { kind: 'external', location, offset: at, length: bytes.byteLength } }
  }
  const initializers = new Map([...model.graph.initializers].map(([name, tensor]) => [name, move(tensor)]))
  return { model: encodeParts({ ...model, graph: { ...model.graph, initializers } }), data }
}

function encodeModel(model: Model): WireWriter {
  const carried = carriedFields(model)
  const writer = WireWriter.for(carried)
  writer.varint(MODEL.irVersion, Math.max(model.irVersion, requiredIr(model)))
  writer.optionalString(MODEL.producerName, model.producerName)
  writer.optionalString(MODEL.producerVersion, model.producerVersion)
  writer.message(MODEL.graph, encodeGraph(model.graph))
  encodeMap(writer, MODEL.opsetImport, model, model.opsets, encodeOpset)
  encodeMap(writer, MODEL.metadataProps, model, model.metadata, encodeEntry)
  for (const owner of model.functions) writer.message(MODEL.functions, encodeFunction(owner))
  return writer
}

function encodeFunction(owner: ModelFunction): WireWriter {
  const writer = WireWriter.for(carriedFields(owner))
  writer.optionalString(FUNCTION.name, owner.name)
  for (const input of owner.inputs) writer.string(FUNCTION.input, input)
  for (const output of owner.outputs) writer.string(FUNCTION.output, output)
  for (const node of sortTopologically(owner.nodes, owner)) writer.message(FUNCTION.node, encodeNode(node))
  encodeMap(writer, FUNCTION.opsetImport, owner, owner.opsets, encodeOpset)
  writer.optionalString(FUNCTION.domain, owner.domain)
  writer.optionalString(FUNCTION.overload, owner.overload)
  return writer
}

/** Writes the entries as they were while the map has not changed, else anew. */
function encodeMap<V extends string | number>(
  writer: WireWriter,
  field: number,
  owner: Model | ModelFunction,
  map: ReadonlyMap<string, V>,
  encodeItem: (key: string, value: V) => WireWriter,
): void {
  const carried = carriedFields(owner)?.maps?.get(field)
  const isSame = carried?.was.size === map.size && [...map].every(([key, value]) => carried.was.get(key) === value)
  if (isSame) writer.verbatim(carried.pieces)
  else for (const [key, value] of map) writer.message(field, encodeItem(key, value))
}

function encodeOpset(domain: string, version: number): WireWriter {
  const writer = new WireWriter()
  writer.string(OPERATOR_SET.domain, domain)
  writer.varint(OPERATOR_SET.version, version)
  return writer
}
