// Which square of which photograph each sample of a photo data set is. Fixed lists instead of chance, so that a sample's index
// means the same crop for ever.

export interface Crop {
  /** Index of the photograph; its crops are one cluster. */
  readonly photo: number
  /** Side of the square as a fraction of the photograph's shorter side. */
  readonly scale: number
  /** Where the square lies in the room it has: 0 left or top, 1 right or bottom. */
  readonly across: number
  readonly down: number
  readonly isFlipped: boolean
}

const SCALES = [0.92, 0.8, 0.68, 0.56] as const
const PLACES = [
  { across: 0.15, down: 0.2 },
  { across: 0.85, down: 0.25 },
  { across: 0.5, down: 0.5 },
  { across: 0.3, down: 0.85 },
] as const

/** Distinct crops of one photograph that the lists give. */
export const MAX_CROPS_PER_PHOTO = SCALES.length * PLACES.length * 2

/** Photographs take turns, so that any prefix is balanced; within one, scale and place change from crop to crop. */
export function planCrops(photoCount: number, cropsPerPhoto: number): readonly Crop[] {
  return Array.from({ length: photoCount * cropsPerPhoto }, (_, index) => {
    const turn = Math.floor(index / photoCount)
    const scale = turn % SCALES.length
    const place = (scale + Math.floor(turn / SCALES.length)) % PLACES.length
    return {
      photo: index % photoCount,
      scale: SCALES[scale] ?? 1,
      ...(PLACES[place] ?? PLACES[0]),
      isFlipped: turn >= SCALES.length * PLACES.length,
    }
  })
}

export interface PixelSquare {
  readonly left: number
  readonly top: number
  readonly side: number
}

export function cropSquare(crop: Crop, width: number, height: number): PixelSquare {
  const side = Math.round(crop.scale * Math.min(width, height))
  return {
    side,
    left: Math.round(crop.across * (width - side)),
    top: Math.round(crop.down * (height - side)),
  }
}
