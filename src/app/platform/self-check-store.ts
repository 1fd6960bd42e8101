// Remembers what the self-check found on this device, per engine, so that later races allow for it. It lives in the browser's local
// storage and nowhere else; without storage, for as long as the page.

import * as v from 'valibot'

import type { EnvironmentRecord } from '../../engines/environment-record'
import type { SelfCheck } from '../../measure/self-check'

/** The part of a self-check that later races need and show. */
export interface KeptSelfCheck {
  /** ISO 8601. */
  readonly checkedAt: string
  readonly outcome: SelfCheck['outcome']
  /** Half-width of “the same” from then on. */
  readonly margin: number
  readonly sameRaces: number
  readonly falseClaims: number
  readonly knownRaces: number
  readonly found: number
  /** Whether the known 5 % was found often enough; null where it was not raced. */
  readonly isSensitive: boolean | null
}

const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const SCHEMA = v.object({
  engine: v.string(),
  checkedAt: v.pipe(v.string(), v.isoTimestamp()),
  outcome: v.picklist(['kept', 'widened', 'unfit', 'unknown']),
  margin: v.pipe(v.number(), v.gtValue(0), v.ltValue(1)),
  ...{ sameRaces: whole, falseClaims: whole, knownRaces: whole, found: whole },
  isSensitive: v.nullable(v.boolean()),
})

/** Other programs, heat and batteries change over time: what was found is not believed for longer. */
const DAYS = 30
const PREFIX = 'lathe.self-check.'

/** What changes the code or the memory of a session: a self-check holds for these only. */
const engineOf = ({ engine, browser, appVersion }: EnvironmentRecord): string =>
  [engine.id, engine.threads, engine.build, engine.runtime, browser, appVersion].join(' | ')

export class SelfCheckStore {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | null
  readonly #now: () => Date
  readonly #memory = new Map<string, string>()

  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | null = localStorageOrNull(), now = () => new Date()) {
    this.#storage = storage
    this.#now = now
  }

  keep(environment: EnvironmentRecord, { outcome, margin, same, known }: SelfCheck): void {
    const kept: v.InferOutput<typeof SCHEMA> = {
      ...{ engine: engineOf(environment), checkedAt: this.#now().toISOString(), outcome, margin },
      ...{ sameRaces: same.races, falseClaims: same.falseClaims, knownRaces: known.races, found: known.found },
      isSensitive: known.isSensitive,
    }
    const [key, text] = [keyOf(environment), JSON.stringify(kept)]
    this.#memory.set(key, text)
    try {
      this.#storage?.setItem(key, text)
    } catch {
      // Storage is full or forbidden: it stays in memory.
    }
  }

  /** Undefined when there is none, when it is older than 30 days, or of another browser, engine or version of Lathe. */
  find(environment: EnvironmentRecord): KeptSelfCheck | undefined {
    const parsed = v.safeParse(SCHEMA, this.#read(keyOf(environment)))
    if (!parsed.success) return undefined
    const { engine, ...kept } = parsed.output
    const ageDays = (this.#now().getTime() - Date.parse(kept.checkedAt)) / 86_400_000
    return engine === engineOf(environment) && ageDays <= DAYS ? kept : undefined
  }

  #read(key: string): unknown {
    try {
      return JSON.parse(this.#memory.get(key) ?? this.#storage?.getItem(key) ?? 'null')
    } catch {
      return null
    }
  }
}

const keyOf = ({ engine: { id, threads } }: EnvironmentRecord): string => `${PREFIX}${id}:${threads}`

/** Reading the property itself throws where storage is forbidden. */
function localStorageOrNull(): Storage | null {
  try {
    return globalThis.localStorage
  } catch {
    return null
  }
}
