// Where models are run for `compare` and `bench`: Node or a headless browser, behind one interface. Both do the very jobs of the page's
// engine worker (`workers/host/*-jobs.ts`). Models are named by their place in the list, 0 is the original.

import type { EngineStart, FidelityResult, LatencyJobResult, Predictions } from '../../workers/host/protocol'
import { fittedDimensions } from '../data/fitted-dimensions'
import type { EngineCheck } from '../measure/engine-check'
import type { FaultSite } from '../measure/fault-site'
import type { EngineChoice, Place } from './engine-name'
import type { OpenedModel } from './open-model'
import type { Progress } from './progress'

export interface LaboratoryRequest {
  readonly engine: EngineChoice
  readonly models: readonly OpenedModel[]
  /** As on the command line; without it inputs are synthetic. */
  readonly data?: string | undefined
  readonly freeDimensions: Readonly<Record<string, number>>
  readonly seed: number
  readonly repository: string
  readonly progress: Progress
}

export interface RaceOptions {
  readonly seconds: number
  readonly margin: number
}

export interface Laboratory {
  start(): Promise<EngineStart>
  /** `samples`: inputs to run at most. */
  engineCheck(model: number, samples: number): Promise<EngineCheck>
  /** After a failed check of so many samples: where the answers start to differ. */
  bisect(model: number, samples: number, check: EngineCheck): Promise<FaultSite>
  /** A variant against the original, on the reference engine. */
  fidelity(variant: number, samples: number): Promise<FidelityResult>
  /** Times models against the first of them; `samples` inputs rotate. */
  compareLatency(models: readonly number[], samples: number, options: RaceOptions): Promise<LatencyJobResult>
  /** Classes that every model predicts for the first `samples` of the data, all of them without a number. */
  predict(samples?: number): Promise<Predictions>
  close(): Promise<void>
}

/** Real data bring their own sizes; for synthetic inputs open dimensions get sizes that the original takes. */
export async function openLaboratory(request: LaboratoryRequest, place: Place): Promise<Laboratory> {
  const [original] = request.models
  const fitted = request.data === undefined && original ? fittedDimensions(original.model) : {}
  const sized = { ...request, freeDimensions: { ...fitted, ...request.freeDimensions } }
  if (place === 'browser') return (await import('./browser-laboratory')).openBrowserLaboratory(sized)
  return (await import('./node-laboratory')).openNodeLaboratory(sized)
}
