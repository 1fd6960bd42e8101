// Codes → the bytes of a file: one blob a block for MatMulNBits, elements in the order of the weight for DequantizeLinear and
// GatherBlockQuantized. Targets must be zero where codes go; panels of rows may come in any order.

import type { BlockBits, BlockCodes } from './block-codes'

/** Where a panel stands within its weight. */
export interface Panel {
  readonly firstRow: number
  readonly rows: number
  readonly k: number
  readonly blocks: number
}

/**
 * B of MatMulNBits (com.microsoft 1): uint8 [N, blocks, blockSize · bits / 8], lower bits first. The zeros beyond K at the end of each row
 * stay as they are.
 */
export function packBlobs(
  target: Uint8Array,
  { codes }: BlockCodes,
  panel: Panel,
  rowBytes: number,
  bits: BlockBits,
): void {
  for (let row = 0; row < panel.rows; row++) {
    const run = codes.subarray(row * panel.k, (row + 1) * panel.k)
    packRun(target, (panel.firstRow + row) * rowBytes, run, bits)
  }
}

/** Zero points of MatMulNBits: uint8 [N, ceil(blocks · bits / 8)]; each row begins a byte and its unused slots hold the middle. */
export function packZeroPoints(target: Uint8Array, zeroPoints: Uint8Array, panel: Panel, bits: BlockBits): void {
  const rowBytes = Math.ceil((panel.blocks * bits) / 8)
  const unused = (8 - ((panel.blocks * bits) % 8)) % 8
  // Every slot that is not used holds the middle, which has a single bit set.
  let filling = 0
  for (let bit = 8 - unused + bits - 1; bit < 8; bit += bits) filling |= 1 << bit
  for (let i = 0; i < panel.rows; i++) {
    const start = (panel.firstRow + i) * rowBytes
    packRun(target, start, zeroPoints.subarray(i * panel.blocks, (i + 1) * panel.blocks), bits)
    const last = start + rowBytes - 1
    target[last] = (target[last] as number) | filling
  }
}

/** Codes of one byte each, from byte `start` on, lower bits first. */
export function packRun(target: Uint8Array, start: number, run: Uint8Array, bits: BlockBits): void {
  if (bits === 8) target.set(run, start)
  else if (bits === 4) packNibbles(target, start, run)
  else packPairsOfBits(target, start, run)
}

function packNibbles(target: Uint8Array, start: number, run: Uint8Array): void {
  const whole = run.length & ~1
  let at = start
  for (let i = 0; i < whole; i += 2) target[at++] = (run[i] as number) | ((run[i + 1] as number) << 4)
  if (run.length & 1) target[at] = run[whole] as number
}

function packPairsOfBits(target: Uint8Array, start: number, run: Uint8Array): void {
  for (let i = 0; i < run.length; i++) {
    const at = start + (i >> 2)
    target[at] = (target[at] as number) | ((run[i] as number) << (2 * (i & 3)))
  }
}

/** How an element (row, position within the row) of n × length is numbered in the file. */
export interface ElementOrder {
  readonly perRow: number
  readonly perPosition: number
}

export const elementOrder = (layout: 'rows' | 'columns', n: number, length: number): ElementOrder =>
  layout === 'rows' ? { perRow: length, perPosition: 1 } : { perRow: 1, perPosition: n }

/**
 * Elements of int4, uint4, int8 or uint8 in a tensor's order, 4-bit ones two a byte, the lower half first. `flip` is 0 for unsigned types
 * and the middle of the range for signed ones: it turns a code into two's complement.
 */
export function packElements(
  target: Uint8Array,
  codes: Uint8Array,
  place: { readonly firstRow: number; readonly rows: number; readonly length: number; readonly order: ElementOrder },
  bits: 4 | 8,
  flip: number,
): void {
  const { firstRow, rows, length, order } = place
  for (let row = 0; row < rows; row++) {
    const start = (firstRow + row) * order.perRow
    const run = codes.subarray(row * length, (row + 1) * length)
    if (bits === 8) placeBytes(target, run, start, order.perPosition, flip)
    else placeNibbles(target, run, start, order.perPosition, flip)
  }
}

function placeBytes(target: Uint8Array, run: Uint8Array, start: number, step: number, flip: number): void {
  for (let i = 0, at = start; i < run.length; i++, at += step) target[at] = (run[i] as number) ^ flip
}

function placeNibbles(target: Uint8Array, run: Uint8Array, start: number, step: number, flip: number): void {
  for (let i = 0, element = start; i < run.length; i++, element += step) {
    const at = element >>> 1
    target[at] = (target[at] as number) | (((run[i] as number) ^ flip) << ((element & 1) << 2))
  }
}

/** Scales in a tensor's order. */
export function placeScales(
  target: Float32Array,
  { scales }: BlockCodes,
  { firstRow, rows, blocks }: Panel,
  order: ElementOrder,
): void {
  for (let row = 0; row < rows; row++) {
    let at = (firstRow + row) * order.perRow
    for (let block = row * blocks; block < (row + 1) * blocks; block++, at += order.perPosition) {
      target[at] = scales[block] as number
    }
  }
}
