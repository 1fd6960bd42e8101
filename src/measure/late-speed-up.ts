// Watches the runs of one variant for a speed-up that comes late, when a JIT compiler finishes during sampling: the last ten runs
// all at least 10 % below every run before them. What came before was warm-up then.

const WINDOW = 10
const MAX_FRACTION = 0.9

export interface SpeedUpWatch {
  /** Adds a run, ms; true when the speed-up is seen. */
  add(runMs: number): boolean
}

export function watchForSpeedUp(): SpeedUpWatch {
  const recent: number[] = []
  let earlier = 0
  let fastestEarlier = Infinity
  return {
    add(runMs) {
      recent.push(runMs)
      if (recent.length > WINDOW) {
        fastestEarlier = Math.min(fastestEarlier, recent.shift() ?? Infinity)
        earlier++
      }
      // With fewer earlier runs than the window, a single slow first run would look like a warm-up.
      return earlier >= WINDOW && Math.max(...recent) <= MAX_FRACTION * fastestEarlier
    },
  }
}
