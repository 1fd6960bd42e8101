// Opens dropped files as a model in the compress worker: decodes, finds the external data beside it, summarizes.

import { LabError } from '../../src/core/errors/lab-error'
import type { Model } from '../../src/core/model/model'
import { decodeModel } from '../../src/core/onnx/decode'
import { attachExternalData, externalLocations } from '../../src/core/onnx/external-data'
import { joinHashes, sha256Hex } from '../../src/core/recipe/recipe-key'
import type { JobContext } from './job'
import type { ExternalFile, ModelFile, ModelId } from './protocol'
import { readBytes } from './read-model-file'

export interface OpenModel {
  readonly file: ModelFile
  /** Its tensors are views into the files' bytes. */
  readonly model: Model
  /** Of all its files, see `joinHashes`. */
  readonly sha256: string
}

export interface NamedFile {
  readonly name: string
  readonly file: Blob
}

/** Throws `data/invalid` for a set of files without exactly one model, `model/*` for what the file is. */
export async function openFiles(id: ModelId, files: readonly NamedFile[], context: JobContext): Promise<OpenModel> {
  const main = findModel(files)
  const find = (location: string): NamedFile | undefined =>
    files.find(({ name }) => name === location) ?? files.find(({ name }) => baseName(name) === baseName(location))
  return read(id, main.file, (location) => find(location)?.file, context)
}

/** The same from handles that an earlier `openFiles` gave. */
export function reopen({ id, file, externalData }: ModelFile, context: JobContext): Promise<OpenModel> {
  return read(id, file, (location) => externalData.find(({ path }) => path === location)?.file, context)
}

async function read(
  id: ModelId,
  file: Blob,
  find: (location: string) => Blob | undefined,
  context: JobContext,
): Promise<OpenModel> {
  context.progress(0, 'Reading')
  const bytes = await readBytes(file, 'The model')
  await context.checkpoint()
  context.progress(0.3, 'Decoding')
  const decoded = decodeModel(bytes)
  await context.checkpoint()
  const externalData: ExternalFile[] = []
  const contents = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const path of externalLocations(decoded)) {
    const found = find(path)
    if (!found) continue
    externalData.push({ path, file: found })
    contents.set(path, await readBytes(found, `"${path}"`))
    await context.checkpoint()
  }
  const model = attachExternalData(decoded, contents)
  context.progress(0.7, 'Identifying')
  const hashes = [await sha256Hex(bytes)]
  for (const content of contents.values()) hashes.push(await sha256Hex(content))
  const sha256 = await joinHashes(hashes)
  await context.checkpoint()
  return { file: { id, file, externalData }, model, sha256 }
}

function findModel(files: readonly NamedFile[]): NamedFile {
  const [first, ...rest] = files
  if (!first) throw new LabError('data/invalid', 'No file was given, expected a model.')
  // A single file is tried whatever its name: its bytes say what it is.
  if (rest.length === 0) return first
  const models = files.filter(({ name }) => /\.onnx$/i.test(name))
  const [model] = models
  if (model && models.length === 1) return model
  const names = files.map(({ name }) => name)
  const message = `${models.length} of the files ${names.join(', ')} are .onnx models, expected one and its data files.`
  throw new LabError('data/invalid', message, { files: names })
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
