import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { buildGraph, buildModel, node, tensor } from '../../../tests/fixtures/build-model'
import { floats, runModel } from '../../../tests/fixtures/run-model'
import { createNodeEngine } from '../../../workers/host/ort-runtime-node'
import type { Attribute } from '../model/node'
import { makeTensor } from '../model/tensor'
import { decodeModel } from './decode'
import { encodeParts, encodeWithExternalData, partsSizeBytes } from './encode-parts'
import { attachExternalData, externalLocations } from './external-data'

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(import.meta.dirname, '../../../tests/fixtures/codec-models', name)))

const engine = await createNodeEngine({ threads: 1 })
const feeds = { x: floats([1, 16], new Float32Array(16).fill(0.5)) }

test('a file of the ONNX Python package gets its weights as views into the data file', async () => {
  const model = decodeModel(fixture('external.onnx'))
  expect(externalLocations(model)).toEqual(['external.data'])
  const data = fixture('external.data')
  const whole = attachExternalData(model, new Map([['external.data', data]]))
  for (const { data: held } of whole.graph.initializers.values()) {
    expect(held.kind === 'bytes' && held.bytes.buffer === data.buffer).toBe(true)
  }
  const externalData = [{ path: 'external.data', data }]
  const session = await engine.open(fixture('external.onnx'), { optimization: 'all', externalData })
  expect(await runModel(whole, feeds)).toEqual(await session.run(feeds))
  await session.close()
})

test('the initializers of the main graph move to a second file, where ONNX Runtime finds them, and come back', async () => {
  const value = makeTensor(
    '',
    'float32',
    [16, 32],
    Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)),
  )
  const constant: Attribute = { kind: 'tensor', value }
  const body = (factor: number): Attribute => ({
    kind: 'graph',
    value: buildGraph({
      name: `times ${factor}`,
      outputs: { [`r${factor}`]: ['float32'] },
      initializers: { [`k${factor}`]: tensor('float32', [1, 512], new Float32Array(512).fill(factor)) },
      nodes: [node('Mul', ['t', `k${factor}`], [`r${factor}`])],
    }),
  })
  const model = buildModel({
    inputs: { x: ['float32', [1, 16]] },
    outputs: { y: ['float32'] },
    initializers: {
      always: tensor('bool', [], [1]),
      wide: tensor(
        'float32',
        [32, 8192],
        Float32Array.from({ length: 32 * 8192 }, (_, i) => Math.cos(i)),
      ),
      picked: tensor(
        'int64',
        [512],
        Array.from({ length: 512 }, (_, i) => i),
      ),
    },
    nodes: [
      node('Constant', [], ['c'], { value: constant }),
      node('MatMul', ['x', 'c'], ['a']),
      node('MatMul', ['a', 'wide'], ['b']),
      node('Gather', ['b', 'picked'], ['t'], { axis: 1 }),
      node('If', ['always'], ['y'], { then_branch: body(2), else_branch: body(3) }),
    ],
  })
  const files = encodeWithExternalData(model, 'weights.bin')
  const split = decodeModel(joined(files.model))
  expect(externalLocations(split)).toEqual(['weights.bin'])
  expect(partsSizeBytes(files.data)).toBeGreaterThan(2 ** 20)
  expect(partsSizeBytes(files.model)).toBeLessThan(10_000)
  // The large tensor starts on a page, and nothing was copied.
  const wide = split.graph.initializers.get('wide')?.data
  expect(wide?.kind === 'external' && wide.offset % 4096).toBe(0)
  const held = model.graph.initializers.get('wide')?.data
  expect(held?.kind === 'bytes' && files.data.includes(held.bytes)).toBe(true)

  const expected = await runModel(model, feeds)
  const data = joined(files.data)
  expect(await runModel(attachExternalData(split, new Map([['weights.bin', data]])), feeds)).toEqual(expected)
  const externalData = [{ path: 'weights.bin', data }]
  const session = await engine.open(joined(files.model), { optimization: 'all', externalData })
  expect(await session.run(feeds)).toEqual(expected)
  await session.close()
})

test('a data file outside the folder of the model is not written either', () => {
  const model = buildModel({ nodes: [] })
  expect(() => encodeWithExternalData(model, '../weights.bin')).toThrow(
    expect.objectContaining({ code: 'options/invalid' }),
  )
})

test('an entry that we do not know, such as a checksum, survives while the tensor stays where it is', () => {
  const bytes = fixture('external.onnx')
  expect(Buffer.compare(joined(encodeParts(decodeModel(bytes))), bytes)).toBe(0)
})
