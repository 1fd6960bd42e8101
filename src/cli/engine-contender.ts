// An engine in a process of its own as the race sees it: a process holds one WebAssembly module with one number of threads, so a race of
// thread counts needs several. `engine-process.ts` is the other end; plain messages go between them.

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { SlotRequest } from '../../workers/host/protocol'
import { fromWireError, LabError, type WireError } from '../core/errors/lab-error'
import type { EnvironmentRecord } from '../engines/environment-record'
import { remoteReport, type SlotTimes, type WarmUpRule } from '../measure/contender'
import type { EngineCheck } from '../measure/engine-check'
import type { EngineChoice } from '../measure/engine-race'
import type { Opened, RemoteEngine } from '../measure/race-engines'

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
export type EngineAnswer =
  | { readonly kind: 'progress'; readonly fraction: number }
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: WireError }

/** The process starts with the first call. Calls must not overlap; they throw what the engine throws, and `worker/died`. */
export function engineContender(order: EngineOrder): RemoteEngine {
  const { engine, repository } = order
  let child: ChildProcess | undefined
  const call = async <M extends keyof EngineMethods>(
    method: M,
    input: Parameters<EngineMethods[M]>[0],
    progress: (fraction: number) => void = () => undefined,
  ): Promise<Awaited<ReturnType<EngineMethods[M]>>> => {
    child ??= fork(join(repository, 'dist-cli', 'engine-process.mjs'), { serialization: 'advanced' })
    // The process answers a call with the result of its method: both ends are compiled against `EngineMethods`.
    return (await ask(child, { method, input } as EngineCall, engine.name, progress)) as Awaited<
      ReturnType<EngineMethods[M]>
    >
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

function ask(
  child: ChildProcess,
  call: EngineCall,
  name: string,
  progress: (fraction: number) => void,
): Promise<unknown> {
  return new Promise((done, failed) => {
    const settle = (outcome: () => void): void => {
      child.off('message', onMessage).off('exit', onExit).off('error', onError)
      outcome()
    }
    const onMessage = (answer: EngineAnswer): void => {
      if (answer.kind === 'progress') progress(answer.fraction)
      else if (answer.kind === 'done') settle(() => done(answer.value))
      else settle(() => failed(fromWireError(answer.error)))
    }
    const onExit = (code: number | null): void =>
      settle(() => failed(new LabError('worker/died', `The process of ${name} ended with code ${code}.`)))
    const onError = (error: Error): void => settle(() => failed(error))
    child.on('message', onMessage).once('exit', onExit).once('error', onError)
    child.send(call, (error) => {
      if (error) onError(error)
    })
  })
}
