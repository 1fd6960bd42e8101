// A decoded image: 8 bits a channel, row by row from the top, channels interleaved, no padding and no alpha.

export interface RawImage {
  readonly width: number
  readonly height: number
  /** Grey or R G B. */
  readonly channels: 1 | 3
  /** `height · width · channels` values. */
  readonly data: Uint8Array
}
