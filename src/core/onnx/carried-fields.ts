// What `Carried` is inside `core/onnx`: the fields of one message that Lathe does not interpret, byte for byte. Fields that spell out
// a default (an empty name) are among them, so that a message comes back as it was written.

import type { Carried } from '../model/carried'
import type { WireReader } from './wire-reader'

export interface Piece {
  readonly number: number
  /** The field with its tag, a view into the file. */
  readonly bytes: Uint8Array
}

/** Entries that the model holds as a map, with the map they were read as: written verbatim while it is still the same. */
interface CarriedMap {
  readonly was: ReadonlyMap<string, string | number>
  readonly pieces: readonly Piece[]
}

interface Extra {
  /** By field number. */
  readonly maps?: ReadonlyMap<number, CarriedMap>
  /** Of a type: pieces of the message inside it, of its shape and of each dimension. */
  readonly inner?: readonly Piece[]
  readonly shape?: readonly Piece[]
  readonly dims?: readonly (readonly Piece[])[]
}

export interface CarriedFields extends Extra {
  /** Sorted by field number, in file order within one number. */
  readonly pieces: readonly Piece[]
}

// `Carried` is opaque outside this folder; these two casts are its only way in and out.
const asCarried = (fields: CarriedFields): Carried => fields as unknown as Carried
const asFields = (carried: Carried): CarriedFields => carried as unknown as CarriedFields

/** Undefined where the object did not come from a file. */
export const carriedFields = (owner: { readonly carried?: Carried }): CarriedFields | undefined =>
  owner.carried && asFields(owner.carried)

/** The same without the fields of these numbers. */
export function withoutPieces(carried: Carried, numbers: readonly number[]): Carried {
  const fields = asFields(carried)
  return asCarried({ ...fields, pieces: fields.pieces.filter(({ number }) => !numbers.includes(number)) })
}

/** Collects what an object must carry while its message is read. */
export class CarriedCollector {
  readonly #pieces: Piece[] = []
  readonly #maps = new Map<number, { readonly was: Map<string, string | number>; readonly pieces: Piece[] }>()

  /** Keeps the current field as it is. */
  keep(reader: WireReader): void {
    addPiece(this.#pieces, reader)
  }

  /** The text of the current field; where it is the default, the field is kept as well. */
  text(reader: WireReader, fallback = ''): string {
    const text = reader.string()
    if (text !== '' && text !== fallback) return text
    this.keep(reader)
    return ''
  }

  /** Notes that the current field was read as the entry `key` → `value` of a map. */
  entry(reader: WireReader, key: string, value: string | number): void {
    const map = this.#maps.get(reader.field) ?? { was: new Map<string, string | number>(), pieces: [] }
    map.was.set(key, value)
    addPiece(map.pieces, reader)
    this.#maps.set(reader.field, map)
  }

  finish(extra: Extra = {}): { readonly carried?: Carried } {
    if (this.#pieces.length + this.#maps.size === 0 && Object.keys(extra).length === 0) return {}
    const pieces = this.sortedPieces()
    return { carried: asCarried({ pieces, ...(this.#maps.size > 0 && { maps: this.#maps }), ...extra }) }
  }

  sortedPieces(): readonly Piece[] {
    return this.#pieces.sort((a, b) => a.number - b.number)
  }
}

/** A run of fields of one number becomes one piece, so that a million tiny ones stay cheap. */
function addPiece(pieces: Piece[], reader: WireReader): void {
  const bytes = reader.piece()
  const last = pieces.at(-1)
  const follows = last?.number === reader.field && last.bytes.byteOffset + last.bytes.byteLength === bytes.byteOffset
  if (!follows) {
    pieces.push({ number: reader.field, bytes })
    return
  }
  const run = new Uint8Array(bytes.buffer, last.bytes.byteOffset, last.bytes.byteLength + bytes.byteLength)
  pieces[pieces.length - 1] = { number: last.number, bytes: run }
}
