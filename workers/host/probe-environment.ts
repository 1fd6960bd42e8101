// Finds out the conditions of a measurement where it runs (a worker or Node): coarse facts by probing, for the record that is stored
// with every result. What only a page can see comes with the request (`PageFacts`).

import { version } from '../../package.json'
import type { EngineFacts } from '../../src/engines/engine'
import type { EnvironmentRecord, PageEnvironment } from '../../src/engines/environment-record'
import { measureTimerStep } from '../../src/measure/timer-step'
import type { PageFacts } from './protocol'

/** Takes a few milliseconds, with a coarse timer up to 50. Whoever times something fills in `conditions.end`. */
export function probeEnvironment(engine: EngineFacts, page: PageFacts): EnvironmentRecord {
  const { screenHz, conditions } = page.environment ?? NO_PAGE
  return {
    engine,
    where: isNode ? 'node' : 'browser',
    crossOriginIsolated: globalThis.crossOriginIsolated === true,
    timerStepMs: measureTimerStep(() => performance.now()),
    ...deviceFacts(),
    screenHz,
    conditions: { start: conditions, end: null },
    browser: runtimeName(),
    appVersion: version,
  }
}

function deviceFacts(): Pick<EnvironmentRecord, 'hardwareConcurrency' | 'deviceMemoryGB'> {
  const os = host.process?.getBuiltinModule?.('node:os')
  if (os) {
    // As coarse as browsers tell it.
    const deviceMemoryGB = 2 ** Math.round(Math.log2(os.totalmem() / 2 ** 30))
    return { hardwareConcurrency: os.availableParallelism(), deviceMemoryGB }
  }
  const { hardwareConcurrency = 1, deviceMemory = null } = host.navigator ?? {}
  return { hardwareConcurrency, deviceMemoryGB: deviceMemory }
}

const NO_PAGE: PageEnvironment = {
  screenHz: null,
  conditions: { pageVisible: true, power: null, isSavingPower: null, pressure: null },
}

interface Host {
  readonly process?: {
    readonly versions?: { readonly node?: string }
    getBuiltinModule?(name: 'node:os'): { availableParallelism(): number; totalmem(): number }
  }
  readonly navigator?: {
    readonly hardwareConcurrency?: number
    readonly deviceMemory?: number
    readonly userAgentData?: { readonly brands: readonly { brand: string; version: string }[] }
  }
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
