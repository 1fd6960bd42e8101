// Files that are broken, hostile or no models at all: each gives a typed error that says what is wrong and where, quickly, and nothing
// else ever happens. What is read is also verified, because that is what every host does with a file.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zipSync } from 'fflate'
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { ModelProtoSchema, type AttributeProtoSchema, type GraphProtoSchema } from 'onnx-buf'
import { expect, test } from 'vitest'

import { LabError, type Details } from '../../src/core/errors/lab-error'
import type { Model } from '../../src/core/model/model'
import { verifyGraph } from '../../src/core/model/verify-graph'
import { seededRng } from '../../src/core/numeric/rng'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { attachExternalData } from '../../src/core/onnx/external-data'
import { joinParts } from '../../src/core/numeric/join-parts'

const fixtures = join(import.meta.dirname, '../fixtures')
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, file)))
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const TIME_LIMIT_MS = 1000
/** Quadratic work on a file of some megabytes takes much longer. */
const LARGE_TIME_LIMIT_MS = 5000

function open(bytes: Uint8Array): Model {
  const model = decodeModel(bytes)
  verifyGraph(model)
  return model
}

/** The error of `run`, which must be a LabError within the time limit; undefined where it succeeds. */
function errorOf(run: () => unknown, timeLimitMs = TIME_LIMIT_MS): LabError | undefined {
  const start = performance.now()
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof LabError) return error
    throw error
  } finally {
    expect(performance.now() - start).toBeLessThan(timeLimitMs)
  }
}

interface Refusal {
  readonly code: string
  readonly message: RegExp
  readonly details?: Details
}

function expectRefusal(run: () => unknown, { code, message, details = {} }: Refusal): void {
  const error = errorOf(run)
  expect(error?.message).toMatch(message)
  expect(error).toMatchObject({ code, details })
}

/** A model file from the generated protobuf code, which writes what it is told. */
const file = (model: MessageInitShape<typeof ModelProtoSchema>): Uint8Array =>
  toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 17n }], ...model }))

const OTHER_FORMATS: Readonly<Record<string, readonly [bytes: Uint8Array, message: RegExp]>> = {
  'an HTML page': [ascii('<!DOCTYPE html><html><body>404</body></html>'), /looks like an HTML page/],
  'an XML document': [ascii('<?xml version="1.0"?><a/>'), /looks like an XML or HTML document/],
  'a zip': [zipSync({ 'a.txt': ascii('a') }), /looks like a zip archive/],
  'a PyTorch checkpoint': [zipSync({ 'archive/data.pkl': ascii('a') }), /looks like a PyTorch checkpoint/],
  'a gzip': [gzipSync(ascii('a')), /looks like a gzip file/],
  'a TFLite model': [ascii('\x1c\0\0\0TFL3\0\0\0\0'), /looks like a TensorFlow Lite model/],
  'an ORT model': [ascii('\x1c\0\0\0ORTM\0\0\0\0'), /looks like a model in ONNX Runtime format/],
  'a safetensors file': [ascii('\x02\0\0\0\0\0\0\0{}'), /looks like a safetensors file/],
  'a pickle': [Uint8Array.of(0x80, 2, 0x7d, 0x71, 0, 0x2e), /looks like a Python pickle/],
  'an HDF5 file': [Uint8Array.of(0x89, ...ascii('HDF\r\n\x1a\n')), /looks like an HDF5 file/],
  'a GGUF model': [ascii('GGUF\x03\0\0\0'), /looks like a GGUF model/],
  'a Git LFS pointer': [ascii('version https://git-lfs.github.com/spec/v1\n'), /looks like a Git LFS pointer/],
  'a JSON text': [ascii('{"format": "graph-model"}'), /looks like JSON/],
  'a PNG image': [Uint8Array.of(0x89, ...ascii('PNG\r\n\x1a\n')), /looks like a PNG image/],
}

test.each(Object.entries(OTHER_FORMATS))('%s is called by its name', (_, [bytes, message]) => {
  expectRefusal(() => open(bytes), { code: 'model/parse', message })
})

test('an empty file is called empty', () => {
  expectRefusal(() => open(new Uint8Array()), {
    code: 'model/parse',
    message: /^The file is empty/,
    details: { byteOffset: 0 },
  })
})

const SMALL = ['onnx-testdata/if/model.onnx', 'codec-models/functions.onnx', 'codec-models/dtypes-typed.onnx']
test.each(SMALL)('%s cut off anywhere is refused, or read where only a tail of whole fields is missing', (name) => {
  const bytes = read(name)
  let whole = 0
  for (let length = 0; length < bytes.byteLength; length++) {
    const error = errorOf(() => open(bytes.subarray(0, length)))
    if (error) {
      expect(['model/parse', 'model/invalid']).toContain(error.code)
      expect(error.message).toMatch(/at byte \d+ holds|holds no|is empty|imports no opset|does not import/)
    } else whole++
  }
  // Model fields stand at the end; only a cut exactly between two of them leaves a model.
  expect(whole).toBeLessThanOrEqual(2)
})

test('random bytes are refused', () => {
  const rng = seededRng(1)
  for (let run = 0; run < 5000; run++) {
    const bytes = Uint8Array.from({ length: 1 + rng.below(200) }, () => rng.below(256))
    expect(errorOf(() => open(bytes))?.code).toMatch(/^model\//)
  }
})

test('a damaged byte anywhere gives a model or a typed error, and what is read can be written', () => {
  const rng = seededRng(2)
  const names = [
    ...SMALL,
    ...readdirSync(join(fixtures, 'onnx-testdata'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `onnx-testdata/${name}/model.onnx`),
  ]
  for (const name of names) {
    const bytes = read(name)
    for (let run = 0; run < 40; run++) {
      const damaged = bytes.slice()
      for (let hits = 1 + rng.below(3); hits > 0; hits--) damaged[rng.below(damaged.length)] = rng.below(256)
      const error = errorOf(() => encodeParts(open(damaged)))
      if (error) expect(error.code).toMatch(/^model\//)
    }
  }
})

test('a length beyond the end is refused before anything is allocated', () => {
  // GraphProto (field 7) that claims 2^63 - 1 bytes.
  const bytes = Uint8Array.of(0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
  expectRefusal(() => open(bytes), {
    code: 'model/parse',
    message: /^ModelProto at byte 2 holds field 7 of \d+ bytes where 0 are left/,
    details: { byteOffset: 2 },
  })
})

test('a varint without an end is refused', () => {
  expectRefusal(() => open(new Uint8Array(40).fill(0xff)), { code: 'model/parse', message: /of more than 10 bytes/ })
})

const output = [{ name: 'y' }]
const tensor = (dims: readonly bigint[], rawBytes = 4) => ({
  graph: {
    name: 'g',
    output,
    node: [{ opType: 'Identity', input: ['w'], output: ['y'] }],
    initializer: [{ name: 'w', dataType: 1, dims: [...dims], rawData: new Uint8Array(rawBytes) }],
  },
})

test('a negative dimension is refused', () => {
  const message = /^Tensor "w" \(float32 \[-1, 4\]\) at byte \d+ has the dimension -1/
  expectRefusal(() => open(file(tensor([-1n, 4n]))), { code: 'model/invalid', message, details: { tensor: 'w' } })
})

test('huge dimensions are refused, one by one and as a product', () => {
  const single = { code: 'model/invalid', message: /has the dimension \d+/, details: { tensor: 'w' } }
  expectRefusal(() => open(file(tensor([2n ** 62n]))), single)
  const product = { code: 'model/invalid', message: /more than 2\^53 elements/, details: { tensor: 'w' } }
  expectRefusal(() => open(file(tensor([2n ** 40n, 2n ** 40n]))), product)
})

test('a tensor with too few or too many bytes is refused with what was expected', () => {
  for (const size of [0, 7, 9]) {
    expectRefusal(() => open(file(tensor([2n], size))), {
      code: 'model/invalid',
      message: new RegExp(`holds ${size} bytes of data, expected 8`),
      details: { tensor: 'w', expected: 8 },
    })
  }
})

test('typed data that claims more elements than it has bytes is refused before anything is allocated', () => {
  const { graph } = tensor([2n ** 40n])
  const initializer = [{ name: 'w', dataType: 7, dims: [2n ** 40n], int64Data: [1n] }]
  const message = /holds at most \d+ numbers, expected 1099511627776/
  expectRefusal(() => open(file({ graph: { ...graph, initializer } })), { code: 'model/invalid', message })
})

test('a number that its type cannot hold is refused', () => {
  const { graph } = tensor([1n])
  const initializer = [{ name: 'w', dataType: 3, dims: [1n], int32Data: [300] }]
  const message = /holds a number beyond 8 bits at element 0/
  expectRefusal(() => open(file({ graph: { ...graph, initializer } })), { code: 'model/invalid', message })
})

const relu = (input: string, result: string) => ({ opType: 'Relu', name: result, input: [input], output: [result] })

test('a cycle is refused by the name of a node on it', () => {
  const graph = { name: 'g', output, node: [relu('b', 'a'), relu('a', 'b'), relu('b', 'y')] }
  const refusal = { code: 'model/invalid', message: /cycle through a/, details: { node: 'a' } }
  expectRefusal(() => open(file({ graph })), refusal)
})

test('a name that is defined twice is refused', () => {
  const twice = { name: 'g', output, input: [{ name: 'x' }], node: [relu('x', 'y'), relu('x', 'y')] }
  const details = { tensor: 'y' }
  expectRefusal(() => open(file({ graph: twice })), { code: 'model/invalid', message: /"y" is defined twice/, details })
  const weights = tensor([1n]).graph
  const initializer = [...weights.initializer, ...weights.initializer]
  const refusal = { code: 'model/invalid', message: /two initializers named "w"/, details: { tensor: 'w' } }
  expectRefusal(() => open(file({ graph: { ...weights, initializer } })), refusal)
})

test('a read of a value that nothing defines is refused with node and value', () => {
  const refusal = { code: 'model/invalid', message: /reads "x", which nothing/, details: { node: 'y', tensor: 'x' } }
  expectRefusal(() => open(file({ graph: { name: 'g', output, node: [relu('x', 'y')] } })), refusal)
})

test('a node of a domain without an opset is refused', () => {
  const node = [{ ...relu('x', 'y'), domain: 'com.example' }]
  const refusal = {
    code: 'model/invalid',
    message: /domain "com.example", whose opset/,
    details: { domain: 'com.example' },
  }
  expectRefusal(() => open(file({ graph: { name: 'g', input: [{ name: 'x' }], output, node } })), refusal)
})

test('a missing opset, graph and IR version are refused by name', () => {
  const graph = { name: 'g', input: [{ name: 'y' }], output }
  expectRefusal(() => open(file({ graph, opsetImport: [] })), { code: 'model/invalid', message: /imports no opset/ })
  expectRefusal(() => open(file({})), { code: 'model/parse', message: /holds no graph/ })
  const withoutIr = toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph }))
  expectRefusal(() => open(withoutIr), { code: 'model/parse', message: /holds no IR version/ })
})

test('opset 0 is refused where it stands', () => {
  const graph = { name: 'g', input: [{ name: 'y' }], output }
  const message = /^OperatorSetIdProto at byte \d+ holds the opset version 0, expected 1 to/
  expectRefusal(() => open(file({ graph, opsetImport: [{ version: 0n }] })), { code: 'model/parse', message })
})

test('an operator, a data type and an opset that do not exist yet are read and kept', () => {
  const node = [{ opType: 'Teleport', input: ['w'], output: ['y'] }]
  const initializer = [{ name: 'w', dataType: 99, dims: [3n], rawData: new Uint8Array(5) }]
  const bytes = file({ opsetImport: [{ version: 999n }], graph: { name: 'g', output, node, initializer } })
  const model = open(bytes)
  expect(model.graph.initializers.get('w')?.dtype).toBe('dtype-99')
  expect(Buffer.compare(joinParts(encodeParts(model)), bytes)).toBe(0)
})

test('graphs nested beyond the limit are refused without exhausting the stack', () => {
  type GraphInit = MessageInitShape<typeof GraphProtoSchema>
  let graph: GraphInit = { name: 'innermost', output }
  for (let level = 0; level < 40; level++) {
    const attribute: MessageInitShape<typeof AttributeProtoSchema>[] = [{ name: 'body', type: 5, g: graph }]
    graph = { name: 'g', output, node: [{ opType: 'Loop', output: ['y'], attribute }] }
  }
  const refusal = { code: 'model/parse', message: /nested deeper than 100/ }
  expectRefusal(() => open(file({ graph })), refusal)
})

test('types nested beyond the limit are refused without exhausting the stack', () => {
  // Sequence (field 4) of element (field 1) of sequence…: written by hand, from the inside out.
  let nested = new Uint8Array()
  const wrap = (tag: number, content: Uint8Array): Uint8Array => {
    const length: number[] = []
    let left = content.byteLength
    for (; left > 0x7f; left = Math.floor(left / 128)) length.push((left % 128) | 0x80)
    return Uint8Array.of(tag, ...length, left, ...content)
  }
  for (let level = 0; level < 300; level++) nested = wrap(0x22, wrap(0x0a, nested)) as typeof nested
  const valueInfo = wrap(0x12, nested)
  const bytes = Uint8Array.of(0x08, 8, ...wrap(0x3a, wrap(0x5a, valueInfo)))
  expectRefusal(() => open(bytes), { code: 'model/parse', message: /nested deeper than 100/ })
})

test('unknown groups nested beyond the limit are refused without exhausting the stack', () => {
  expectRefusal(() => open(new Uint8Array(100_000).fill(0x9b)), { code: 'model/parse', message: /at byte 0/ })
  const groups = new Uint8Array(100_000).fill(0x7b)
  expectRefusal(() => open(Uint8Array.of(0x08, 8, ...groups)), { code: 'model/parse', message: /groups nested deeper/ })
})

test('the time grows with the size of the file, not with its square', () => {
  const then = { name: 'then', output: [{ name: 'r' }], node: [relu('x', 'r')] }
  const branches = ['then_branch', 'else_branch'].map((name) => ({ name, type: 5, g: then }))
  const node = Array.from({ length: 4000 }, (_, index) => {
    return { opType: 'If', input: ['c'], output: [`y${index}`], attribute: branches }
  })
  const metadataProps = Array.from({ length: 100_000 }, (_, index) => ({ key: `key ${index}`, value: '' }))
  const graph = { name: 'g', input: [{ name: 'x' }, { name: 'c' }], output: [{ name: 'y0' }], node }
  // Field 99 of the model, a varint, a hundred thousand times.
  const unknown = new Uint8Array(300_000).map((_, index) => [0x98, 0x06, 0x01][index % 3] ?? 0)
  const bytes = Uint8Array.from([...file({ graph, metadataProps }), ...unknown])
  expect(errorOf(() => encodeParts(open(bytes)), LARGE_TIME_LIMIT_MS)).toBeUndefined()
})

const external = (location: string, entries: readonly { key: string; value: string }[] = []) => {
  const externalData = [{ key: 'location', value: location }, ...entries]
  const weight = { name: 'w', dataType: 1, dims: [2n], dataLocation: 1, externalData }
  return file({ graph: { ...tensor([2n]).graph, initializer: [weight] } })
}

test('weights whose file was not given are refused with the name of the file', () => {
  expectRefusal(() => attachExternalData(open(external('a/w.bin')), new Map()), {
    code: 'model/missing-external-data',
    message: /^Tensor "w" is stored in "a\/w.bin"/,
    details: { tensor: 'w', location: 'a/w.bin' },
  })
})

test.each([
  '../w.bin',
  'a/../../w.bin',
  '/etc/passwd',
  'C:\\w.bin',
  'c:w.bin',
  'file:///w.bin',
  'a\\..\\w.bin',
  'w\0',
  '',
])('the location %j is refused', (location) => {
  expectRefusal(() => open(external(location)), {
    code: 'model/invalid',
    message: /^Tensor "w"/,
    details: { location },
  })
})

test('a part of the data file that is not there, or not a number, is refused', () => {
  const short = open(external('w.bin', [{ key: 'offset', value: '4' }]))
  const files = new Map([['w.bin', new Uint8Array(11)]])
  expectRefusal(() => attachExternalData(short, files), {
    code: 'model/invalid',
    message: /is 8 bytes from byte 4 of "w.bin", expected 8 bytes within its 11/,
    details: { tensor: 'w', location: 'w.bin', expected: 8 },
  })
  for (const value of ['-4', '1e3', '0x10', '99999999999999999999', '']) {
    const bytes = external('w.bin', [{ key: 'offset', value }])
    expectRefusal(() => open(bytes), { code: 'model/invalid', message: /has the offset ".*" in its data file/ })
  }
  const wrongLength = external('w.bin', [{ key: 'length', value: '4' }])
  expectRefusal(() => open(wrongLength), { code: 'model/invalid', message: /holds 4 bytes of data, expected 8/ })
})
