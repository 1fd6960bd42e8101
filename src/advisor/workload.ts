// Where a model's arithmetic and bytes are, by the operator classes of the probe.

import type { ProbeOperator } from '../probe/probe-table'

export type WorkloadClass = ProbeOperator | 'other'

export interface Workload {
  /** Multiply-accumulates of one inference by class; nodes whose sizes are not known count nothing. */
  readonly macs: Readonly<Record<WorkloadClass, number>>
  /** Bytes of constant float weights by class. */
  readonly bytes: Readonly<Record<WorkloadClass, number>>
  /** Bytes of float tables that Gather looks up. */
  readonly embeddingBytes: number
  /** Bytes of all constants. */
  readonly totalBytes: number
  /** Names of matrix products with one row (M = 1) and a constant weight; a node without a name goes by its first output. */
  readonly matvecNodes: readonly string[]
}
