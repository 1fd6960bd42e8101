// The self-check of this device, as the page holds it: started by a person, cancelled like any race, what was found so far kept.

import { getContext, setContext } from 'svelte'

import type { EnvironmentRecord } from '../../engines/environment-record'
import { checkDevice, type DeviceCheckResult } from '../bench/check-device'
import { MARGIN } from '../bench/run-bench'
import { planSelfCheck, SELF_CHECK_SECONDS, type SelfCheck, type SelfCheckPlan } from '../../measure/self-check'
import type { Workspace } from './workspace.svelte'

export type SelfCheckLength = keyof typeof SELF_CHECK_SECONDS

export class DeviceCheck {
  readonly #workspace: Workspace
  #check = $state.raw<SelfCheck>()
  #plan = $state.raw<SelfCheckPlan>()
  #isComplete = $state(false)
  #environment = $state.raw<EnvironmentRecord>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  /** What was found so far, or in all. */
  get check(): SelfCheck | undefined {
    return this.#check
  }
  /** Races of the check that was started last. */
  get races(): number {
    return this.#plan ? this.#plan.same.races + this.#plan.known.races : 0
  }
  /** Every race was run: only then is it remembered and allowed for. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  get environment(): EnvironmentRecord | undefined {
    return this.#environment
  }

  async run(length: SelfCheckLength): Promise<void> {
    const workspace = this.#workspace
    const model = workspace.model?.loaded.model
    if (!model || workspace.isBusy) return
    const plan = planSelfCheck(SELF_CHECK_SECONDS[length])
    this.#plan = plan
    this.#check = undefined
    this.#isComplete = false
    const { engine, raceInputs: inputs, freeDimensions } = workspace
    await workspace.race('checking-device', async (signal, progress) => {
      const request = { model, inputs, freeDimensions, plan, margin: MARGIN }
      const partial = ({ check, start }: DeviceCheckResult): void => {
        this.#check = check
        this.#environment = start.environment
      }
      const { check, start } = await checkDevice(engine, request, partial, { signal, progress })
      this.#isComplete = true
      workspace.selfChecks.keep(start.environment, check)
    })
  }
}

/** About how long a check takes, s. */
export const selfCheckSeconds = (length: SelfCheckLength): number =>
  planSelfCheck(SELF_CHECK_SECONDS[length]).totalSeconds

const KEY = Symbol('device check')
export const provideDeviceCheck = (workspace: Workspace): DeviceCheck => setContext(KEY, new DeviceCheck(workspace))
export const useDeviceCheck = (): DeviceCheck => getContext<DeviceCheck>(KEY)
