// Bytes of an .onnx file → Model, without copying its weights. The door for models: sizes, counts and depths are checked here, parts that
// Lathe does not know are carried. Whether the graph makes sense is `verify-graph.ts`'s question, attaching other files `external-data.ts`'s.

import { LabError } from '../errors/lab-error'
import type { Graph } from '../model/graph'
import type { Model, ModelFunction } from '../model/model'
import type { Node } from '../model/node'
import { CarriedCollector } from './carried-fields'
import { decodeGraph, decodeNode, STANDARD_DOMAIN } from './decode-graph'
import { decodeEntry } from './decode-tensor'
import { recognizeFormat } from './recognize-format'
import { FUNCTION, MODEL, OPERATOR_SET } from './schema'
import { WireReader } from './wire-reader'

const MAX_INT32 = 2 ** 31 - 1

/**
 * Reads an ONNX file. Tensors are views into `bytes`, which must stay as they are while the model is in use. Throws `model/parse`
 * (not an ONNX file, cut off, damaged; details hold `byteOffset` or `format`) or `model/invalid` (a tensor that contradicts itself,
 * duplicates; details hold `tensor` or `node`, `expected`).
 */
export function decodeModel(bytes: Uint8Array): Model {
  if (bytes.byteLength === 0) {
    throw new LabError('model/parse', 'The file is empty, expected an ONNX model.', { byteOffset: 0 })
  }
  const format = recognizeFormat(bytes)
  if (format) {
    throw new LabError('model/parse', `This looks like ${format}, expected an ONNX model.`, { byteOffset: 0, format })
  }
  return readModel(new WireReader(bytes, 'ModelProto'))
}

function readModel(reader: WireReader): Model {
  const carried = new CarriedCollector()
  const opsets = new Map<string, number>()
  const metadata = new Map<string, string>()
  const functions: ModelFunction[] = []
  let graph: Graph | undefined
  let [irVersion, producerName, producerVersion] = [0, '', '']
  while (reader.next()) {
    switch (reader.field) {
      case MODEL.irVersion:
        irVersion = reader.integer('the IR version', 1, MAX_INT32)
        break
      case MODEL.producerName:
        producerName = carried.text(reader)
        break
      case MODEL.producerVersion:
        producerVersion = carried.text(reader)
        break
      case MODEL.graph:
        if (graph) throw reader.fail('a second graph')
        graph = decodeGraph(reader.nested('GraphProto'))
        break
      case MODEL.opsetImport:
        addOpset(opsets, reader, carried)
        break
      case MODEL.metadataProps: {
        const [key, value] = decodeEntry(reader.nested('StringStringEntryProto'))
        metadata.set(key, value)
        carried.entry(reader, key, value)
        break
      }
      case MODEL.functions:
        functions.push(decodeFunction(reader.nested('FunctionProto')))
        break
      default:
        carried.keep(reader)
    }
  }
  if (!graph) throw missing(reader, 'graph')
  if (!irVersion) throw missing(reader, 'IR version')
  return { irVersion, opsets, producerName, producerVersion, metadata, graph, functions, ...carried.finish() }
}

function missing(reader: WireReader, what: string): LabError {
  const message = `The file holds no ${what}: it is cut off or not an ONNX model.`
  return new LabError('model/parse', message, { byteOffset: reader.byteOffset, expected: what })
}

function addOpset(opsets: Map<string, number>, reader: WireReader, carried: CarriedCollector): void {
  const entry = reader.nested('OperatorSetIdProto')
  let [domain, version] = ['', 0]
  while (entry.next()) {
    if (entry.field === OPERATOR_SET.domain) domain = entry.string()
    else if (entry.field === OPERATOR_SET.version) version = entry.integer('the opset version', 1, MAX_INT32)
  }
  if (domain === STANDARD_DOMAIN) domain = ''
  const known = opsets.get(domain)
  if (known !== undefined && known !== version) {
    throw reader.fail(`opset ${version} of the domain "${domain}", which was ${known} before`)
  }
  opsets.set(domain, version)
  carried.entry(reader, domain, version)
}

function decodeFunction(reader: WireReader): ModelFunction {
  const carried = new CarriedCollector()
  const inputs: string[] = []
  const outputs: string[] = []
  const nodes: Node[] = []
  const opsets = new Map<string, number>()
  let [name, domain, overload] = ['', '', '']
  while (reader.next()) {
    switch (reader.field) {
      case FUNCTION.name:
        name = carried.text(reader)
        break
      case FUNCTION.domain:
        domain = carried.text(reader, STANDARD_DOMAIN)
        break
      case FUNCTION.overload:
        overload = carried.text(reader)
        break
      case FUNCTION.input:
        inputs.push(reader.string())
        break
      case FUNCTION.output:
        outputs.push(reader.string())
        break
      case FUNCTION.node:
        nodes.push(decodeNode(reader.nested('NodeProto')))
        break
      case FUNCTION.opsetImport:
        addOpset(opsets, reader, carried)
        break
      default:
        carried.keep(reader)
    }
  }
  return { name, domain, overload, inputs, outputs, nodes, opsets, ...carried.finish() }
}
