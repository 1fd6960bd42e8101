// The speed of the loops over weights against a plain copy of the same memory in the same run. In processor time, so that others on the
// machine count little. Nothing large is imported here: the garbage collector's time would grow with it.

import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/core/model/tensor'
import { encodeFloat16 } from '../../src/core/numeric/float16'
import { quantizeChannels } from '../../src/core/numeric/quantize'
import { seededRng } from '../../src/core/numeric/rng'
import { channelLayout } from '../../src/core/numeric/scale-layout'
import { medianTimes } from '../fixtures/median-times'

function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

describe('loops over 64 MB of weights', () => {
  const DIMS = [4096, 4096]
  const rng = seededRng(1)
  const weights = Float32Array.from({ length: 4096 * 4096 }, () => rng.normal() / 50)
  const bytes = bytesOf(weights)
  const target = new Float32Array(weights.length)

  it('quantize to int8 per row at 1/8 of the speed of a copy or more, per column at 1/12', async () => {
    const times = await medianTimes(processorMs, {
      copy: () => target.set(weights),
      rows: () => quantizeChannels(bytes, channelLayout(DIMS, 0), 'int8', { symmetric: true }),
      columns: () => quantizeChannels(bytes, channelLayout(DIMS, 1), 'int8', { symmetric: true }),
      float16: () => encodeFloat16(weights),
    })
    const copies = (time: number): number => time / times.copy
    console.log(
      `copies: rows ${copies(times.rows)}, columns ${copies(times.columns)}, float16 ${copies(times.float16)}`,
    )
    expect(copies(times.rows)).toBeLessThanOrEqual(8)
    expect(copies(times.columns)).toBeLessThanOrEqual(12)
  })
})
