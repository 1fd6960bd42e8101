// The page does nothing while it times: what it draws would take the time of what it measures.

import { expect, test, type Page } from '@playwright/test'

import { BenchPage, SAMPLES } from './bench-page'

interface Watched {
  longTasks: { readonly at: number; readonly ms: number }[]
  changes: number[]
  race: { from: number; to: number }
}
declare global {
  interface Window {
    watched?: Watched
  }
}

/** That this browser reports a task of 100 ms of the page's own. */
const seesLongTasks = (page: Page): Promise<boolean> =>
  page.evaluate(async () => {
    const busy = (): void => {
      const started = performance.now()
      while (performance.now() - started < 100);
    }
    const from = performance.now()
    setTimeout(busy)
    await new Promise((resolve) => setTimeout(resolve, 500))
    return window.watched?.longTasks.some(({ at, ms }) => at >= from && ms >= 99) ?? false
  })

test('page idle: during the race no task is longer than 50 ms, and the page changes at most about twice a second', async ({
  page,
}) => {
  await page.addInitScript(() => {
    const watched: Watched = { longTasks: [], changes: [], race: { from: NaN, to: NaN } }
    window.watched = watched
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) watched.longTasks.push({ at: startTime, ms: duration })
    }).observe({ type: 'longtask', buffered: true })
    const onChange = (): void => {
      const now = performance.now()
      const isRacing = document.querySelector('[aria-label="Verdict"] strong')?.textContent === 'Racing'
      if (isRacing && Number.isNaN(watched.race.from)) watched.race.from = now
      if (!isRacing && !Number.isNaN(watched.race.from) && Number.isNaN(watched.race.to)) watched.race.to = now
      if (isRacing) watched.changes.push(now)
    }
    document.addEventListener('DOMContentLoaded', () => {
      new MutationObserver(onChange).observe(document.body, {
        ...{ subtree: true, childList: true, characterData: true, attributes: true },
      })
    })
  })
  const bench = new BenchPage(page)
  await bench.open()
  await bench.raceSample(SAMPLES.digits)
  const watched = await page.evaluate(() => window.watched)
  if (!watched) throw new Error('The page was not watched.')
  const { race, changes } = watched
  const seconds = (race.to - race.from) / 1000
  const longTasks = watched.longTasks.filter(({ at, ms }) => at + ms > race.from && at < race.to)
  console.log(
    `race of ${seconds.toFixed(1)} s: ${changes.length} changes, longest task ` +
      `${Math.max(0, ...longTasks.map(({ ms }) => ms)).toFixed(0)} ms (under 50 ms: not reported)`,
  )
  // Without a race of some seconds, and without anything being seen at all, the test would hold for nothing.
  expect(seconds).toBeGreaterThan(5)
  expect(changes.length).toBeGreaterThan(3)
  expect(await seesLongTasks(page)).toBe(true)
  expect(longTasks).toEqual([])
  expect(changes.length).toBeLessThanOrEqual(2.2 * seconds + 2)
  const isAnimated = await page.evaluate(() => document.getAnimations().length)
  expect(isAnimated).toBe(0)
})
