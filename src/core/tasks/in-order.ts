// Asynchronous work on a list, some items ahead, with results in the order of the list: what keeps the workers of a pool busy while the
// graph is edited one weight at a time.

/**
 * `ahead`: items that are under way before the result of the first of them is asked for; 1 starts each when its turn comes. Ends early when
 * the reader does; results that nobody reads are dropped, also failures.
 */
export async function* inOrder<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  ahead: number,
  start: (item: T) => Promise<R>,
): AsyncGenerator<readonly [item: T, result: R]> {
  const started: (readonly [item: T, result: Promise<R>])[] = []
  for await (const item of items) {
    const result = start(item)
    result.catch(() => undefined)
    started.push([item, result])
    if (started.length < ahead) continue
    const [first, done] = started.shift() as (typeof started)[number]
    yield [first, await done]
  }
  for (const [item, result] of started) yield [item, await result]
}
