import { describe, expect, it } from 'vitest'
import { decodeFloat16 } from '../core/numeric/float16'
import { seededRng } from '../core/numeric/rng'
import type { TensorValue } from '../core/pass/tensor-value'
import { freeDimensionDefaults, resolveShape, type ModelInput } from './free-dimensions'
import { synthesizeInputs } from './synthetic-inputs'

const input = (name: string, dtype: ModelInput['dtype'], ...shape: ModelInput['shape']): ModelInput => ({
  name,
  dtype,
  shape,
})

const BERT = ['input_ids', 'attention_mask', 'token_type_ids', 'position_ids'].map((name) =>
  input(name, 'int64', 'batch_size', 'sequence_length'),
)

async function first(inputs: readonly ModelInput[]): Promise<Readonly<Record<string, TensorValue>>> {
  return synthesizeInputs(inputs, freeDimensionDefaults(inputs), seededRng(1), 1).sample(0)
}

const numbers = (value: TensorValue | undefined): number[] =>
  Array.from(value?.data as ArrayLike<number | bigint>, Number)

describe('sizes of free dimensions', () => {
  it('come from their names', () => {
    expect(freeDimensionDefaults(BERT)).toEqual({ batch_size: 1, sequence_length: 128 })
    const vision = [input('pixel_values', 'float32', 'batch', 'num_channels', 'height', 'width')]
    expect(freeDimensionDefaults(vision)).toEqual({ batch: 1, num_channels: 3, height: 224, width: 224 })
  })

  it('of a decoder with a cache start with nothing in it', () => {
    const decoder = [
      input('input_ids', 'int64', 'batch_size', 'sequence_length'),
      input('attention_mask', 'int64', 'batch_size', 'past_sequence_length + sequence_length'),
      input('past_key_values.0.key', 'float32', 'batch_size', 4, 'past_sequence_length', 16),
    ]
    const sizes = freeDimensionDefaults(decoder)
    expect(decoder.map((one) => resolveShape(one, decoder, sizes))).toEqual([
      [1, 128],
      [1, 128],
      [1, 4, 0, 16],
    ])
  })

  it('come from place and rank where names say nothing', () => {
    const shapes: readonly (readonly [ModelInput, readonly number[]])[] = [
      [input('x', 'float32', null, 3, null, null), [1, 3, 224, 224]],
      [input('x', 'float32', 'unk__1', 'unk__2', 'unk__3', 'unk__4'), [1, 3, 224, 224]],
      [input('x', 'float32', null, null, null, 3), [1, 224, 224, 3]],
      [input('x', 'float32', 'DynamicDimension.0', 3, 48, 'DynamicDimension.1'), [1, 3, 48, 224]],
      [input('ids', 'int64', null, null), [1, 128]],
      [input('features', 'float32', null, null), [1, 1]],
      [input('features', 'float32', null, null, 80), [1, 128, 80]],
      [input('waveform', 'float32', null, null), [1, 16_000]],
      [input('input_values', 'float32', 'batch_size', 'sequence_length'), [1, 16_000]],
    ]
    for (const [one, expected] of shapes)
      expect(resolveShape(one, [one], freeDimensionDefaults([one]))).toEqual(expected)
  })

  it('of a voice detector are one of its chunks', () => {
    const detector = [
      input('input', 'float32', null, null),
      input('sr', 'int64'),
      input('state', 'float32', 2, null, 128),
    ]
    expect(detector.map((one) => resolveShape(one, detector, {}))).toEqual([[1, 512], [], [2, 1, 128]])
  })

  it('give way to what the visitor says', () => {
    const [ids] = BERT
    expect(ids && resolveShape(ids, BERT, { batch_size: 2, sequence_length: 16 })).toEqual([2, 16])
  })
})

describe('synthetic inputs', () => {
  it('of a BERT are small token ids, ones, zeros and positions', async () => {
    const feeds = await first(BERT)
    expect(Object.keys(feeds)).toEqual(BERT.map(({ name }) => name))
    expect(feeds['input_ids']).toMatchObject({ dtype: 'int64', dims: [1, 128] })
    const tokens = numbers(feeds['input_ids'])
    expect(Math.min(...tokens)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...tokens)).toBeLessThan(16)
    expect(new Set(tokens).size).toBeGreaterThan(5)
    expect(new Set(numbers(feeds['attention_mask']))).toEqual(new Set([1]))
    expect(new Set(numbers(feeds['token_type_ids']))).toEqual(new Set([0]))
    expect(numbers(feeds['position_ids'])).toEqual(Array.from({ length: 128 }, (_, index) => index))
  })

  it('of a vision model are normal, in float32 and float16', async () => {
    const feeds = await first([input('pixel_values', 'float32', 1, 3, 64, 64), input('half', 'float16', 1, 3, 64, 64)])
    const half = decodeFloat16(feeds['half']?.data as Uint16Array)
    for (const values of [numbers(feeds['pixel_values']), [...half]]) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
      expect(Math.abs(mean)).toBeLessThan(0.05)
      expect(variance).toBeCloseTo(1, 1)
    }
  })

  it('of a recurrent voice detector are a signal, its rate and an empty state', async () => {
    const feeds = await first([
      input('input', 'float32', null, null),
      input('sr', 'int64'),
      ...['h', 'c', 'h0', 'state'].map((name) => input(name, 'float32', 2, 1, 64)),
    ])
    expect(numbers(feeds['sr'])).toEqual([16_000])
    expect(new Set(numbers(feeds['input'])).size).toBeGreaterThan(100)
    for (const name of ['h', 'c', 'h0', 'state']) expect(new Set(numbers(feeds[name]))).toEqual(new Set([0]))
  })

  it('fill lengths, flags, bytes, lone integers and strings', async () => {
    const feeds = await first([
      input('x', 'float32', 1, 100, 80),
      input('x_lens', 'int64', 1),
      input('use_cache_branch', 'bool', 1),
      input('image', 'uint8', 1, 8, 8, 3),
      input('k', 'int64', 1),
      input('text', 'string', 2),
      input('scale_factor', 'float32', 1, 2),
    ])
    expect(numbers(feeds['x_lens'])).toEqual([100])
    expect(numbers(feeds['use_cache_branch'])).toEqual([0])
    expect(Math.max(...numbers(feeds['image']))).toBeGreaterThan(128)
    expect(numbers(feeds['k'])).toEqual([1])
    expect(feeds['text']?.data).toEqual(['', ''])
    expect(numbers(feeds['scale_factor'])).toEqual([1, 1])
  })

  it('are marked, differ from sample to sample and repeat with the seed', async () => {
    const draw = () => synthesizeInputs(BERT, freeDimensionDefaults(BERT), seededRng(7), 3)
    const [one, again] = [draw(), draw()]
    expect(one).toMatchObject({ isSynthetic: true, size: 3, source: 'synthetic' })
    expect(await one.sample(0)).not.toEqual(await one.sample(1))
    expect(await one.sample(2)).toEqual(await again.sample(2))
    await expect(one.sample(3)).rejects.toMatchObject({ code: 'data/invalid' })
  })

  it.each([
    ['a size that is no size', input('x', 'float32', 'n', 4), { n: -1 }, 'options/invalid'],
    ['a size beyond all bounds', input('x', 'float32', 'n', 4), { n: 1e12 }, 'options/invalid'],
    ['a type that no engine takes', input('x', 'complex64', 1), {}, 'model/unsupported'],
  ])('of %s are refused', (_, one, sizes, code) => {
    expect(() => synthesizeInputs([one], sizes, seededRng(1), 1)).toThrow(expect.objectContaining({ code }))
  })
})
