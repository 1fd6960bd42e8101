// 2- and 4-bit integers in bytes as ONNX stores them: over the flattened tensor, the first element in the lowest bits, only the last
// byte padded (with zeros). Signed integers are two's complement.

export type SubByteWidth = 2 | 4

/** Packs the low bits of one value a byte. Byte `at` of `target` takes the first value; there must be room. */
export function packSubByte(values: ArrayLike<number>, bits: SubByteWidth, target: Uint8Array, at = 0): void {
  if (bits === 4) packNibbles(values, target, at)
  else packPairs(values, target, at)
}

/** `count` values, one a byte: −8…7 or 0…15 for 4 bits, −2…1 or 0…3 for 2. */
export function unpackSubByte(bytes: Uint8Array, bits: SubByteWidth, count: number, isSigned: boolean): Int8Array {
  const values = new Int8Array(count)
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const drop = 32 - bits
  for (let i = 0; i < count; i++) {
    const code = ((bytes[Math.floor(i / perByte)] as number) >> ((i % perByte) * bits)) & mask
    values[i] = isSigned ? (code << drop) >> drop : code
  }
  return values
}

function packNibbles(values: ArrayLike<number>, target: Uint8Array, at: number): void {
  const pairs = values.length >> 1
  for (let i = 0; i < pairs; i++) {
    target[at + i] = ((values[2 * i] as number) & 15) | ((values[2 * i + 1] as number) << 4)
  }
  if (values.length % 2 === 1) target[at + pairs] = (values[values.length - 1] as number) & 15
}

function packPairs(values: ArrayLike<number>, target: Uint8Array, at: number): void {
  for (let i = 0; i < values.length; i += 4) {
    let byte = 0
    for (let j = 0; j < 4 && i + j < values.length; j++) byte |= ((values[i + j] as number) & 3) << (2 * j)
    target[at + (i >> 2)] = byte
  }
}
