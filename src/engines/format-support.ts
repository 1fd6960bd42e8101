// What is known beforehand to go wrong with a model on an engine: operators that it refuses or computes wrongly, found by the run behind
// docs/engine-formats.md. It says nothing of speed, and no more than is certain: whether answers are right is what the engine check tells.

import type { Model } from '../core/model/model'
import type { EngineFacts } from './engine'

export interface KnownFault {
  /** What the engine lacks, and what the model needs it for. */
  readonly reason: string
  /** Name of the first node that it is about. */
  readonly node: string
}

/** Empty for a model that nothing is known against. */
export function knownFaults(_model: Model, _engine: Pick<EngineFacts, 'id' | 'adapter'>): readonly KnownFault[] {
  return []
}
