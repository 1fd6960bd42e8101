import { expect, test } from 'vitest'

import { LabError } from '../../src/core/errors/lab-error'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { NamedValues } from '../../src/core/pass/tensor-value'
import { joinParts } from '../../src/core/numeric/join-parts'
import { buildModel, node, type ModelParts } from '../../tests/fixtures/build-model'
import { inferencePort } from './ort-door'
import { createNodeEngine } from './ort-runtime-node'

const engine = await createNodeEngine({ threads: 1 })
const bytes = (parts: ModelParts): Uint8Array => joinParts(encodeParts(buildModel(parts)))
const open = (parts: ModelParts, options = {}) => engine.open(bytes(parts), { optimization: 'disabled', ...options })
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

test('the engine says what it is and passes its self-tests', () => {
  expect(engine.facts).toMatchObject({ id: 'ort-wasm', build: 'wasm', threads: 1, runtime: 'onnxruntime-web 1.30.0' })
  expect(engine.startMs).toBeGreaterThan(0)
  expect(engine.facts.selfTests).toHaveLength(4)
  for (const { ok, detail } of engine.facts.selfTests) expect(ok, detail).toBe(true)
})

const identities: NamedValues = {
  float32: { dtype: 'float32', dims: [2], data: new Float32Array([1.5, -0]) },
  float64: { dtype: 'float64', dims: [2], data: new Float64Array([Math.PI, -1e300]) },
  float16: { dtype: 'float16', dims: [3], data: new Uint16Array([0x3c00, 0x8000, 0x7bff]) },
  int8: { dtype: 'int8', dims: [2], data: new Int8Array([-128, 127]) },
  uint8: { dtype: 'uint8', dims: [2], data: new Uint8Array([0, 255]) },
  int16: { dtype: 'int16', dims: [2], data: new Int16Array([-32768, 32767]) },
  uint16: { dtype: 'uint16', dims: [2], data: new Uint16Array([0, 65535]) },
  int32: { dtype: 'int32', dims: [2], data: new Int32Array([-2147483648, 2147483647]) },
  uint32: { dtype: 'uint32', dims: [2], data: new Uint32Array([0, 4294967295]) },
  int64: { dtype: 'int64', dims: [2], data: new BigInt64Array([-9223372036854775808n, 9007199254740993n]) },
  uint64: { dtype: 'uint64', dims: [1], data: new BigUint64Array([18446744073709551615n]) },
  bool: { dtype: 'bool', dims: [2], data: new Uint8Array([0, 1]) },
  string: { dtype: 'string', dims: [2], data: ['', 'größer 数'] },
  scalar: { dtype: 'float32', dims: [], data: new Float32Array([7]) },
  empty: { dtype: 'float32', dims: [0, 3], data: new Float32Array() },
}
test.each(Object.entries(identities))('%s values come back as they went in', async (_, x) => {
  const type = [x.dtype, x.dims] as const
  const session = await open({ inputs: { x: type }, outputs: { y: type }, nodes: [node('Identity', ['x'], ['y'])] })
  expect(session.inputs).toEqual([{ name: 'x', dtype: x.dtype, shape: x.dims }])
  expect((await session.run({ x })).y).toEqual(x)
  await session.close()
})

const add: ModelParts = {
  inputs: { a: ['float32', ['batch', null]], b: ['float32', ['batch', null]] },
  outputs: { sum: ['float32', ['batch', null]], difference: ['float32', ['batch', null]] },
  nodes: [node('Add', ['a', 'b'], ['sum']), node('Sub', ['a', 'b'], ['difference'])],
}
const row = (...data: number[]) => ({ dtype: 'float32' as const, dims: [1, data.length], data: new Float32Array(data) })

test('symbolic dimensions are named, unknown ones are null, and overrides make them fixed', async () => {
  const free = await open(add)
  expect(free.inputs[0]?.shape).toEqual(['batch', null])
  const fixed = await open(add, { freeDimensions: { batch: 1 } })
  expect(fixed.inputs[0]?.shape).toEqual([1, null])
})

test('only the wanted outputs are returned', async () => {
  const session = await open(add)
  const outputs = await session.run({ a: row(5), b: row(3) }, ['difference'])
  expect(outputs).toEqual({ difference: row(2) })
  await expect(session.run({ a: row(5), b: row(3) }, ['product'])).rejects.toEqual(
    refusal('data/invalid', /no output "product".*"sum", "difference"/),
  )
})

test('feeds are checked before the runtime sees them', async () => {
  const session = await open(add)
  await expect(session.run({ a: row(5) })).rejects.toEqual(refusal('data/invalid', /"b" was not given/))
  const short = { ...row(1), dims: [1, 2] }
  await expect(session.run({ a: short, b: row(1) })).rejects.toEqual(
    refusal('data/invalid', /"a" holds 1 values, expected 2/),
  )
  const wrong = { ...row(1), data: new Float64Array(1) }
  await expect(session.run({ a: wrong, b: row(1) })).rejects.toEqual(
    refusal('data/invalid', /Float64Array, expected Float32Array/),
  )
  const odd = { dtype: 'int4' as const, dims: [2], data: new Uint8Array(2) }
  await expect(session.run({ a: odd, b: row(1) })).rejects.toEqual(refusal('model/unsupported', /"a" has type int4/))
})

test('what the runtime refuses keeps the runtime’s words', async () => {
  const session = await open(add)
  await expect(session.run({ a: row(1, 2), b: row(1, 2, 3) })).rejects.toEqual(
    refusal('engine/failed', /running the model: .*(broadcast|dimension)/is),
  )
  await expect(engine.open(new Uint8Array([1, 2, 3]), { optimization: 'all' })).rejects.toEqual(
    refusal('engine/failed', /opening the model: .*protobuf/is),
  )
})

test('an operator without a kernel is unsupported', async () => {
  const parts = { inputs: { x: ['float32', [1]] }, outputs: { y: ['float32', [1]] } } as const
  const strange = node('NoSuchOp', ['x'], ['y'], {}, 'com.example')
  await expect(open({ ...parts, domains: { 'com.example': 1 }, nodes: [strange] })).rejects.toEqual(
    refusal('model/unsupported', /NoSuchOp/),
  )
})

test.each([
  ['more than the address space', 1n << 30n],
  ['more than is left of it', (1n << 30n) - 1n],
])('running out of WebAssembly memory (%s) is named and leaves the engine usable', async (_, count) => {
  const nodes = [node('ConstantOfShape', ['x'], ['big']), node('ReduceSum', ['big'], ['y'], { keepdims: 0 })]
  const session = await open({ inputs: { x: ['int64', [1]] }, outputs: { y: ['float32', []] }, nodes })
  const x = { dtype: 'int64' as const, dims: [1], data: new BigInt64Array([count]) }
  await expect(session.run({ x })).rejects.toEqual(refusal('device/out-of-memory', /running the model: /))
  const small = await open(add)
  expect((await small.run({ a: row(1), b: row(2) })).sum).toEqual(row(3))
})

test('a closed session says so, and closing twice is fine', async () => {
  const session = await open(add)
  await session.close()
  await session.close()
  await expect(session.run({ a: row(1), b: row(1) })).rejects.toEqual(refusal('internal', /after it was closed/))
})

test('a bound run gives the answers of a plain one, again and again, and refuses bad feeds beforehand', async () => {
  const session = await open(add)
  const feeds = { a: row(5), b: row(3) }
  const bound = await session.bind(feeds)
  for (let round = 0; round < 3; round++) await bound.run()
  expect(await bound.answer()).toEqual(await session.run(feeds))
  bound.dispose()
  await expect(session.bind({ a: row(5) })).rejects.toEqual(refusal('data/invalid', /"b" was not given/))
  await session.close()
  await expect(bound.run()).rejects.toEqual(refusal('internal', /after it was closed/))
})

test('values cannot stay on a GPU that is not there', async () => {
  await expect(open(add, { residency: 'gpu' })).rejects.toEqual(refusal('engine/unavailable', /ort-wasm has no GPU/))
})

test('only a lost device is recovered from, and other errors close nothing', async () => {
  const session = await open(add)
  expect(await engine.recover(new LabError('engine/failed', 'Something else.'))).toBe(false)
  expect(await engine.recover(new Error('device lost'))).toBe(false)
  expect((await session.run({ a: row(1), b: row(2) })).sum).toEqual(row(3))
  expect(await engine.recover(new LabError('device/lost', 'Gone.'))).toBe(true)
  await expect(session.run({ a: row(1), b: row(2) })).rejects.toEqual(refusal('internal', /after it was closed/))
  expect((await (await open(add)).run({ a: row(1), b: row(2) })).sum).toEqual(row(3))
})

test('passes infer on one thread without optimization, from parts', async () => {
  const parts = encodeParts(buildModel(add))
  const session = await inferencePort(engine).open(parts)
  expect((await session.run({ a: row(1), b: row(2) })).sum).toEqual(row(3))
  const threaded = { ...engine, facts: { ...engine.facts, threads: 2 } }
  expect(() => inferencePort(threaded)).toThrow(/one thread/)
  await expect(createNodeEngine({ threads: 2 })).rejects.toEqual(refusal('engine/unavailable', /already runs with 1/))
})
