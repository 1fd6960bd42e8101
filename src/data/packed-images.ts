// Small labelled image sets in one compact file (`*.lpi`): a header in JSON and the pixels as uint8, compressed in chunks that are
// inflated only when a sample of theirs is asked for. The bundled data sets of the zoo are written in this format.
//
// Layout, little-endian:
//   bytes 0–3   the ASCII letters `LPI1`
//   bytes 4–7   uint32, length H of the header in bytes
//   8 … 8+H−1   the header, UTF-8 JSON: the fields of `PackedImagesHeader`, all required unless marked optional
//   8+H …       the chunks, back to back, no padding; their lengths are `chunkBytes` of the header, and the file ends with the last
// A chunk is one zlib stream (RFC 1950, Python's `zlib.compress`) of `imagesPerChunk` images (the last chunk: the rest).
// An image is `height · width · channels` bytes: row by row from the top, channels interleaved (grey, or R G B).

import { unzlibSync } from 'fflate'
import {
  array,
  literal,
  maxValue,
  minValue,
  number,
  object,
  optional,
  picklist,
  pipe,
  integer,
  safeParse,
  string,
} from 'valibot'
import { LabError } from '../core/errors/lab-error'
import { verifySampleIndex } from './dataset'
import type { RawImage } from './raw-image'

const MAGIC = [0x4c, 0x50, 0x49, 0x31]
const MAX_SIDE = 4096
const MAX_COUNT = 1_000_000
/** One inflated chunk; keeps a hostile header from reserving more. */
const MAX_CHUNK_BYTES = 64 * 1024 * 1024

const count = (max: number) => pipe(number(), integer(), minValue(1), maxValue(max))
const index = pipe(number(), integer(), minValue(0))

const HEADER = object({
  format: literal('packed-images'),
  version: literal(1),
  /** Stable id of the set, such as `fashion-mnist-test`. */
  id: string(),
  /** Where the images come from, for people. */
  source: string(),
  licence: string(),
  /** Number of images. */
  count: count(MAX_COUNT),
  width: count(MAX_SIDE),
  height: count(MAX_SIDE),
  channels: picklist([1, 3]),
  imagesPerChunk: count(MAX_COUNT),
  /** Compressed length of every chunk, bytes. */
  chunkBytes: array(count(MAX_CHUNK_BYTES)),
  /** Class index per image. */
  labels: optional(array(index)),
  classNames: optional(array(string())),
  /** Group per image: images of one group are not independent. */
  clusters: optional(array(index)),
})

export interface PackedImages {
  readonly id: string
  readonly source: string
  readonly licence: string
  readonly count: number
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly labels?: readonly number[]
  readonly classNames?: readonly string[]
  readonly clusters?: readonly number[]
  /** Image `index`; a view into a cached chunk, not to be written to. Throws `data/invalid`. */
  image(index: number): RawImage
}

const invalid = (message: string, details: Record<string, string | number> = {}): LabError =>
  new LabError('data/invalid', message, details)

/** Reads the header and checks every length; pixels are inflated on demand. Throws `data/invalid`. `bytes` are kept by reference. */
export function decodePackedImages(bytes: Uint8Array): PackedImages {
  const { header, payload } = readHeader(bytes)
  const imageBytes = header.width * header.height * header.channels
  const chunkCount = Math.ceil(header.count / header.imagesPerChunk)
  if (header.chunkBytes.length !== chunkCount) {
    const expected = `${chunkCount} chunks for ${header.count} images`
    throw invalid(`The packed images "${header.id}" list ${header.chunkBytes.length} chunks, expected ${expected}.`)
  }
  if (Math.min(header.imagesPerChunk, header.count) * imageBytes > MAX_CHUNK_BYTES) {
    throw invalid(`A chunk of the packed images "${header.id}" would take more than ${MAX_CHUNK_BYTES} bytes.`)
  }
  const starts = chunkStarts(header.chunkBytes)
  const end = starts.at(-1) ?? 0
  if (end !== payload.length) {
    throw invalid(`The chunks of the packed images "${header.id}" take ${end} bytes, the file has ${payload.length}.`)
  }

  // Samples are read in order or repeatedly, so the last chunk is all that is worth keeping.
  let cached: { readonly chunk: number; readonly pixels: Uint8Array } | undefined
  const image = (index: number): RawImage => {
    verifySampleIndex(index, header.count, header.id)
    const chunk = Math.floor(index / header.imagesPerChunk)
    if (cached?.chunk !== chunk) {
      const images = Math.min(header.imagesPerChunk, header.count - chunk * header.imagesPerChunk)
      const compressed = payload.subarray(starts[chunk], starts[chunk + 1])
      cached = { chunk, pixels: inflateChunk(compressed, images * imageBytes, `${header.id}, chunk ${chunk}`) }
    }
    const start = (index - chunk * header.imagesPerChunk) * imageBytes
    const { width, height, channels } = header
    return { width, height, channels, data: cached.pixels.subarray(start, start + imageBytes) }
  }
  const { id, source, licence, width, height, channels, labels, classNames, clusters } = header
  return {
    ...{ id, source, licence, count: header.count, width, height, channels, image },
    ...(labels && { labels }),
    ...(classNames && { classNames }),
    ...(clusters && { clusters }),
  }
}

function readHeader(bytes: Uint8Array) {
  if (bytes.length < 8 || MAGIC.some((letter, at) => bytes[at] !== letter)) {
    throw invalid('This is not a file of packed images: it does not start with "LPI1".', { byteOffset: 0 })
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true)
  if (length > bytes.length - 8) {
    throw invalid(`The header of the packed images claims ${length} bytes, ${bytes.length - 8} are left.`, {
      byteOffset: 4,
    })
  }
  const header = parseHeader(bytes.subarray(8, 8 + length))
  for (const [name, list] of [
    ['labels', header.labels],
    ['clusters', header.clusters],
  ] as const) {
    if (list && list.length !== header.count) {
      throw invalid(`The packed images "${header.id}" have ${list.length} ${name} for ${header.count} images.`)
    }
  }
  const classes = header.classNames?.length
  if (classes !== undefined && header.labels?.some((label) => label >= classes)) {
    throw invalid(`A label of the packed images "${header.id}" is not one of its ${classes} classes.`)
  }
  return { header, payload: bytes.subarray(8 + length) }
}

function parseHeader(bytes: Uint8Array) {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new LabError('data/invalid', 'The header of the packed images is not JSON.', { byteOffset: 8 }, { cause })
  }
  const parsed = safeParse(HEADER, json)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const path = issue.path?.map((part) => String(part.key)).join('.') ?? ''
  throw invalid(`The header of the packed images is wrong at "${path}": ${issue.message}.`, { path })
}

function chunkStarts(lengths: readonly number[]): readonly number[] {
  const starts = [0]
  for (const length of lengths) starts.push((starts.at(-1) ?? 0) + length)
  return starts
}

function inflateChunk(compressed: Uint8Array, size: number, where: string): Uint8Array {
  // One byte more than expected, so that a longer stream shows; fflate never grows a buffer it was given.
  let pixels: Uint8Array
  try {
    pixels = unzlibSync(compressed, { out: new Uint8Array(size + 1) })
  } catch (cause) {
    throw new LabError('data/invalid', `The packed images (${where}) are damaged.`, {}, { cause })
  }
  if (pixels.length !== size)
    throw invalid(`The packed images (${where}) hold ${pixels.length} bytes, expected ${size}.`)
  return pixels
}
