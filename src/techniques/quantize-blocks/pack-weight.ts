// One weight → packed codes, scales and zero points, panel by panel: besides the file only the results and the panels in hand take memory.
// Panels are always cut at the same places, so the result does not depend on who rounds them.

import { makeTensor, tensorBytes, type Tensor } from '../../core/model/tensor'
import type { PassContext } from '../../core/pass/pass-context'
import { inOrder } from '../../core/tasks/in-order'
import { isShared } from '../../core/tasks/task'
import { blockCount, type BlockCodes, type BlockGrid } from './block-codes'
import type { BlockWeight } from './block-weight'
import type { BlockMethod } from './choose-algorithm'
import { elementOrder, packBlobs, packElements, packZeroPoints, placeScales, type Panel } from './pack-blocks'
import { roundBlocksTask, type BlockRows } from './round-blocks-task'

/** `blobs`: as MatMulNBits reads them. `elements`: a tensor of the weight's shape, for DequantizeLinear and GatherBlockQuantized. */
export type PackedForm = 'blobs' | 'elements'

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
/** Below this a message to a worker takes longer than the work. */
const SMALLEST_FOR_WORKERS = 2 ** 16

/** Memory for the codes of panels in hand: fresh memory for each would pile up before it is collected. */
export class CodeRoom {
  readonly #free: Uint8Array[] = []

  take(size: number): Uint8Array {
    const free = this.#free.pop()
    return free && free.length >= size ? free.subarray(0, size) : new Uint8Array(size)
  }

  give(codes: Uint8Array): void {
    this.#free.push(new Uint8Array(codes.buffer))
  }
}

interface PackingHost extends Pick<PassContext, 'checkpoint' | 'tasks'> {
  /** What the weights of a model share. */
  readonly room?: CodeRoom
}

/** Undefined where the weight holds NaN or infinity. */
export async function packWeight(
  weight: BlockWeight,
  grid: BlockGrid,
  form: PackedForm,
  method: BlockMethod,
  { checkpoint, tasks, room = new CodeRoom() }: PackingHost,
): Promise<PackedWeight | undefined> {
  const { n, k } = weight
  const packer = form === 'blobs' ? new BlobPacker(weight, grid) : new ElementPacker(weight, grid)
  const port = n * k >= SMALLEST_FOR_WORKERS && mayCross(method) ? tasks : undefined
  const round = async (panel: Panel): Promise<BlockCodes | undefined> => {
    const packed = packer.packedPlace(panel)
    const codes = packed ?? room.take(panel.rows * k)
    const input = { ...storedRows(weight, panel), ...grid, method, target: codes, isPacked: packed !== undefined }
    const found = port ? await port.run(roundBlocksTask, input) : roundBlocksTask.run(input)
    return found && { ...found, codes }
  }
  let sinceCheckpoint = 0
  for await (const [panel, result] of inOrder(cutPanels(weight, grid), port?.depth ?? 1, round)) {
    if (!result) return undefined
    packer.add(panel, result)
    if (!packer.packedPlace(panel)) room.give(result.codes)
    sinceCheckpoint += panel.rows * k
    if (sinceCheckpoint < VALUES_PER_CHECKPOINT) continue
    sinceCheckpoint = 0
    await checkpoint()
  }
  return packer.finish()
}

/** The factor of GPTQ is too large for a copy with each panel: threads have to share its memory. */
const mayCross = (method: BlockMethod): boolean => method.algorithm !== 'gptq' || isShared(method.factor.upper)

function cutPanels({ n, k }: BlockWeight, { blockSize }: BlockGrid): readonly Panel[] {
  const rows = Math.min(n, Math.max(1, Math.floor(PANEL_VALUES / k)))
  const blocks = blockCount({ k, blockSize })
  return Array.from({ length: Math.ceil(n / rows) }, (_, i) => {
    const firstRow = i * rows
    return { firstRow, rows: Math.min(rows, n - firstRow), k, blocks }
  })
}

function storedRows(
  { tensor, n, k, layout }: BlockWeight,
  { firstRow, rows }: Panel,
): Pick<BlockRows, 'bytes' | 'runs' | 'n' | 'k'> {
  const bytes = tensorBytes(tensor)
  if (layout === 'rows') return { bytes: bytes.subarray(4 * firstRow * k, 4 * (firstRow + rows) * k), n: rows, k }
  const runs = { count: k, length: 4 * rows, distance: 4 * n }
  return { bytes: bytes.subarray(4 * firstRow, 4 * (firstRow + (k - 1) * n + rows)), runs, n: rows, k }
}

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

  /** The place of some rows in the result, where their codes may be written packed: there is nothing between them. */
  packedPlace({ firstRow, rows }: Panel): Uint8Array | undefined {
    const { bits, blockSize } = this.#grid
    if (bits !== 4 || this.#k % blockSize !== 0) return undefined
    return this.#codes.subarray(firstRow * this.#rowBytes, (firstRow + rows) * this.#rowBytes)
  }

  add(panel: Panel, result: BlockCodes): void {
    const { bits } = this.#grid
    if (!this.packedPlace(panel)) packBlobs(this.#codes, result, panel, this.#rowBytes, bits)
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
  packedPlace(): undefined {
    return undefined
  }

  add(panel: Panel, result: BlockCodes): void {
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
