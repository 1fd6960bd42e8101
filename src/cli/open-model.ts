// Opens what stands for MODEL on the command line: an .onnx file with its external data beside it, or a model of the zoo.

import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { LabError } from '../core/errors/lab-error'
import type { Model } from '../core/model/model'
import { decodeModel } from '../core/onnx/decode'
import { attachExternalData, externalLocations } from '../core/onnx/external-data'
import { joinHashes } from '../core/recipe/recipe-key'
import { readTo } from './read-file'
import { zooModelPath } from './zoo-files'

export interface OpenedModel {
  /** As it was named on the command line. */
  readonly reference: string
  readonly path: string
  /** Files beside it that hold weights, as the model names them. */
  readonly externalData: readonly string[]
  /** With the external weights attached. */
  readonly model: Model
  /** Of all its files. */
  readonly sizeBytes: number
  /** Of all its files, see `joinHashes`; computed when asked, as it takes as long as compressing a third of them. */
  sha256(): Promise<string>
}

type MakeMemory = (size: number) => ArrayBufferLike

interface ExternalData {
  readonly reference: string
  readonly path: string
  /** As the model names it. */
  readonly location: string
  readonly makeMemory: MakeMemory
}

/** `makeMemory`: for its files. Throws `cli/usage` when there is no such file, and what decoding throws. */
export async function openModel(
  reference: string,
  repository: string,
  makeMemory: MakeMemory = (size) => new ArrayBuffer(size),
): Promise<OpenedModel> {
  const path = zooModelPath(reference, repository) ?? reference
  const bytes = await readTo(makeMemory, path, 'model: an .onnx file or zoo:NAME')
  if (isTfjsModel(bytes)) {
    const message = `"${reference}" is a TF.js model; these are not supported yet, expected an .onnx file.`
    throw new LabError('model/unsupported', message, { path: reference })
  }
  const decoded = nameFile(reference, () => decodeModel(bytes))
  const files = new Map<string, Uint8Array>()
  for (const location of externalLocations(decoded)) {
    files.set(location, await readExternal({ reference, path: join(dirname(path), location), location, makeMemory }))
  }
  return {
    reference,
    path,
    externalData: [...files.keys()],
    model: files.size > 0 ? nameFile(reference, () => attachExternalData(decoded, files)) : decoded,
    sizeBytes: [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, bytes.byteLength),
    sha256: () => joinHashes([bytes, ...files.values()].map(sha256Of)),
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Opens models that are compared with the first of them. Throws `data/invalid` when one takes other inputs. */
export async function openModels(references: readonly string[], repository: string): Promise<readonly OpenedModel[]> {
  const models: OpenedModel[] = []
  for (const reference of references) {
    const opened = await openModel(reference, repository)
    const [expected, got] = [models[0] ?? opened, opened].map(({ model }) => inputNamesOf(model).toSorted().join(', '))
    if (got !== expected) {
      const message = `${reference} takes the inputs ${got}; expected those of ${references[0] ?? ''}: ${expected}.`
      throw new LabError('data/invalid', message, { path: reference })
    }
    models.push(opened)
  }
  return models
}

/** What a run must be given: inputs that no initializer stands for. */
export const inputNamesOf = ({ graph }: Model): readonly string[] =>
  graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name))

async function readExternal({ reference, path, location, makeMemory }: ExternalData): Promise<Uint8Array> {
  try {
    return await readTo(makeMemory, path, 'data file of the model')
  } catch (cause) {
    if (!(cause instanceof LabError) || cause.code !== 'cli/usage') throw cause
    const message = `The weights of "${reference}" stand in "${location}", which cannot be read; expected it beside ${basename(reference)}.`
    throw new LabError('model/missing-external-data', message, { location }, { cause })
  }
}

/** Decoding knows bytes, not files: its errors get the file's name here. */
function nameFile<T>(reference: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    throw new LabError(error.code, `${reference}: ${error.message}`, error.details, { cause: error })
  }
}

const TFJS_HEAD_BYTES = 4096
const TFJS_KEYS = /"(modelTopology|weightsManifest)"\s*:|"format"\s*:\s*"(graph|layers)-model"/

/** A `model.json` says what it is near its start. */
function isTfjsModel(bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, TFJS_HEAD_BYTES)).trimStart()
  return head.startsWith('{') && TFJS_KEYS.test(head)
}
