// Notices that garbage was collected, in browsers and in Node, by an object that nobody holds. Engines tell it for full collections only
// (V8's small ones of young objects do not count an object as gone), and at a turn of the message loop after the collection.

export interface GarbageWatch {
  /** True when garbage was collected since the last call. */
  wasCollected(): boolean
  stop(): void
}

export function watchGarbage(): GarbageWatch {
  let isCollected = false
  let isWatching = true
  const registry = new FinalizationRegistry(() => {
    if (!isWatching) return
    isCollected = true
    arm()
  })
  /** One object tells of one collection. */
  const arm = (): void => registry.register({}, null)
  arm()
  return {
    wasCollected: () => {
      const was = isCollected
      isCollected = false
      return was
    },
    stop: () => {
      isWatching = false
    },
  }
}
