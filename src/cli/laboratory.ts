// Where models are run for `compare` and `bench`: Node or a headless browser, behind one interface. Both do the very jobs of the page's
// engine worker (`workers/host/*-jobs.ts`). Models are named by their place in the list, 0 is the original.

import type {
  EngineStart,
  FidelityResult,
  LatencyJobRequest,
  LatencyJobResult,
  Predictions,
  ProbeRequest,
  RaceVariant,
} from '../../workers/host/protocol'
import { fittedDimensions } from '../data/fitted-dimensions'
import type { EngineCheck } from '../measure/engine-check'
import type { EngineChoice } from '../measure/engine-race'
import type { FaultSite } from '../measure/fault-site'
import type { ProbeTable } from '../probe/probe-table'
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

/** As of `LatencyJobRequest`, where the defaults are stated. */
export interface RaceOptions extends Pick<LatencyJobRequest, 'mode' | 'sessions' | 'residency'> {
  readonly seconds: number
  readonly margin: number
  /** Instead of the laboratory's, so that a race that is repeated has another order. */
  readonly seed?: number
}

/** One contender of a race; a number alone is a model as it is. */
export type RaceEntry = number | RacedModel

interface RacedModel extends Pick<RaceVariant, 'repeat' | 'sharesSessionWith'> {
  readonly model: number
}

export interface Laboratory {
  start(): Promise<EngineStart>
  /** `samples`: inputs to run at most. */
  engineCheck(model: number, samples: number): Promise<EngineCheck>
  /** After a failed check of so many samples: where the answers start to differ. */
  bisect(model: number, samples: number, check: EngineCheck): Promise<FaultSite>
  /** A variant against the original, on the reference engine. */
  fidelity(variant: number, samples: number): Promise<FidelityResult>
  /** Times contenders against the first of them; `samples` inputs rotate. */
  compareLatency(entries: readonly RaceEntry[], samples: number, options: RaceOptions): Promise<LatencyJobResult>
  /** Small models of one operator each; the laboratory's models are not asked. */
  probe(request: ProbeRequest): Promise<ProbeTable>
  /** Classes that every model predicts for the first `samples` of the data, all of them without a number. */
  predict(samples?: number): Promise<Predictions>
  close(): Promise<void>
}

/** Real data bring their own sizes; for synthetic inputs open dimensions get sizes that the original takes. */
export function withFittedDimensions<R extends Pick<LaboratoryRequest, 'data' | 'models' | 'freeDimensions'>>(
  request: R,
): R {
  const [original] = request.models
  const fitted = request.data === undefined && original ? fittedDimensions(original.model) : {}
  return { ...request, freeDimensions: { ...fitted, ...request.freeDimensions } }
}

/** What the engine's job calls the entries; `model` gives the handle of a model by its place. */
export function toVariants<Model>(
  entries: readonly RaceEntry[],
  models: readonly Pick<OpenedModel, 'reference'>[],
  model: (index: number) => Model,
): readonly (Omit<RaceVariant, 'model'> & { readonly model: Model })[] {
  return entries.map((entry) => {
    const { model: index, ...how } = typeof entry === 'number' ? { model: entry } : entry
    return { ...how, label: models[index]?.reference ?? '', model: model(index) }
  })
}
