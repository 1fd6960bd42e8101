// Writes one protobuf message as a list of chunks: small fields are collected, large ones (weights) are passed on by reference.
// Fields must be written in number order; what the message carries from its file is put between them where it belongs.

import type { CarriedFields, Piece } from './carried-fields'
import { WIRE } from './wire-reader'

/** From this size on bytes are not copied. */
const BY_REFERENCE_BYTES = 4096
const FIRST_BUFFER_BYTES = 64
const UTF8 = new TextEncoder()

export class WireWriter {
  readonly #chunks: Uint8Array[] = []
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES)
  #used = 0
  #sizeBytes = 0
  readonly #pieces: readonly Piece[]
  #nextPiece = 0

  constructor(pieces: readonly Piece[] = []) {
    this.#pieces = pieces
  }

  static for(carried: CarriedFields | undefined): WireWriter {
    return new WireWriter(carried?.pieces)
  }

  /** Writes the text, even when it is empty. */
  string(field: number, text: string): void {
    this.bytes(field, UTF8.encode(text))
  }

  /** Writes the text unless it is empty, the default of the format. */
  optionalString(field: number, text: string): void {
    if (text === '') return
    this.#replaceCarried(field)
    this.string(field, text)
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#header(field, bytes.byteLength)
    this.#append(bytes)
  }

  varint(field: number, value: number | bigint): void {
    this.#flushCarried(field)
    const wide = BigInt.asUintN(64, BigInt(value))
    this.#tag(field, WIRE.varint)
    this.#varint(Number(wide & 0xffff_ffffn), Number(wide >> 32n))
  }

  float(field: number, value: number): void {
    this.#flushCarried(field)
    this.#tag(field, WIRE.fixed32)
    this.#append(new Uint8Array(Float32Array.of(value).buffer))
  }

  message(field: number, message: WireWriter): void {
    const { chunks, sizeBytes } = message.finish()
    this.#header(field, sizeBytes)
    for (const chunk of chunks) this.#append(chunk)
  }

  /** Writes fields verbatim. */
  verbatim(pieces: readonly Piece[]): void {
    for (const { number, bytes } of pieces) {
      this.#flushCarried(number)
      this.#append(bytes)
    }
  }

  /** Ends the message. The chunks in order are its bytes. */
  finish(): { readonly chunks: readonly Uint8Array[]; readonly sizeBytes: number } {
    this.#flushCarried(Infinity)
    this.#closeBuffer()
    return { chunks: this.#chunks, sizeBytes: this.#sizeBytes }
  }

  #header(field: number, length: number): void {
    this.#flushCarried(field)
    this.#tag(field, WIRE.delimited)
    this.#varint(length >>> 0, Math.floor(length / 2 ** 32))
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire, 0)
  }

  #varint(low: number, high: number): void {
    this.#reserve(varintSize(low, high))
    const end = writeVarint(this.#buffer, this.#used, low, high)
    this.#sizeBytes += end - this.#used
    this.#used = end
  }

  #append(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.byteLength
    if (bytes.byteLength >= BY_REFERENCE_BYTES) {
      this.#closeBuffer()
      this.#chunks.push(bytes)
      return
    }
    this.#reserve(bytes.byteLength)
    this.#buffer.set(bytes, this.#used)
    this.#used += bytes.byteLength
  }

  #flushCarried(before: number): void {
    for (let piece = this.#pieces[this.#nextPiece]; piece && piece.number < before;) {
      this.#append(piece.bytes)
      piece = this.#pieces[++this.#nextPiece]
    }
  }

  /** Drops what the file had for the field, which is about to be written anew. */
  #replaceCarried(field: number): void {
    this.#flushCarried(field)
    while (this.#pieces[this.#nextPiece]?.number === field) this.#nextPiece++
  }

  #reserve(count: number): void {
    const wanted = this.#used + count
    if (wanted <= this.#buffer.byteLength) return
    const larger = new Uint8Array(Math.max(wanted, 2 * this.#buffer.byteLength))
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
  }

  #closeBuffer(): void {
    if (this.#used === 0) return
    this.#chunks.push(this.#buffer.subarray(0, this.#used))
    this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES)
    this.#used = 0
  }
}

/** Bytes of a 64-bit varint given as halves, both 0…2^32-1. */
export function varintSize(low: number, high: number): number {
  const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(low)
  return Math.max(1, Math.ceil(bits / 7))
}

/** Writes at `at`, where there must be room, and returns the offset behind. */
export function writeVarint(bytes: Uint8Array, at: number, low: number, high: number): number {
  for (let left = varintSize(low, high); left > 1; left--) {
    bytes[at++] = (low & 0x7f) | 0x80
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  bytes[at++] = low
  return at
}
