// Work that another thread may do: a pure function with a name that all threads know. What goes in and comes out is data that crosses
// between threads, large parts as typed arrays; what a task gives does not depend on who does it. Tasks live beside their kernels, also in
// techniques; `src/techniques/tasks.ts` lists them for the workers.

/** `bytes` are read, `target` is written; the rest is small. */
export interface TaskInput {
  readonly bytes: Uint8Array
  /** Where `bytes` are not all wanted. A worker gets the runs only, one after another. */
  readonly runs?: Runs
  readonly target?: Uint8Array
}

/** Whether all threads see these bytes: they cross without a copy, and so does what is computed from them. */
export const isShared = ({ buffer }: ArrayBufferView): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer

/** Parts of some bytes at equal distances. */
export interface Runs {
  readonly count: number
  /** Bytes. */
  readonly length: number
  /** Bytes from the start of one to that of the next; `length` where there is nothing between them. */
  readonly distance: number
}

export interface Task<I extends TaskInput, O> {
  readonly name: string
  readonly run: (input: I) => O
}

/** A task of any kind: `run` takes what the caller says it takes. */
export interface AnyTask {
  readonly name: string
  readonly run: (input: never) => unknown
}

/** Runs tasks somewhere else. Undefined where a port is expected: everything is computed at once, in place. */
export interface TaskPort {
  /** How many weights under way keep it busy. More may wait, as `bytes` are copied only when their turn comes. */
  readonly depth: number
  /**
   * Resolves when `target` is written. Rejects with what the task throws. Until then the caller must leave `bytes` and `target` alone.
   */
  run<I extends TaskInput, O>(task: Task<I, O>, input: I): Promise<O>
}
