// The self-check in the page: gives `runSelfCheck` its races, each with fresh sessions of the open model on the chosen engine.

import type { EngineStart, FreeDimensions, InputSource, ModelFile, RaceVariant } from '../../../workers/host/protocol'
import { LabError } from '../../core/errors/lab-error'
import {
  KNOWN_TRUTH,
  runSelfCheck,
  type SelfCheck,
  type SelfCheckKind,
  type SelfCheckPlan,
} from '../../measure/self-check'
import type { EngineClient } from '../jobs/engine-client'
import type { JobOptions } from '../jobs/run-job'

export interface DeviceCheckRequest {
  readonly model: ModelFile
  readonly inputs: InputSource
  readonly freeDimensions: FreeDimensions
  readonly plan: SelfCheckPlan
  readonly margin: number
}

export interface DeviceCheckResult {
  readonly check: SelfCheck
  readonly start: EngineStart
}

/** `partial` hears what the races so far come to. Throws what the engine throws, `job/cancelled`, and `engine/unavailable` on a software GPU. */
export async function checkDevice(
  engine: EngineClient,
  { model, inputs, freeDimensions, plan, margin }: DeviceCheckRequest,
  partial: (result: DeviceCheckResult) => void,
  { signal, progress }: JobOptions,
): Promise<DeviceCheckResult> {
  const start = await engine.start({ signal })
  if (start.facts.adapter?.isSoftware) {
    throw new LabError('engine/unavailable', 'This GPU is emulated in software: its speed is not measured.')
  }
  const total = plan.same.races + plan.known.races
  let done = 0
  const race = async (kind: SelfCheckKind, index: number) => {
    const report = (fraction: number, what: string): void =>
      progress?.((done + fraction) / total, `Race ${done + 1} of ${total}. ${what}`)
    const request = {
      ...{ variants: variantsOf(kind, model), inputs, freeDimensions, margin, seconds: plan[kind].seconds },
      // A seed of its own for each race: the order of creation is what is checked.
      seed: 1 + done + 100 * index,
    }
    const { comparison } = await engine.compareLatency(request, { signal, progress: report })
    done++
    return comparison
  }
  const check = await runSelfCheck({ plan, margin, race, report: (so) => partial({ check: so, start }) })
  return { check, start }
}

function variantsOf(kind: SelfCheckKind, model: ModelFile): readonly RaceVariant[] {
  if (kind === 'same') {
    return [
      { label: 'one session', model },
      { label: 'another session of the same bytes', model },
    ]
  }
  const { repeatA, repeatB } = KNOWN_TRUTH
  return [
    { label: `${repeatA} runs`, model, repeat: repeatA },
    { label: `${repeatB} runs`, model, repeat: repeatB, sharesSessionWith: 0 },
  ]
}
