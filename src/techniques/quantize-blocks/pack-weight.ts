// One weight → packed codes, scales and zero points, panel by panel: besides the file only the results and one panel take memory.

import { makeTensor, type Tensor } from '../../core/model/tensor'
import type { PassContext } from '../../core/pass/pass-context'
import { blockCount, type BlockAlgorithm, type BlockBits } from './block-codes'
import { readRows, type BlockWeight } from './block-weight'
import { elementOrder, packBlobs, packElements, packZeroPoints, placeScales, type Panel } from './pack-blocks'

/** `blobs`: as MatMulNBits reads them. `elements`: a tensor of the weight's shape, for DequantizeLinear and GatherBlockQuantized. */
export type PackedForm = 'blobs' | 'elements'

export interface BlockGrid {
  readonly bits: BlockBits
  readonly blockSize: number
  readonly symmetric: boolean
}

/** The tensors have no names yet. */
export interface PackedWeight extends BlockGrid {
  readonly codes: Tensor
  /** float32 [n, blocks]; of `elements`, the weight's shape with the blocked axis cut down to blocks. */
  readonly scales: Tensor
  /** Absent: the middle of the codes, which signed elements spell as 0. */
  readonly zeroPoints: Tensor | undefined
}

/** Values of a panel: its numbers and codes stay in the cache. */
const PANEL_VALUES = 131_072
/** Values after which a cancel is heard. */
const VALUES_PER_CHECKPOINT = 2 ** 20

/** Undefined where the weight holds NaN or infinity. */
export async function packWeight(
  weight: BlockWeight,
  grid: BlockGrid,
  form: PackedForm,
  algorithm: BlockAlgorithm,
  { checkpoint }: Pick<PassContext, 'checkpoint'>,
): Promise<PackedWeight | undefined> {
  const { n, k } = weight
  const packer = form === 'blobs' ? new BlobPacker(weight, grid) : new ElementPacker(weight, grid)
  const panelRows = Math.min(n, Math.max(1, Math.floor(PANEL_VALUES / k)))
  const values = new Float32Array(panelRows * k)
  const room = new Uint8Array(panelRows * k)
  let sinceCheckpoint = 0
  for (let firstRow = 0; firstRow < n; firstRow += panelRows) {
    const count = Math.min(panelRows, n - firstRow)
    const rows = values.subarray(0, count * k)
    readRows(weight, firstRow, rows)
    const nibbles = packer.nibbles(firstRow, count)
    const result = algorithm({ ...grid, rows, n: count, k, room, nibbles })
    if (!result) return undefined
    packer.add({ firstRow, rows: count, k, blocks: blockCount({ k, ...grid }) }, result, nibbles)
    sinceCheckpoint += rows.length
    if (sinceCheckpoint < VALUES_PER_CHECKPOINT) continue
    sinceCheckpoint = 0
    await checkpoint()
  }
  return packer.finish()
}

type Codes = NonNullable<ReturnType<BlockAlgorithm>>

class BlobPacker {
  readonly #grid: BlockGrid
  readonly #n: number
  readonly #k: number
  readonly #blocks: number
  readonly #codes: Uint8Array
  readonly #scales: Float32Array
  #zeroPoints: Uint8Array | undefined

  constructor({ n, k }: BlockWeight, grid: BlockGrid) {
    this.#grid = grid
    this.#n = n
    this.#k = k
    this.#blocks = blockCount({ k, ...grid })
    this.#codes = new Uint8Array(n * this.#rowBytes)
    this.#scales = new Float32Array(n * this.#blocks)
  }

  get #rowBytes(): number {
    return (this.#blocks * this.#grid.blockSize * this.#grid.bits) / 8
  }

  /** The place of some rows, where an algorithm may write their codes itself. */
  nibbles(firstRow: number, rows: number): Uint8Array | undefined {
    const { bits, blockSize } = this.#grid
    if (bits !== 4 || this.#k % blockSize !== 0) return undefined
    return this.#codes.subarray(firstRow * this.#rowBytes, (firstRow + rows) * this.#rowBytes)
  }

  add(panel: Panel, result: Codes, nibbles: Uint8Array | undefined): void {
    const { bits } = this.#grid
    if (result.codes !== nibbles) packBlobs(this.#codes, result, panel, this.#rowBytes, bits)
    this.#scales.set(result.scales, panel.firstRow * this.#blocks)
    if (!result.zeroPoints) return
    this.#zeroPoints ??= new Uint8Array(this.#n * Math.ceil((this.#blocks * bits) / 8))
    packZeroPoints(this.#zeroPoints, result.zeroPoints, panel, bits)
  }

  finish(): PackedWeight {
    const [n, blocks, zeroPoints] = [this.#n, this.#blocks, this.#zeroPoints]
    return {
      ...this.#grid,
      codes: makeTensor('', 'uint8', [n, blocks, this.#rowBytes / blocks], this.#codes),
      scales: makeTensor('', 'float32', [n, blocks], this.#scales),
      zeroPoints: zeroPoints && makeTensor('', 'uint8', [n, zeroPoints.length / n], zeroPoints),
    }
  }
}

class ElementPacker {
  readonly #weight: BlockWeight
  readonly #grid: BlockGrid
  readonly #bits: 4 | 8
  readonly #blocks: number
  readonly #codes: Uint8Array
  readonly #scales: Float32Array
  #zeroPoints: Uint8Array | undefined

  constructor(weight: BlockWeight, grid: BlockGrid) {
    const { n, k } = weight
    this.#weight = weight
    this.#grid = grid
    this.#bits = grid.bits === 8 ? 8 : 4
    this.#blocks = blockCount({ k, ...grid })
    this.#codes = this.#bytesFor(n * k)
    this.#scales = new Float32Array(n * this.#blocks)
  }

  #bytesFor(elements: number): Uint8Array {
    return new Uint8Array(Math.ceil((elements * this.#bits) / 8))
  }

  /** Elements lie in the order of the weight, which is not that of rows. */
  nibbles(): undefined {
    return undefined
  }

  add(panel: Panel, result: Codes): void {
    const { n, k, layout } = this.#weight
    const flip = result.zeroPoints ? 0 : 2 ** (this.#bits - 1)
    const perBlock = elementOrder(layout, n, this.#blocks)
    packElements(
      this.#codes,
      result.codes,
      { ...panel, length: k, order: elementOrder(layout, n, k) },
      this.#bits,
      flip,
    )
    placeScales(this.#scales, result, panel, perBlock)
    if (!result.zeroPoints) return
    this.#zeroPoints ??= this.#bytesFor(n * this.#blocks)
    const place = { ...panel, length: this.#blocks, order: perBlock }
    packElements(this.#zeroPoints, result.zeroPoints, place, this.#bits, 0)
  }

  finish(): PackedWeight {
    const { tensor } = this.#weight
    const zeroPoints = this.#zeroPoints
    const dtype = `${zeroPoints ? 'uint' : 'int'}${this.#bits}` as const
    const axis = blockedAxis(this.#weight)
    const dims = tensor.dims.map((size, i) => (i === axis ? this.#blocks : size))
    return {
      ...this.#grid,
      codes: makeTensor('', dtype, tensor.dims, this.#codes),
      scales: makeTensor('', 'float32', dims, this.#scales),
      zeroPoints: zeroPoints && makeTensor('', dtype, dims, zeroPoints),
    }
  }
}

/** The axis of the tensor that is cut into blocks. */
export const blockedAxis = ({ tensor, layout }: Pick<BlockWeight, 'tensor' | 'layout'>): number =>
  tensor.dims.length - (layout === 'rows' ? 1 : 2)
