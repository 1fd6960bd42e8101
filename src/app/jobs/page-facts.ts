// What workers cannot see for themselves: where the page is and under which conditions it runs.

import type { PageFacts } from '../../../workers/host/protocol'
import type { EnvironmentRecord } from '../../engines/environment-record'
import { PageEnvironmentReader } from '../platform/page-environment'

let page: PageEnvironmentReader | undefined
const reader = (): PageEnvironmentReader => (page ??= new PageEnvironmentReader())

/** With the latest reading of the conditions. */
export const pageFacts = (): PageFacts => ({ baseUrl: document.baseURI, environment: reader().latest })

/** With a fresh one, which may take a second: before a run, never while something is timed. An abort cuts it short. */
export async function freshPageFacts(signal: AbortSignal | undefined): Promise<PageFacts> {
  return { baseUrl: document.baseURI, environment: await reader().read(signal) }
}

/** The record of a timing that has just ended, with the conditions at its end. */
export async function withEndOfRun(record: EnvironmentRecord): Promise<EnvironmentRecord> {
  return { ...record, conditions: { ...record.conditions, end: await reader().readConditions() } }
}
