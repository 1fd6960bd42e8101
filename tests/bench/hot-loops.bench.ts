// The loops that touch every weight, each beside a plain copy of the same 4 MB: `npm run bench` prints how many copies one costs.
// Ratios of one run mean something on any machine; absolute rates do not.

import { bench, describe } from 'vitest'

import { decodeFloat16, encodeFloat16 } from '../../src/core/numeric/float16'
import { seededRng } from '../../src/core/numeric/rng'
import { quantizeChannels } from '../../src/core/numeric/quantize'
import { channelLayout } from '../../src/core/numeric/scale-layout'
import { bytesOf, makeTensor } from '../../src/core/model/tensor'
import { decodeModel } from '../../src/core/onnx/decode'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { joinParts } from '../../src/core/numeric/join-parts'
import { buildModel, node } from '../fixtures/build-model'

const DIMS = [1024, 1024] as const
const rng = seededRng(1)
const weights = Float32Array.from({ length: DIMS[0] * DIMS[1] }, () => rng.normal())
const bytes = bytesOf(weights)
const halves = encodeFloat16(weights)
const file = joinParts(
  encodeParts(
    buildModel({
      inputs: { x: ['float32', [1, DIMS[0]]] },
      outputs: { y: ['float32', [1, DIMS[1]]] },
      initializers: { w: makeTensor('w', 'float32', DIMS, weights) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    }),
  ),
)

describe('over 4 MB of weights', () => {
  bench('copy', () => void weights.slice())
  bench('float32 to float16', () => void encodeFloat16(weights))
  bench('float16 to float32', () => void decodeFloat16(halves))
  bench(
    'quantize per tensor',
    () => void quantizeChannels(bytes, channelLayout(DIMS, undefined), 'int8', { symmetric: true }),
  )
  bench(
    'quantize per channel, axis 0',
    () => void quantizeChannels(bytes, channelLayout(DIMS, 0), 'int8', { symmetric: true }),
  )
  bench(
    'quantize per channel, last axis',
    () => void quantizeChannels(bytes, channelLayout(DIMS, 1), 'int8', { symmetric: true }),
  )
  bench('decode and encode a model', () => void encodeParts(decodeModel(file)))
})
