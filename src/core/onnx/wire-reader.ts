// Reads the protobuf wire format in place: one message at a time, field by field, every length checked before it is used.
// It knows nothing of ONNX; errors name the message and the byte offset in the file.

import { LabError } from '../errors/lab-error'

export const WIRE = { varint: 0, fixed64: 1, delimited: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const

/** Nested messages; protobuf's own readers stop at the same depth. */
const MAX_DEPTH = 100
const MAX_VARINT_BYTES = 10
const MAX_FIELD_NUMBER = 2 ** 29 - 1
/** `ignoreBOM` keeps a leading U+FEFF; without it such a name would come back shorter. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class WireReader {
  /** Number and wire type of the current field. */
  field = 0
  wire = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #start: number
  readonly #end: number
  readonly #depth: number
  /** Offsets of the current field: its tag, its content (behind the length), the byte behind it. */
  #tagAt: number
  #contentAt: number
  #position: number
  /** Halves of the varint that was read last. */
  #low = 0
  #high = 0

  /** Reads `bytes` from `start` to `end`; `message` names the protobuf message in errors. */
  constructor(
    bytes: Uint8Array,
    readonly message: string,
    start = 0,
    end = bytes.byteLength,
    depth = 0,
  ) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#start = this.#tagAt = this.#contentAt = this.#position = start
    this.#end = end
    this.#depth = depth
  }

  /** Offset of the current field's tag in the file; of the message before the first field. */
  get byteOffset(): number {
    return this.#tagAt
  }

  /** A fresh reader of the same message. */
  restart(): WireReader {
    return new WireReader(this.#bytes, this.message, this.#start, this.#end, this.#depth)
  }

  /** Steps to the next field and makes sure that all of it is there; false at the end of the message. */
  next(): boolean {
    if (this.#position >= this.#end) return false
    this.#tagAt = this.#position
    this.#readTag()
    this.#skipValue(this.#depth)
    return true
  }

  /** The current field with its tag, as a view into the file. */
  piece(): Uint8Array {
    return this.#bytes.subarray(this.#tagAt, this.#position)
  }

  /** The content of a string, bytes or message field, as a view into the file. */
  bytes(): Uint8Array {
    this.#expect(WIRE.delimited)
    return this.#bytes.subarray(this.#contentAt, this.#position)
  }

  string(): string {
    const bytes = this.bytes()
    try {
      return UTF8.decode(bytes)
    } catch (cause) {
      throw this.fail('text that is not UTF-8', cause)
    }
  }

  nested(message: string): WireReader {
    this.#expect(WIRE.delimited)
    if (this.#depth >= MAX_DEPTH) throw this.fail(`messages nested deeper than ${MAX_DEPTH}`)
    return new WireReader(this.#bytes, message, this.#contentAt, this.#position, this.#depth + 1)
  }

  bigint(): bigint {
    this.#expect(WIRE.varint)
    const [value] = this.bigints()
    return value ?? 0n
  }

  /** An int64 as a number. Throws where it is not between `min` and `max`. */
  integer(what: string, min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.bigint()
    if (value < BigInt(min) || value > BigInt(max)) throw this.fail(`${what} ${value}, expected ${min} to ${max}`)
    return Number(value)
  }

  float(): number {
    this.#expect(WIRE.fixed32)
    return this.#view.getFloat32(this.#contentAt, true)
  }

  /** The int64 numbers of a repeated field, be it packed (many in one field) or not. */
  bigints(): bigint[] {
    const values: bigint[] = []
    this.varints((low, high) => values.push(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))))
    return values
  }

  /** Like `bigints` without making any object: two's complement halves, both 0…2^32-1. */
  varints(visit: (low: number, high: number) => void): void {
    if (this.wire !== WIRE.varint) this.#expect(WIRE.delimited)
    const end = this.#position
    this.#position = this.#contentAt
    while (this.#position < end) {
      this.#readVarint('a number', end)
      visit(this.#low, this.#high)
    }
  }

  /** The little-endian bytes of a repeated fixed-size number, packed or not, as a view into the file. */
  fixed(wire: typeof WIRE.fixed32 | typeof WIRE.fixed64): Uint8Array {
    if (this.wire !== wire) this.#expect(WIRE.delimited)
    const size = wire === WIRE.fixed32 ? 4 : 8
    const bytes = this.#bytes.subarray(this.#contentAt, this.#position)
    if (bytes.byteLength % size === 0) return bytes
    throw this.fail(`${bytes.byteLength} bytes of packed numbers, expected a multiple of ${size}`)
  }

  /** `model/parse` at the current field: "GraphProto at byte 17 holds <problem>." */
  fail(problem: string, cause?: unknown): LabError {
    const message = `${this.message} at byte ${this.#tagAt} holds ${problem}.`
    return new LabError('model/parse', message, { byteOffset: this.#tagAt, message: this.message }, { cause })
  }

  #expect(wire: number): void {
    if (this.wire === wire) return
    throw this.fail(`field ${this.field} with wire type ${this.wire}, expected ${wire}`)
  }

  #readTag(): void {
    const tag = this.#readVarint('a field tag', this.#end)
    this.field = Math.floor(tag / 8)
    this.wire = tag % 8
    if (this.field > 0 && this.field <= MAX_FIELD_NUMBER) return
    throw this.fail(`field number ${this.field}, expected 1 to ${MAX_FIELD_NUMBER}`)
  }

  #skipValue(depth: number): void {
    this.#contentAt = this.#position
    switch (this.wire) {
      case WIRE.varint:
        this.#readVarint('a number', this.#end)
        return
      case WIRE.fixed64:
        return this.#skip(8)
      case WIRE.fixed32:
        return this.#skip(4)
      case WIRE.delimited: {
        const length = this.#readVarint('a length', this.#end)
        this.#contentAt = this.#position
        return this.#skip(length)
      }
      case WIRE.groupStart:
        return this.#skipGroup(depth + 1)
      default:
        throw this.fail(`field ${this.field} with wire type ${this.wire}, expected 0, 1, 2, 3 or 5`)
    }
  }

  #skip(length: number): void {
    const left = this.#end - this.#position
    if (length > left) throw this.fail(`field ${this.field} of ${length} bytes where ${left} are left`)
    this.#position += length
  }

  /** ONNX never used groups; a field that we do not know may still be one. */
  #skipGroup(depth: number): void {
    if (depth > MAX_DEPTH) throw this.fail(`groups nested deeper than ${MAX_DEPTH}`)
    const group = this.field
    for (;;) {
      this.#readTag()
      if (this.wire === WIRE.groupEnd) break
      this.#skipValue(depth)
    }
    if (this.field !== group) throw this.fail(`a group ${group} closed as ${this.field}`)
    this.wire = WIRE.groupStart
  }

  /** Exact below 2^53; more comes back as a large number, so that a hostile length fails its check. */
  #readVarint(what: string, end: number): number {
    let [low, high] = [0, 0]
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      if (this.#position >= end) throw this.fail(`${what} cut off by the end of the message`)
      const byte = this.#bytes[this.#position++] as number
      const bits = byte & 0x7f
      if (count < 4) low |= bits << (7 * count)
      else if (count > 4) high |= bits << (7 * count - 32)
      else {
        low |= bits << 28
        high = bits >>> 4
      }
      if (byte >= 0x80) continue
      this.#low = low >>> 0
      this.#high = high >>> 0
      return this.#high * 2 ** 32 + this.#low
    }
    throw this.fail(`${what} of more than ${MAX_VARINT_BYTES} bytes`)
  }
}
