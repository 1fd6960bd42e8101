// How many threads share the loops over weights, the one that asks included. One: it does them alone.

const MOST_THREADS = 4
/** Phones with little memory keep theirs for the model. */
const GIB_PER_THREAD = 2
/** Where the machine does not tell, as Safari and Firefox: a phone of some years ago. */
const UNKNOWN_GIB = 4
/** A worker takes about 25 MB: a twentieth of this, which leaves the peak below 1.35 times the file. Smaller models take a second anyway. */
const BYTES_PER_WORKER = 500e6

/** 1…4. `modelBytes`: size of the file. */
export function poolSize(cores: number, memoryGiB: number | undefined, modelBytes: number): number {
  const affordable = 1 + Math.floor(modelBytes / BYTES_PER_WORKER)
  return Math.max(1, Math.min(cores, MOST_THREADS, affordable, Math.floor((memoryGiB ?? UNKNOWN_GIB) / GIB_PER_THREAD)))
}
