// An engine in a process of its own as the race sees it: a process holds one WebAssembly module with one number of threads, so a race of
// thread counts needs several. `engine-process.ts` is the other end; plain messages go between them.

import type { ChildProcess } from 'node:child_process'
import type { SlotRequest } from '../../workers/host/protocol'
import type { EnvironmentRecord } from '../engines/environment-record'
import { remoteReport, type SlotTimes, type WarmUpRule } from '../measure/contender'
import type { EngineCheck } from '../measure/engine-check'
import type { EngineChoice } from '../measure/engine-race'
import type { Opened, RemoteEngine } from '../measure/race-engines'
import { askProcess, startProcess } from './ask-process'

export interface EngineOrder {
  readonly engine: EngineChoice
  /** As on the command line. */
  readonly file: string
  readonly data?: string | undefined
  readonly freeDimensions: Readonly<Record<string, number>>
  readonly seed: number
  readonly repository: string
}

/** What the process does, one after another. */
export interface EngineMethods {
  start(order: EngineOrder): Promise<EnvironmentRecord>
  check(input: null): Promise<EngineCheck>
  open(input: null): Promise<Opened>
  warmUp(rule: WarmUpRule): Promise<readonly number[]>
  timeSlot(slot: SlotRequest): Promise<SlotTimes>
}
export type EngineCall<M extends keyof EngineMethods = keyof EngineMethods> = {
  readonly [K in M]: { readonly method: K; readonly input: Parameters<EngineMethods[K]>[0] }
}[M]

/** The process starts with the first call. Calls must not overlap; they throw what the engine throws, and `worker/died`. */
export function engineContender(order: EngineOrder): RemoteEngine {
  const { engine, repository } = order
  let child: ChildProcess | undefined
  const call = async <M extends keyof EngineMethods>(
    method: M,
    input: Parameters<EngineMethods[M]>[0],
    progress: (fraction: number) => void = () => undefined,
  ): Promise<Awaited<ReturnType<EngineMethods[M]>>> => {
    child ??= startProcess(repository, 'engine-process')
    // The process answers a call with the result of its method: both ends are compiled against `EngineMethods`.
    return (await askProcess(child, { method, input }, engine.name, progress)) as Awaited<ReturnType<EngineMethods[M]>>
  }
  return {
    ...engine,
    start: () => call('start', order),
    check: () => call('check', null),
    open: () => call('open', null),
    warmUp: (rule, report) =>
      call(
        'warmUp',
        rule,
        remoteReport(rule, report, () => performance.now()),
      ),
    timeSlot: (plan, firstInput) => call('timeSlot', { plan, firstInput }),
    end: () => Promise.resolve(void child?.kill()),
  }
}
