// The order of a table that a person sorts by its heads. Plain data: the head is `SortHead.svelte`.

export interface SortOrder<Key extends string> {
  readonly by: Key
  readonly isDescending: boolean
}

/** Sorted by a value of each row; equal rows keep their order, and what has no value (null, NaN) comes last either way. */
export function sortRows<Row, Key extends string>(
  rows: readonly Row[],
  { by, isDescending }: SortOrder<Key>,
  valueOf: (row: Row, key: Key) => number | string | null,
): readonly Row[] {
  const isNothing = (value: number | string | null): value is null => value === null || Number.isNaN(value)
  return rows.toSorted((one, other) => {
    const [a, b] = [valueOf(one, by), valueOf(other, by)]
    if (isNothing(a) || isNothing(b)) return Number(isNothing(a)) - Number(isNothing(b))
    const ascending = typeof a === 'string' ? a.localeCompare(String(b), 'en', { numeric: true }) : a - Number(b)
    return isDescending ? -ascending : ascending
  })
}

/** A head that is chosen again turns its order round; another one begins with `startsDescending`. */
export function nextOrder<Key extends string>(
  order: SortOrder<Key>,
  by: Key,
  startsDescending: boolean,
): SortOrder<Key> {
  return { by, isDescending: order.by === by ? !order.isDescending : startsDescending }
}
