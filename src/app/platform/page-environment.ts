// Reads what only a page can see of the conditions of a measurement: frame rate, power, pressure of the processor, whether anybody looks.
// Every probe is guarded: what is missing or throws reads as unknown (null) and never breaks a run.

import type { Conditions, EnvironmentRecord, PageEnvironment, Power, Pressure } from '../../engines/environment-record'
import { PRESSURES } from '../../engines/environment-record'

/** The parts of a browser that are read here; tests give their own. */
export interface PageHost {
  isVisible(): boolean
  /** Calls back at the next frame with its time, ms. */
  requestFrame(callback: (timeMs: number) => void): void
  setTimer(callback: () => void, delayMs: number): void
  now(): number
  /** Absent where there is no Battery API. */
  getBattery?(): Promise<{ readonly charging: boolean; readonly level: number }>
  /** Calls back with every change of pressure; absent where there is no Compute Pressure API. */
  observePressure?(callback: (state: string) => void): Promise<void>
}

const FRAME_GAPS = 20
/** Enough for 20 gaps at 24 frames a second. */
const FRAMES_MS = 1000
/** With fewer gaps in that time the page does not draw in earnest. */
const FEWEST_GAPS = 10
/** A frame rate is measured again when it is older. */
const RATE_AGE_MS = 60_000
const USUAL_RATES = [24, 30, 48, 50, 60, 72, 75, 90, 100, 120, 144, 165, 180, 240, 360] as const
/** How far a rate may be from a usual one, relative to it. */
const RATE_TOLERANCE = 0.1
const BATTERY_MS = 500
/** Frames a second that some browsers go down to while saving power. */
const SAVING_HZ = 30

export class PageEnvironmentReader {
  readonly #host: PageHost
  #rate: { readonly hz: number; readonly at: number } | undefined
  #battery: Promise<{ readonly charging: boolean; readonly level: number } | null> | undefined
  #pressure: Pressure | null = null
  #isObserving = false
  #latest: PageEnvironment | undefined

  constructor(host: PageHost = browserPage()) {
    this.#host = host
  }

  /** The latest reading, with the visibility of now. */
  get latest(): PageEnvironment {
    const { screenHz, conditions } = this.#latest ?? UNKNOWN
    return { screenHz, conditions: { ...conditions, pageVisible: this.#isVisible() } }
  }

  /** Counts frames for up to a second unless it did so a minute ago: before a run, never while something is timed. */
  async read(signal?: AbortSignal): Promise<PageEnvironment> {
    const [screenHz, conditions] = await Promise.all([this.#screenHz(signal), this.readConditions()])
    const isSavingPower = guessSaving(screenHz, conditions.power)
    return (this.#latest = { screenHz, conditions: { ...conditions, isSavingPower } })
  }

  /** Without counting frames, so `isSavingPower` is null. */
  async readConditions(): Promise<Conditions> {
    this.#observePressure()
    const power = await this.#power()
    return { pageVisible: this.#isVisible(), power, isSavingPower: null, pressure: this.#pressure }
  }

  #isVisible(): boolean {
    return guarded(() => this.#host.isVisible(), true)
  }

  async #screenHz(signal: AbortSignal | undefined): Promise<number | null> {
    if (!this.#isVisible()) return null
    const known = this.#rate
    if (known && this.#host.now() - known.at < RATE_AGE_MS) return known.hz
    const hz = usualRate(await frameGaps(this.#host, signal).catch(() => []))
    this.#rate = hz === null ? undefined : { hz, at: this.#host.now() }
    return hz
  }

  async #power(): Promise<Power | null> {
    this.#battery ??= patiently(this.#host, async () => (await this.#host.getBattery?.()) ?? null)
    const battery = await this.#battery
    if (!battery || !(battery.level >= 0 && battery.level <= 1)) return null
    return { isCharging: battery.charging, level: Math.round(battery.level * 10) / 10 }
  }

  /** Stays on from the first reading: a state is told when it changes, and the first takes a second to come. */
  #observePressure(): void {
    if (this.#isObserving) return
    this.#isObserving = true
    const listen = async (): Promise<void> =>
      this.#host.observePressure?.((state) => {
        this.#pressure = PRESSURES.find((known) => known === state) ?? null
      })
    listen().catch(() => undefined)
  }
}

const UNKNOWN: PageEnvironment = {
  screenHz: null,
  conditions: { pageVisible: true, power: null, isSavingPower: null, pressure: null },
}

/** Gaps between frames, ms: up to 20, those of one second, or those until `signal` aborts. */
function frameGaps(host: PageHost, signal: AbortSignal | undefined): Promise<readonly number[]> {
  return new Promise((resolve) => {
    const gaps: number[] = []
    let before: number | undefined
    let isOver = false
    const finish = (): void => {
      isOver = true
      resolve(gaps)
    }
    const onFrame = (timeMs: number): void => {
      if (isOver) return
      if (before !== undefined) gaps.push(timeMs - before)
      before = timeMs
      if (gaps.length >= FRAME_GAPS) finish()
      else host.requestFrame(onFrame)
    }
    if (signal?.aborted) return finish()
    signal?.addEventListener('abort', finish, { once: true })
    host.setTimer(finish, FRAMES_MS)
    host.requestFrame(onFrame)
  })
}

/** The usual rate that the median gap stands for; null for too few gaps and for a pace between the rates. */
function usualRate(gaps: readonly number[]): number | null {
  const median = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)]
  if (gaps.length < FEWEST_GAPS || median === undefined || !(median > 0)) return null
  const hz = 1000 / median
  const distance = (rate: number): number => Math.abs(Math.log(hz / rate))
  const nearest = USUAL_RATES.reduce((best, rate) => (distance(rate) < distance(best) ? rate : best), 60)
  return Math.abs(hz / nearest - 1) <= RATE_TOLERANCE ? nearest : null
}

function guessSaving(screenHz: EnvironmentRecord['screenHz'], power: Power | null): boolean | null {
  if (screenHz === null) return null
  return screenHz <= SAVING_HZ && power?.isCharging !== true
}

function guarded<T>(probe: () => T, otherwise: T): T {
  try {
    return probe()
  } catch {
    return otherwise
  }
}

/** Null for what throws, rejects or does not answer in time. */
function patiently<T>(host: PageHost, probe: () => Promise<T | null>): Promise<T | null> {
  const late = new Promise<null>((resolve) => host.setTimer(() => resolve(null), BATTERY_MS))
  return Promise.race([probe().catch(() => null), late])
}

interface Observed {
  readonly state: string
}
/** What TypeScript's DOM does not know (yet). */
interface ProbedPage {
  readonly navigator: { getBattery?(): Promise<{ readonly charging: boolean; readonly level: number }> }
  readonly PressureObserver?: new (callback: (records: readonly Observed[]) => void) => {
    observe(source: string, options: { readonly sampleInterval: number }): Promise<void>
  }
}

const PRESSURE_INTERVAL_MS = 1000

function browserPage(): PageHost {
  const { navigator, PressureObserver } = globalThis as unknown as ProbedPage
  return {
    isVisible: () => document.visibilityState === 'visible',
    requestFrame: (callback) => void requestAnimationFrame(callback),
    setTimer: (callback, delayMs) => void setTimeout(callback, delayMs),
    now: () => performance.now(),
    ...(navigator.getBattery && { getBattery: navigator.getBattery.bind(navigator) }),
    ...(PressureObserver && {
      observePressure: (callback: (state: string) => void) =>
        new PressureObserver((records) => callback(records.at(-1)?.state ?? '')).observe('cpu', {
          sampleInterval: PRESSURE_INTERVAL_MS,
        }),
    }),
  }
}
