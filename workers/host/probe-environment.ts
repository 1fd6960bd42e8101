// Finds out the conditions of a measurement where it runs (a worker or Node): coarse facts by probing, for the record that is stored
// with every result.

import { version } from '../../package.json'
import type { EngineFacts } from '../../src/engines/engine'
import type { EnvironmentRecord } from '../../src/engines/environment-record'
import { measureTimerStep } from '../../src/measure/timer-step'

/** `pageVisible`: as the page saw it when it asked. Takes a few milliseconds, with a coarse timer up to 50. */
export function probeEnvironment(engine: EngineFacts, pageVisible: boolean): EnvironmentRecord {
  return {
    engine,
    where: isNode ? 'node' : 'browser',
    crossOriginIsolated: globalThis.crossOriginIsolated === true,
    timerStepMs: measureTimerStep(() => performance.now()),
    hardwareConcurrency: globalThis.navigator?.hardwareConcurrency ?? 1,
    pageVisible,
    browser: runtimeName(),
    appVersion: version,
  }
}

interface Host {
  readonly process?: { readonly versions?: { readonly node?: string } }
  readonly navigator?: { readonly userAgentData?: { readonly brands: readonly { brand: string; version: string }[] } }
}
const host = globalThis as Host
const nodeVersion = host.process?.versions?.node
const isNode = nodeVersion !== undefined

/** For display only; nothing is decided by it. The engine is told by its own objects where no brands are given. */
function runtimeName(): string {
  if (nodeVersion) return `Node ${nodeVersion.split('.')[0]}`
  const brands = host.navigator?.userAgentData?.brands.filter(({ brand }) => !/not.*brand/i.test(brand)) ?? []
  const named = brands.find(({ brand }) => brand !== 'Chromium') ?? brands[0]
  if (named) return `${named.brand} ${named.version}`
  if ('line' in new Error()) return 'WebKit'
  return 'InternalError' in globalThis ? 'Firefox' : 'unknown browser'
}
