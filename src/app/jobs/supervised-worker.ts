// One worker under supervision: started by the first job, restarted after its death, ended when idle. Whatever happens to it, every
// promise it owes is settled: comlink alone leaves calls to a dead worker pending for ever. `run-job.ts` holds the protocol of one call.

export interface JobOptions {
  /** Aborting asks the worker to stop; one that has not stopped in time is killed. */
  readonly signal?: AbortSignal | undefined
  /** `fraction` 0…1; at most ten calls a second. */
  readonly progress?: ((fraction: number, what: string) => void) | undefined
}
