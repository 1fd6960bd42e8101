// The environment record in plain words: every field a row, unknown ones too, so that nobody has to guess what was left out.

import type { AdapterFacts } from '../../engines/engine'
import type { Conditions, EnvironmentRecord } from '../../engines/environment-record'
import { digits, formatBytes, formatMs } from '../platform/format'
import type { RunRecord } from './run-record'

/** `whole`: what `value` is the beginning of. */
type Row = readonly [label: string, value: string, whole?: string]

const NOT_KNOWN = 'not known here'

/**
 * `race`: of the timing where there was one, else of the engine's start. `reference`: of the engine that answers were compared on. Empty
 * before that engine has started.
 */
export function environmentRows(record: RunRecord, where: 'race' | 'reference' = 'race'): readonly Row[] {
  const start = where === 'race' ? record.engine : record.reference
  const latency = where === 'race' ? record.latency : undefined
  if (!start) return []
  return [
    ...rowsOf(latency?.environment ?? start.environment),
    ['runtime start', formatMs(start.startMs)],
    ...(latency ? [['timed', TIMED[latency.residency]] as const] : []),
    ...hashRows(record),
  ]
}

/** The environment alone. */
export function rowsOf(environment: EnvironmentRecord): readonly Row[] {
  const { engine: facts, conditions } = environment
  return [
    ['Lathe', environment.appVersion],
    ['browser', environment.browser],
    ['runtime', `${facts.runtime}, ${facts.build} build`],
    ['engine', facts.id],
    ['threads', String(facts.threads)],
    ...(facts.adapter ? adapterRows(facts.adapter) : []),
    ['self-tests', facts.selfTests.map(({ name, ok }) => `${name} ${ok ? 'passed' : 'FAILED'}`).join(', ')],
    ['isolated from other sites', yesNo(environment.crossOriginIsolated)],
    ['clock step', `${digits(environment.timerStepMs * 1000)} µs`],
    ['cores reported', String(environment.hardwareConcurrency)],
    ['memory reported', orUnknown(environment.deviceMemoryGB, (size) => `${size} GB`)],
    ['screen', orUnknown(environment.screenHz, (rate) => `${rate} frames a second`)],
    ...conditionRows(conditions),
  ]
}

const TIMED = {
  cpu: 'from inputs on the CPU to outputs readable on the CPU',
  gpu: 'inputs and outputs on the GPU, nothing copied',
} as const

const yesNo = (is: boolean): string => (is ? 'yes' : 'no')
const orUnknown = <T>(value: T | null, say: (value: T) => string): string => (value === null ? NOT_KNOWN : say(value))

function adapterRows({ vendor, architecture, isSoftware, limits, ...has }: AdapterFacts): readonly Row[] {
  const features = [
    ...(has.hasFloat16 ? ['16-bit floats'] : []),
    ...(has.hasSubgroups ? ['subgroups'] : []),
    ...(has.hasTimestamps ? ['timestamps'] : []),
  ]
  return [
    ['GPU', `${[vendor, architecture].filter(Boolean).join(' ') || NOT_KNOWN}${isSoftware ? ' (software)' : ''}`],
    ['GPU features', features.join(', ') || 'none of those that matter'],
    ['largest GPU buffer', formatBytes(limits.maxBufferSize)],
    ['largest GPU binding', formatBytes(limits.maxStorageBufferBindingSize)],
    ['GPU workgroup memory', formatBytes(limits.maxComputeWorkgroupStorageSize)],
  ]
}

/** What changed during a timing is shown as `before → after`. */
function conditionRows({ start, end }: EnvironmentRecord['conditions']): readonly Row[] {
  const both = (say: (reading: Conditions) => string): string => {
    const [before, after] = [say(start), end ? say(end) : say(start)]
    return before === after ? before : `${before} → ${after}`
  }
  const saving = orUnknown(start.isSavingPower, (is) => (is ? 'probably on' : 'no sign of it'))
  return [
    ['page in view', both(({ pageVisible }) => yesNo(pageVisible))],
    ['charging', both(({ power }) => orUnknown(power, ({ isCharging }) => yesNo(isCharging)))],
    ['battery', both(({ power }) => orUnknown(power, ({ level }) => `about ${Math.round(level * 100)} %`))],
    ['power saving', saving],
    ['processor pressure', both(({ pressure }) => orUnknown(pressure, (state) => state))],
  ]
}

/** As many digits of a hash as a person compares by eye; the export has them all. */
const SHOWN_DIGITS = 12

function hashRows({ original, compression }: RunRecord): readonly Row[] {
  const hash = (label: string, digits: string | null): Row =>
    digits === null ? [label, NOT_KNOWN] : [label, digits.slice(0, SHOWN_DIGITS), digits]
  return [
    hash('original, SHA-256', original.sha256),
    ...(compression ? [hash('variant, SHA-256', compression.sha256), hash('recipe key', compression.recipeKey)] : []),
  ]
}
