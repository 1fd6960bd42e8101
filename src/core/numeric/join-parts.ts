// Byte chunks in one piece: engines want a model whole where the encoder gives parts, and a PNG spreads its pixels over chunks.

/** A new buffer of its own, which the caller may move to another thread. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.byteLength
  }
  return bytes
}
