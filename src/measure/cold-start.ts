// The cold start of one model on a running engine: figures of their own, apart from every warm one.

/** Times in ms. */
export interface ColdStart {
  readonly label: string
  /** Reading the file. */
  readonly loadMs: number
  /** Creating the session. */
  readonly sessionMs: number
  readonly firstRunMs: number
}
