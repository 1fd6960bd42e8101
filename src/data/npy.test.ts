import { zipSync } from 'fflate'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LabError } from '../core/errors/lab-error'
import { bytesOf } from '../core/model/tensor'
import { arrayDataset } from './array-dataset'
import { decodeNpy, decodeNpz } from './npy'
import { decodeNpzDataset } from './npz-dataset'

/** An `.npy` file as NumPy writes it, version 1 unless said otherwise. */
function npy(descr: string, shape: string, data: Uint8Array, version = 1, order = 'False'): Uint8Array {
  const quoted = descr.startsWith('[') ? descr : `'${descr}'`
  const text = `{'descr': ${quoted}, 'fortran_order': ${order}, 'shape': ${shape}, }`
  const start = version === 1 ? 10 : 12
  const header = text.padEnd(Math.ceil((text.length + start + 1) / 64) * 64 - start - 1) + '\n'
  const length = new Uint8Array(
    version === 1 ? Uint16Array.of(header.length).buffer : Uint32Array.of(header.length).buffer,
  )
  const head = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...length, ...new TextEncoder().encode(header)]
  return Uint8Array.from([...head, ...data])
}

const codeOf = (attempt: () => unknown): string | null => {
  try {
    attempt()
    return null
  } catch (error) {
    return error instanceof LabError ? error.code : String(error)
  }
}

/** Written by NumPy 2: `np.save(f, np.array([[1.5, -2], [3, 4]], np.float32))`. */
const FROM_NUMPY =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDIpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwAAAQEAAAIBA'

describe('an .npy file', () => {
  it('from NumPy is read', () => {
    const value = decodeNpy(new Uint8Array(Buffer.from(FROM_NUMPY, 'base64')), 'x')
    expect(value).toEqual({ dtype: 'float32', dims: [2, 2], data: Float32Array.of(1.5, -2, 3, 4) })
  })

  it.each([
    ['<f4', 'float32', Float32Array.of(1.5, -2)],
    ['<f8', 'float64', Float64Array.of(1.5, -2)],
    ['<f2', 'float16', Uint16Array.of(0x3c00, 0x4000)],
    ['|i1', 'int8', Int8Array.of(-1, 2)],
    ['|u1', 'uint8', Uint8Array.of(1, 255)],
    ['|b1', 'bool', Uint8Array.of(0, 1)],
    ['<i2', 'int16', Int16Array.of(-1, 2)],
    ['<u2', 'uint16', Uint16Array.of(1, 65535)],
    ['<i4', 'int32', Int32Array.of(-1, 2)],
    ['<u4', 'uint32', Uint32Array.of(1, 2 ** 32 - 1)],
    ['<i8', 'int64', BigInt64Array.of(-1n, 2n ** 62n)],
    ['<u8', 'uint64', BigUint64Array.of(1n, 2n ** 64n - 1n)],
  ])('of type %s becomes %s, in every format version', (descr, dtype, data) => {
    for (const version of [1, 2, 3]) {
      expect(decodeNpy(npy(descr, '(2,)', bytesOf(data), version), 'x')).toEqual({ dtype, dims: [2], data })
    }
  })

  it('of a scalar has no dimensions', () => {
    expect(decodeNpy(npy('<f4', '()', bytesOf(Float32Array.of(7))), 'x')).toMatchObject({
      dims: [],
      data: Float32Array.of(7),
    })
  })

  it.each([
    ['big-endian numbers', npy('>f4', '(1,)', new Uint8Array(4))],
    ['text', npy('<U3', '(1,)', new Uint8Array(12))],
    ['Fortran order', npy('<f4', '(2, 2)', new Uint8Array(16), 1, 'True')],
    ['too little data', npy('<f4', '(2, 2)', new Uint8Array(15))],
    ['too much data', npy('<f4', '(2, 2)', new Uint8Array(17))],
    ['a shape beyond all bounds', npy('<f4', '(99999999999, 99999999999)', new Uint8Array(16))],
    ['another version', npy('<f4', '(1,)', new Uint8Array(4), 4)],
    ['a structured type', npy("[('a', '<f4')]", '(1,)', new Uint8Array(4))],
  ])('with %s is refused', (_, bytes) => {
    expect(codeOf(() => decodeNpy(bytes, 'x'))).toBe('data/invalid')
  })

  it('cut at any byte, or of random bytes, is refused', () => {
    const whole = npy('<f4', '(2,)', new Uint8Array(8))
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => decodeNpy(whole.subarray(0, length), 'x'))).toBe('data/invalid')
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => codeOf(() => decodeNpy(bytes, 'x')) === 'data/invalid'),
    )
  })
})

const floats = (shape: string, ...values: number[]): Uint8Array => npy('<f4', shape, bytesOf(Float32Array.from(values)))
const longs = (shape: string, ...values: bigint[]): Uint8Array => npy('<i8', shape, bytesOf(BigInt64Array.from(values)))

describe('an .npz file', () => {
  const zip = zipSync({
    'x.npy': floats('(2, 3)', 1, 2, 3, 4, 5, 6),
    'labels.npy': longs('(2,)', 1n, 0n),
    'note.txt': Uint8Array.of(1),
  })

  it('gives its arrays by name and leaves other files alone', () => {
    expect([...decodeNpz(zip).keys()]).toEqual(['x', 'labels'])
  })

  it('that is no zip, is cut, or holds no arrays is refused', () => {
    expect(codeOf(() => decodeNpz(new TextEncoder().encode('<html>')))).toBe('data/invalid')
    expect(codeOf(() => decodeNpz(zipSync({ 'a.txt': Uint8Array.of(1) })))).toBe('data/invalid')
    for (let length = 0; length < zip.length; length++) {
      expect(
        codeOf(() => decodeNpz(zip.subarray(0, length))),
        `cut at ${length}`,
      ).toBe('data/invalid')
    }
  })

  it('is a data set: one sample a row, labels apart', async () => {
    const set = decodeNpzDataset(zip, 'mine.npz')
    expect(set).toMatchObject({ id: 'mine.npz', size: 2, labels: [1, 0], isSynthetic: false })
    expect(await set.sample(1)).toEqual({ x: { dtype: 'float32', dims: [1, 3], data: Float32Array.of(4, 5, 6) } })
    await expect(set.sample(2)).rejects.toMatchObject({ code: 'data/invalid' })
  })

  it.each([
    ['an input without an array', { 'x.npy': floats('(1,)', 1) }, ['x', 'y'], /no array for the input "y"/],
    [
      'arrays of different length',
      { 'x.npy': floats('(1,)', 1), 'y.npy': floats('(2,)', 1, 2) },
      ['x', 'y'],
      /has 2 samples/,
    ],
    [
      'labels of another length',
      { 'x.npy': floats('(1,)', 1), 'labels.npy': longs('(2,)', 0n, 1n) },
      ['x'],
      /has 2 samples/,
    ],
    [
      'labels that are no classes',
      { 'x.npy': floats('(1,)', 1), 'labels.npy': floats('(1,)', 0.5) },
      ['x'],
      /class indices/,
    ],
    ['no samples', { 'x.npy': floats('(0,)') }, ['x'], /no samples/],
  ])('with %s is refused', (_, files, inputs, message) => {
    expect(() => arrayDataset('mine', decodeNpz(zipSync(files)), inputs)).toThrow(message)
  })
})
