// The smallest step of a clock, found by watching it. Browsers coarsen and jitter `performance.now()`, by how much depends on
// isolation, so it is measured and never looked up.

/** Changes of the clock to watch; among them the smallest step shows up even where steps are jittered. */
const CHANGES = 50
/** Reads without a change after which a clock is taken to stand still. */
const MAX_READS = 10_000_000

/** Smallest difference between two different readings of `now`, ms. Infinity for a clock that stands still. */
export function measureTimerStep(now: () => number): number {
  let smallest = Infinity
  let previous = now()
  for (let changes = 0, reads = 0; changes < CHANGES && reads < MAX_READS; reads++) {
    const current = now()
    if (current === previous) continue
    if (current > previous) smallest = Math.min(smallest, current - previous)
    previous = current
    changes++
    reads = 0
  }
  return smallest
}
