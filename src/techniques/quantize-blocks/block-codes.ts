// What every algorithm of this folder takes and gives: some rows of a weight, cut into blocks along each row, as unsigned codes with a
// scale and a zero point per block. How codes are packed into a file is no matter of theirs (pack-blocks.ts).

export type BlockBits = 2 | 4 | 8

export interface BlockGrid {
  readonly bits: BlockBits
  /** The last block of a row may be shorter. */
  readonly blockSize: number
  readonly symmetric: boolean
}

/**
 * Some output channels of one weight, each a row of its K inputs: the layout of MatMulNBits. A large weight comes in panels of rows, so
 * `n` may be less than the N of the weight; each row is whole. `rows` are only lent: they are reused for the next panel.
 */
export interface BlockRequest extends BlockGrid {
  /** n × k, row-major, float32 values. */
  readonly rows: Float32Array
  readonly n: number
  readonly k: number
  /** At least n · k bytes where codes may be put: spares a new array. */
  readonly room?: Uint8Array
  /**
   * Where codes of 4 bits may be put two a byte, the lower half first, as the file wants them: n · k / 2 bytes, given only where blocks are
   * whole. The result then has this very array as its codes.
   */
  readonly nibbles?: Uint8Array | undefined
}

/** weight ≈ (code − zeroPoint) · scale. */
export interface BlockCodes {
  /** n × k, one code a byte, 0 … 2^bits − 1; or the `nibbles` of the request. */
  readonly codes: Uint8Array
  /** n × ceil(k / blockSize). */
  readonly scales: Float32Array
  /** n × ceil(k / blockSize), 0 … 2^bits − 1; undefined: 2^(bits − 1) everywhere. */
  readonly zeroPoints: Uint8Array | undefined
}

/** Undefined where a row holds NaN or an infinity; see `areFinite` for algorithms that cannot tell. */
export type BlockAlgorithm = (request: BlockRequest) => BlockCodes | undefined

export const blockCount = ({ k, blockSize }: Pick<BlockRequest, 'k' | 'blockSize'>): number => Math.ceil(k / blockSize)

/** A byte for each code. */
export const roomFor = ({ room, rows }: BlockRequest): Uint8Array =>
  room?.subarray(0, rows.length) ?? new Uint8Array(rows.length)
