// How many workers a pool gets on a machine. One is none: the work is then done in place.

const MOST_WORKERS = 4
/** A worker needs tens of megabytes beside the model; phones with little memory keep theirs for the model. */
const GIB_PER_WORKER = 2
/** Where the machine does not tell, as Safari and Firefox: a phone of some years ago. */
const UNKNOWN_GIB = 4
/** Starting two workers takes about as long as this many bytes of weights take in place. */
const WORTHWHILE_BYTES = 64e6

/** 1…4. `modelBytes`: size of the file; small models are done before a pool is up. */
export function poolSize(cores: number, memoryGiB: number | undefined, modelBytes: number): number {
  if (modelBytes < WORTHWHILE_BYTES) return 1
  return Math.max(1, Math.min(cores, MOST_WORKERS, Math.floor((memoryGiB ?? UNKNOWN_GIB) / GIB_PER_WORKER)))
}
