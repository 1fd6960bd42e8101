// The task of this technique: some rows of a weight, as the file stores them, become codes, scales and zero points.

import type { Runs, Task, TaskInput } from '../../core/tasks/task'
import type { BlockCodes, BlockGrid } from './block-codes'
import { readStoredRows } from './block-weight'
import { chooseAlgorithm, type BlockMethod } from './choose-algorithm'
import { packRun } from './pack-blocks'

export interface BlockRows extends TaskInput, BlockGrid {
  /** Present where the weight is stored as [k, n]: one run of n float32 values for each of the k inputs. */
  readonly runs?: Runs
  readonly n: number
  readonly k: number
  readonly method: BlockMethod
  /** For the codes: one a byte, or where `isPacked` two of 4 bits, the lower half first. */
  readonly target: Uint8Array
  readonly isPacked: boolean
}

/** Undefined where a value is not finite. */
export const roundBlocksTask: Task<BlockRows, Omit<BlockCodes, 'codes'> | undefined> = {
  name: 'round-blocks',
  run: (input) => {
    const { n, k, bits, blockSize, symmetric, method, target, isPacked } = input
    const rows = readInput(input)
    const place = isPacked ? { nibbles: target } : { room: target }
    const result = chooseAlgorithm(method, bits)({ rows, n, k, bits, blockSize, symmetric, ...place })
    if (!result) return undefined
    const { codes, scales, zeroPoints } = result
    if (codes.buffer !== target.buffer) packRun(target, 0, codes, isPacked ? 4 : 8)
    return { scales, zeroPoints }
  },
}

/** Of this thread, for the rows in hand: fresh memory costs as much as a good part of the work. */
let memory = new Float32Array(0)

function readInput({ bytes, runs, n, k }: BlockRows): Float32Array {
  if (memory.length < n * k) memory = new Float32Array(n * k)
  const rows = memory.subarray(0, n * k)
  const stride = runs ? runs.distance / Float32Array.BYTES_PER_ELEMENT : n
  readStoredRows({ bytes, n: stride, k, layout: runs ? 'columns' : 'rows' }, 0, rows)
  return rows
}
