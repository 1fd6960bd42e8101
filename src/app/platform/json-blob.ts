// A value as a JSON file for the visitor.

/** Typed arrays, such as samples, become lists. */
export const jsonBlob = (value: unknown): Blob =>
  new Blob([JSON.stringify(value, replaceTyped, 2)], { type: 'application/json' })

const replaceTyped = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value
