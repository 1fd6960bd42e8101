// Asynchronous work on a list, some items ahead, with results in the order of the list: what keeps the workers of a pool busy while the
// graph is edited one weight at a time.

/**
 * `ahead`: items that are started before the result of the first of them is asked for; 1 starts each when its turn comes. Ends early when the
 * reader does; results that nobody reads are dropped, also failures.
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  ahead: number,
  start: (item: T) => Promise<R>,
): AsyncGenerator<readonly [item: T, result: R]> {
  const started: Promise<R>[] = []
  for (const [index, item] of items.entries()) {
    while (started.length < Math.min(index + ahead, items.length)) {
      const next = start(items[started.length] as T)
      next.catch(() => undefined)
      started.push(next)
    }
    yield [item, await (started[index] as Promise<R>)]
  }
}
