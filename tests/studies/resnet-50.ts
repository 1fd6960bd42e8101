// A model of the shape of ResNet-50 v1.5 at 224 × 224 (He et al. 2015; stride in the 3 × 3 convolution), its batch normalizations folded,
// with random weights: for timing only. And samples for it to measure ranges on.

import { writeFileSync } from 'node:fs'
import { zipSync } from 'fflate'

import type { Node } from '../../src/core/model/node'
import { makeTensor, type Tensor } from '../../src/core/model/tensor'
import { joinParts } from '../../src/core/numeric/join-parts'
import { seededRng, type Rng } from '../../src/core/numeric/rng'
import { encodeParts } from '../../src/core/onnx/encode-parts'
import { buildModel, node } from '../fixtures/build-model'
import { npy } from '../fixtures/npy-file'

const INPUT = [1, 3, 224, 224] as const
const CLASSES = 1000
/** Of each stage: blocks, width of the 3 × 3 convolution. The output is four times as wide. */
const STAGES = [
  { blocks: 3, width: 64 },
  { blocks: 4, width: 128 },
  { blocks: 6, width: 256 },
  { blocks: 3, width: 512 },
] as const
const EXPANSION = 4
/** Of the last convolution of a branch, so that activations keep their size through all blocks. */
const BRANCH_GAIN = 0.3

export function writeResNet50(path: string): void {
  const net = new Net(seededRng(50))
  const stem = net.convolve('x', { inputs: 3, outputs: 64, kernel: 7, stride: 2 })
  let value = net.add('MaxPool', [net.relu(stem)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  let channels = 64
  for (const [stage, { blocks, width }] of STAGES.entries()) {
    for (let block = 0; block < blocks; block++) {
      value = net.bottleneck(value, { channels, width, stride: stage > 0 && block === 0 ? 2 : 1 })
      channels = EXPANSION * width
    }
  }
  const flat = net.add('Flatten', [net.add('GlobalAveragePool', [value])])
  const weight = net.weight('fc_weight', [CLASSES, channels], channels, 1)
  net.nodes.push(node('Gemm', [flat, weight, net.bias('fc_bias', CLASSES)], ['logits'], { transB: 1 }))
  const model = buildModel({
    inputs: { x: ['float32', [...INPUT]] },
    outputs: { logits: ['float32', [1, CLASSES]] },
    initializers: net.initializers,
    nodes: net.nodes,
  })
  writeFileSync(path, joinParts(encodeParts(model)))
}

/** Standard normal values, as the synthetic inputs of a race are. */
export function writeResNet50Samples(path: string, count: number): void {
  const rng = seededRng(51)
  const values = Float32Array.from({ length: count * 3 * 224 * 224 }, () => rng.normal())
  writeFileSync(
    path,
    zipSync({ 'x.npy': npy('<f4', [count, 3, 224, 224], new Uint8Array(values.buffer)) }, { level: 0 }),
  )
}

interface Convolution {
  readonly inputs: number
  readonly outputs: number
  readonly kernel: number
  readonly stride?: number
  readonly gain?: number
}

class Net {
  readonly nodes: Node[] = []
  readonly initializers: Record<string, Tensor> = {}
  readonly #rng: Rng

  constructor(rng: Rng) {
    this.#rng = rng
  }

  add(opType: string, inputs: readonly string[], attributes: Parameters<typeof node>[3] = {}): string {
    const output = `v${this.nodes.length}`
    this.nodes.push(node(opType, inputs, [output], attributes))
    return output
  }

  convolve(x: string, { inputs, outputs, kernel, stride = 1, gain = 1 }: Convolution): string {
    const name = `conv${this.nodes.length}`
    const pad = (kernel - 1) / 2
    const weight = this.weight(`${name}_weight`, [outputs, inputs, kernel, kernel], inputs * kernel * kernel, gain)
    return this.add('Conv', [x, weight, this.bias(`${name}_bias`, outputs)], {
      ...{ kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
    })
  }

  bottleneck(
    x: string,
    { channels, width, stride }: { readonly channels: number; readonly width: number; readonly stride: number },
  ): string {
    const outputs = EXPANSION * width
    const isSame = stride === 1 && channels === outputs
    const shortcut = isSame ? x : this.convolve(x, { inputs: channels, outputs, kernel: 1, stride })
    const reduced = this.relu(this.convolve(x, { inputs: channels, outputs: width, kernel: 1 }))
    const middle = this.relu(this.convolve(reduced, { inputs: width, outputs: width, kernel: 3, stride }))
    const branch = this.convolve(middle, { inputs: width, outputs, kernel: 1, gain: BRANCH_GAIN })
    return this.relu(this.add('Add', [branch, shortcut]))
  }

  relu(x: string): string {
    return this.add('Relu', [x])
  }

  /** Normal, with the variance 2 ÷ `fanIn` of He et al. */
  weight(name: string, dims: readonly number[], fanIn: number, gain: number): string {
    const deviation = gain * Math.sqrt(2 / fanIn)
    return this.#keep(name, dims, deviation)
  }

  bias(name: string, length: number): string {
    return this.#keep(name, [length], 0.05)
  }

  #keep(name: string, dims: readonly number[], deviation: number): string {
    const count = dims.reduce((product, dim) => product * dim, 1)
    const values = Float32Array.from({ length: count }, () => deviation * this.#rng.normal())
    this.initializers[name] = makeTensor(name, 'float32', dims, values)
    return name
  }
}
