// Finds equal weights by their bytes where they lie, without a copy: a hash first, then the bytes themselves.

/** 32 bits over all bytes, four at a time, at any alignment (the mixing step of MurmurHash3, Appleby 2011). */
export function hashBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = bytes.byteLength & ~3
  let hash = bytes.byteLength
  for (let at = 0; at < words; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x85ebca6b)
    hash = (hash << 13) | (hash >>> 19)
  }
  for (let at = words; at < bytes.byteLength; at++) hash = Math.imul(hash ^ view.getUint8(at), 0xc2b2ae35)
  return hash
}

export function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false
  const left = new DataView(a.buffer, a.byteOffset, a.byteLength)
  const right = new DataView(b.buffer, b.byteOffset, b.byteLength)
  const words = a.byteLength & ~3
  for (let at = 0; at < words; at += 4) if (left.getInt32(at) !== right.getInt32(at)) return false
  for (let at = words; at < a.byteLength; at++) if (a[at] !== b[at]) return false
  return true
}
