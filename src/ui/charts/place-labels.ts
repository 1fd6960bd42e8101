// Keeps names of lines apart: labels stay as near to their lines as they can without touching each other.

/** `wanted`: pixel of each label, in any order; the answer is in the same order, at least `gap` apart and within `range` (low to high). */
export function placeLabels(
  wanted: readonly number[],
  gap: number,
  [low, high]: readonly [number, number],
): readonly number[] {
  const order = wanted.map((at, index) => ({ at, index })).toSorted((a, b) => a.at - b.at)
  const placed: number[] = []
  let next = low
  for (const { at, index } of order) {
    placed[index] = Math.max(at, next)
    next = (placed[index] ?? low) + gap
  }
  // Those that were pushed out at the high end go back, and push those before them.
  let limit = high
  for (const { index } of order.toReversed()) {
    placed[index] = Math.min(placed[index] ?? limit, limit)
    limit = (placed[index] ?? limit) - gap
  }
  return placed
}
