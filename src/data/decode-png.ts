// A PNG decoder (ISO/IEC 15948) for 8 bits out: all colour types, bit depths and interlacing. It is our own because it inflates into
// a buffer of the exact size that the header promises, so a small hostile file cannot reserve more than `maxPixels` allow.

import { unzlibSync } from 'fflate'
import { LabError } from '../core/errors/lab-error'
import { joinParts } from '../core/numeric/join-parts'
import type { RawImage } from './raw-image'

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** Samples per pixel by colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}
/** Adam7: first column, first row, column step, row step of each pass. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const
const WHOLE = [[0, 0, 1, 1]] as const

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colourType: number
  readonly isInterlaced: boolean
}

interface Parts {
  readonly header: Header
  readonly palette: Uint8Array
  readonly compressed: Uint8Array
}

const invalid = (message: string, byteOffset?: number, cause?: unknown): LabError =>
  new LabError(
    'data/invalid',
    `The PNG cannot be decoded: ${message}.`,
    byteOffset === undefined ? {} : { byteOffset },
    { cause },
  )

/** Grey stays grey, everything else becomes RGB; 16 bits keep their upper byte; alpha is dropped. Throws `data/invalid`. */
export function decodePng(bytes: Uint8Array, maxPixels: number): RawImage {
  const parts = readParts(bytes, maxPixels)
  const { header, compressed } = parts
  const passes = (header.isInterlaced ? ADAM7 : WHOLE).map(([x, y, dx, dy]) => ({
    ...{ x, y, dx, dy },
    columns: Math.ceil((header.width - x) / dx),
    rows: Math.ceil((header.height - y) / dy),
  }))
  const lines = passes.filter(({ columns, rows }) => columns > 0 && rows > 0)
  const size = lines.reduce((sum, { columns, rows }) => sum + rows * (1 + lineBytes(header, columns)), 0)
  const raw = inflate(compressed, size)

  const channels = header.colourType === 0 || header.colourType === 4 ? 1 : 3
  const data = new Uint8Array(header.width * header.height * channels)
  let at = 0
  for (const { x, y, dx, dy, columns, rows } of lines) {
    const length = lineBytes(header, columns)
    let above: Uint8Array = new Uint8Array(length)
    for (let row = 0; row < rows; row++) {
      const line = raw.subarray(at + 1, at + 1 + length)
      unfilter(raw[at] ?? 0, line, above, Math.max(1, sampleBits(header) >> 3))
      for (let column = 0; column < columns; column++) {
        const to = ((y + row * dy) * header.width + x + column * dx) * channels
        writePixel(data, to, line, column, parts)
      }
      above = line
      at += 1 + length
    }
  }
  return { width: header.width, height: header.height, channels, data }
}

/** Bits of a pixel. */
const sampleBits = ({ colourType, depth }: Header): number => (SAMPLES[colourType] ?? 1) * depth
const lineBytes = (header: Header, columns: number): number => Math.ceil((columns * sampleBits(header)) / 8)

function readParts(bytes: Uint8Array, maxPixels: number): Parts {
  if (SIGNATURE.some((byte, at) => bytes[at] !== byte)) throw invalid('the signature is damaged', 0)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let header: Header | undefined
  let palette = new Uint8Array(0)
  const chunks: Uint8Array[] = []
  for (let at = SIGNATURE.length; ;) {
    if (at + 12 > bytes.length) throw invalid('it ends before its last chunk', at)
    const length = view.getUint32(at)
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (length > bytes.length - at - 12) throw invalid(`chunk ${name} claims ${length} bytes, more than are left`, at)
    const body = bytes.subarray(at + 8, at + 8 + length)
    if (view.getUint32(at + 8 + length) !== crc32(bytes.subarray(at + 4, at + 8 + length))) {
      throw invalid(`chunk ${name} fails its checksum`, at)
    }
    if (name === 'IHDR') header = readHeader(body, maxPixels, at)
    else if (!header) throw invalid(`chunk ${name} stands before IHDR`, at)
    else if (name === 'PLTE') palette = body.slice()
    else if (name === 'IDAT') chunks.push(body)
    else if (name === 'IEND') break
    else if (name.charAt(0) < 'a') throw invalid(`chunk ${name} is required to understand it, but unknown`, at)
    at += 12 + length
  }
  if (header.colourType === 3 && palette.length < 3) throw invalid('it uses a palette but has none')
  return { header, palette, compressed: joinParts(chunks) }
}

function readHeader(body: Uint8Array, maxPixels: number, at: number): Header {
  if (body.length !== 13) throw invalid(`IHDR has ${body.length} bytes, expected 13`, at)
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth = 0, colourType = 0, compression, filter, interlace] = body.subarray(8)
  if (width === 0 || height === 0) throw invalid(`its size is ${width} × ${height}`, at)
  if (width * height > maxPixels) throw invalid(`${width} × ${height} is more than ${maxPixels} pixels`, at)
  if (!DEPTHS[colourType]?.includes(depth))
    throw invalid(`colour type ${colourType} with ${depth} bits does not exist`, at)
  if (compression !== 0 || filter !== 0) throw invalid('its compression or filter method does not exist', at)
  if (interlace !== 0 && interlace !== 1) throw invalid(`interlace method ${interlace} does not exist`, at)
  return { width, height, depth, colourType, isInterlaced: interlace === 1 }
}

function inflate(compressed: Uint8Array, size: number): Uint8Array {
  let raw: Uint8Array
  try {
    // fflate never grows a buffer it was given. What a stream holds beyond the image is ignored, as other decoders do.
    raw = unzlibSync(compressed, { out: new Uint8Array(size) })
  } catch (cause) {
    throw invalid('its pixels are damaged', undefined, cause)
  }
  if (raw.length !== size) throw invalid(`its pixels take ${raw.length} bytes, expected ${size}`)
  return raw
}

/** Undoes the filter of a line in place. `step`: bytes of a pixel, at least 1. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, step: number): void {
  if (filter > 4) throw invalid(`line filter ${filter} does not exist`)
  if (filter === 0) return
  for (let i = 0; i < line.length; i++) {
    const left = i >= step ? (line[i - step] ?? 0) : 0
    const up = above[i] ?? 0
    const corner = i >= step ? (above[i - step] ?? 0) : 0
    const predicted = predict(filter, left, up, corner)
    line[i] = (line[i] ?? 0) + predicted
  }
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  return filter === 3 ? (left + up) >> 1 : paeth(left, up, corner)
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner
  const [toLeft, toUp, toCorner] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)]
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** Writes pixel `column` of `line` at `to` of `data`. */
function writePixel(data: Uint8Array, to: number, line: Uint8Array, column: number, { header, palette }: Parts): void {
  const { colourType, depth } = header
  if (colourType === 3) {
    const from = 3 * packedSample(line, column, depth)
    if (from + 3 > palette.length) throw invalid(`a pixel points beyond the palette of ${palette.length / 3} colours`)
    data.set(palette.subarray(from, from + 3), to)
  } else if (depth < 8) {
    data[to] = (packedSample(line, column, depth) * 255) / (2 ** depth - 1)
  } else {
    const bytes = depth / 8
    const from = column * (SAMPLES[colourType] ?? 1) * bytes
    const channels = colourType === 2 || colourType === 6 ? 3 : 1
    for (let c = 0; c < channels; c++) data[to + c] = line[from + c * bytes] ?? 0
  }
}

/** A sample of at most 8 bits; within a byte the leftmost pixel has the highest bits. */
function packedSample(line: Uint8Array, column: number, depth: number): number {
  const bit = column * depth
  return ((line[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1
  return crc
})

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
