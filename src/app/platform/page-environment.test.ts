import { describe, expect, test } from 'vitest'

import { PageEnvironmentReader, type PageHost } from './page-environment'

interface Fake extends PageHost {
  frames: number
}

/** A page on a clock of its own: frames `gapMs` apart, timers in between, all as fast as they can be. */
function fakePage(gapMs: number | ((frame: number) => number), parts: Partial<PageHost> = {}): Fake {
  let now = 0
  const timers: { readonly at: number; readonly callback: () => void }[] = []
  const gap = typeof gapMs === 'number' ? () => gapMs : gapMs
  const fake: Fake = {
    frames: 0,
    isVisible: () => true,
    requestFrame: (callback) =>
      void Promise.resolve().then(() => {
        fake.frames++
        now += gap(fake.frames)
        for (const timer of timers.filter(({ at }) => at <= now)) timer.callback()
        callback(now)
      }),
    setTimer: (callback, delayMs) => void timers.push({ at: now + delayMs, callback }),
    now: () => now,
    ...parts,
  }
  return fake
}
const battery = (charging: boolean, level: number) => ({ getBattery: () => Promise.resolve({ charging, level }) })

describe('the frame rate', () => {
  test.each([
    [1000 / 60, 60],
    [16.4, 60],
    [1000 / 59.94, 60],
    [1000 / 120, 120],
    [6.94, 144],
    [33.4, 30],
    [41.7, 24],
  ])('frames %d ms apart are %d a second', async (gapMs, hz) => {
    expect((await new PageEnvironmentReader(fakePage(gapMs)).read()).screenHz).toBe(hz)
  })

  test('a few late frames do not change it', async () => {
    const page = fakePage((frame) => (frame % 5 === 0 ? 50 : 1000 / 60))
    expect((await new PageEnvironmentReader(page).read()).screenHz).toBe(60)
  })

  test.each([
    ['a page that hardly draws', 200],
    ['a pace between the usual rates', 1000 / 210],
    ['a broken clock', 0],
  ])('%s has none', async (_, gapMs) => {
    expect((await new PageEnvironmentReader(fakePage(gapMs)).read()).screenHz).toBeNull()
  })

  test('is not asked for while the page is hidden, and is counted again once it is seen', async () => {
    let isVisible = false
    const page = fakePage(1000 / 60, { isVisible: () => isVisible })
    const reader = new PageEnvironmentReader(page)
    const hidden = await reader.read()
    expect(hidden).toMatchObject({ screenHz: null, conditions: { pageVisible: false, isSavingPower: null } })
    expect(page.frames).toBe(0)
    isVisible = true
    expect(await reader.read()).toMatchObject({ screenHz: 60, conditions: { pageVisible: true } })
  })

  test('holds for a minute', async () => {
    let later = 0
    const page = fakePage(1000 / 60)
    const reader = new PageEnvironmentReader({ ...page, now: () => page.now() + later })
    await reader.read()
    const counted = page.frames
    later = 50_000
    expect((await reader.read()).screenHz).toBe(60)
    expect(page.frames).toBe(counted)
    later = 61_000
    await reader.read()
    expect(page.frames).toBeGreaterThan(counted)
  })

  test('an abort cuts the counting short and leaves it for the next time', async () => {
    const page = fakePage(1000 / 60)
    const reader = new PageEnvironmentReader(page)
    const controller = new AbortController()
    const reading = reader.read(controller.signal)
    controller.abort()
    expect((await reading).screenHz).toBeNull()
    expect((await reader.read(controller.signal)).screenHz).toBeNull()
    expect((await reader.read()).screenHz).toBe(60)
  })
})

describe('power', () => {
  test.each([
    [0.873, 0.9],
    [0.04, 0],
    [1, 1],
  ])('a level of %d is told as %d', async (level, told) => {
    const { conditions } = await new PageEnvironmentReader(fakePage(16, battery(false, level))).read()
    expect(conditions.power).toEqual({ isCharging: false, level: told })
  })

  test.each([
    ['is missing', {}],
    ['throws', { getBattery: () => raise('no') }],
    ['refuses', { getBattery: () => Promise.reject(new Error('no')) }],
    ['never answers', { getBattery: () => new Promise<never>(() => undefined) }],
    ['answers nonsense', battery(true, NaN)],
  ])('is unknown where the Battery API %s', async (_, parts) => {
    expect((await new PageEnvironmentReader(fakePage(1000 / 30, parts)).read()).conditions.power).toBeNull()
  })

  test.each([
    ['30 Hz on battery', 1000 / 30, battery(false, 0.5), true],
    ['30 Hz where power is unknown', 1000 / 30, {}, true],
    ['30 Hz on mains', 1000 / 30, battery(true, 1), false],
    ['60 Hz on battery', 1000 / 60, battery(false, 0.5), false],
    ['no rate', 200, battery(false, 0.5), null],
  ])('saving it is guessed from %s', async (_, gapMs, parts, expected) => {
    expect((await new PageEnvironmentReader(fakePage(gapMs, parts)).read()).conditions.isSavingPower).toBe(expected)
  })
})

describe('pressure', () => {
  test('is the latest state told, observed once', async () => {
    const listeners: ((state: string) => void)[] = []
    const observePressure = (listener: (state: string) => void) => {
      listeners.push(listener)
      return Promise.resolve()
    }
    const reader = new PageEnvironmentReader(fakePage(16, { observePressure }))
    expect((await reader.read()).conditions.pressure).toBeNull()
    listeners[0]?.('fair')
    listeners[0]?.('serious')
    expect((await reader.readConditions()).pressure).toBe('serious')
    listeners[0]?.('on fire')
    expect((await reader.readConditions()).pressure).toBeNull()
    expect(listeners).toHaveLength(1)
  })

  test.each([
    ['throws', () => raise('no')],
    ['is forbidden', () => Promise.reject(new Error('NotAllowedError'))],
  ])('is unknown where observing %s', async (_, observePressure) => {
    expect((await new PageEnvironmentReader(fakePage(16, { observePressure })).read()).conditions.pressure).toBeNull()
  })
})

test('a page on which everything throws has unknown conditions, not an error', async () => {
  const broken: PageHost = {
    isVisible: () => raise('no'),
    requestFrame: () => raise('no'),
    setTimer: (callback) => void Promise.resolve().then(callback),
    now: () => 0,
    getBattery: () => raise('no'),
    observePressure: () => raise('no'),
  }
  const unknown = { pageVisible: true, power: null, isSavingPower: null, pressure: null }
  expect(await new PageEnvironmentReader(broken).read()).toEqual({ screenHz: null, conditions: unknown })
})

test('the latest reading is unknown before the first, and its visibility is always that of now', async () => {
  let isVisible = true
  const reader = new PageEnvironmentReader(fakePage(16, { ...battery(true, 1), isVisible: () => isVisible }))
  expect(reader.latest).toMatchObject({ screenHz: null, conditions: { power: null } })
  await reader.read()
  isVisible = false
  expect(reader.latest).toMatchObject({ screenHz: 60, conditions: { pageVisible: false, power: { level: 1 } } })
})

function raise(message: string): never {
  throw new Error(message)
}
