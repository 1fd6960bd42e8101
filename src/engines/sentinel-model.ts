// The model of the sentinel (`src/measure/sentinel.ts`): one matrix product of fixed size, the same everywhere, so that its time tells of
// the device and of nothing else. About 1 to 3 ms on one WebAssembly thread: long enough for the clock, short enough to be no burden.

import { attributes } from '../core/model/node'
import type { ValueInfo } from '../core/model/shape'
import { makeTensor } from '../core/model/tensor'
import { joinParts } from '../core/numeric/join-parts'
import { encodeParts } from '../core/onnx/encode-parts'
import type { NamedValues } from '../core/pass/tensor-value'

const ROWS = 128
const SIZE = 192

const value = (name: string): ValueInfo => ({
  name,
  type: { kind: 'tensor', dtype: 'float32', shape: [ROWS, SIZE] },
})

/** The bytes of the model. */
export function sentinelModel(): Uint8Array {
  const weight = makeTensor('w', 'float32', [SIZE, SIZE], sixteenths(SIZE * SIZE))
  return joinParts(
    encodeParts({
      irVersion: 8,
      opsets: new Map([['', 13]]),
      producerName: 'lathe',
      producerVersion: '',
      metadata: new Map(),
      functions: [],
      graph: {
        name: 'sentinel',
        inputs: [value('x')],
        outputs: [value('y')],
        initializers: new Map([[weight.name, weight]]),
        valueInfos: new Map(),
        nodes: [
          {
            name: 'product',
            opType: 'MatMul',
            domain: '',
            attributes: attributes({}),
            inputs: ['x', 'w'],
            outputs: ['y'],
          },
        ],
      },
    }),
  )
}

export const sentinelFeeds = (): NamedValues => ({
  x: { dtype: 'float32', dims: [ROWS, SIZE], data: sixteenths(ROWS * SIZE) },
})

/** Ordinary numbers of both signs: zeros and subnormal ones would take another time on some hardware. */
const sixteenths = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, index) => (((index * 7) % 31) - 15.5) / 16)
