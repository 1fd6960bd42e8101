import { expect, test } from 'vitest'

import { watchGarbage } from './watch-garbage'

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
const PATIENCE_MS = 15_000

/** Makes garbage until `isDone`: 20 MB of long-lived-looking objects a turn, so that full collections become due. */
async function litter(isDone: () => boolean): Promise<boolean> {
  const start = performance.now()
  let kept: object[] = []
  while (performance.now() - start < PATIENCE_MS) {
    kept = [...kept.slice(-200_000), ...Array.from({ length: 100_000 }, (_, index) => ({ index, next: [index] }))]
    await turn()
    if (isDone()) return true
  }
  return false
}

test('collections are noticed one after another, each told once', async () => {
  const watch = watchGarbage()
  expect(watch.wasCollected()).toBe(false)
  for (let round = 0; round < 2; round++) {
    expect(await litter(() => watch.wasCollected())).toBe(true)
    expect(watch.wasCollected()).toBe(false)
  }
  watch.stop()
})

test('after the end nothing is told', async () => {
  const [stopped, running] = [watchGarbage(), watchGarbage()]
  stopped.stop()
  expect(await litter(() => running.wasCollected())).toBe(true)
  expect(stopped.wasCollected()).toBe(false)
  running.stop()
})
