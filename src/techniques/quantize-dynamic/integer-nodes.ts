// Writes the integer form of one node into a graph draft:
//   y = Cast(MatMulInteger(xq, wq, x_zero, w_zero)) · (x_scale · w_scale) [+ bias], with (xq, x_scale, x_zero) = DynamicQuantizeLinear(x)
// in the exact shape that ONNX Runtime fuses into one kernel. Quantized inputs and weights are shared between the nodes of a graph.

import type { GraphEdit } from '../../core/model/map-graphs'
import { attributes, floatAttribute, intAttribute, nodeLabel, type Attribute, type Node } from '../../core/model/node'
import { dtypeCode } from '../../core/model/dtype'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { quantizeWeight } from '../../core/numeric/quantize-weight'
import type { DynamicOptions, PlannedNode } from './plan'
import { transposeBytes } from './transpose-bytes'

/** Names of the three tensors that stand for one float tensor. */
interface Triple {
  readonly values: string
  readonly scale: string
  readonly zeroPoint: string
}

interface WeightLayout {
  readonly axis: number | undefined
  /** Kernels take one zero point per column of a matrix, but only one for the channels of anything else. */
  readonly hasChannelZeroPoints?: boolean
  /** Where the integers must have zero point 0; else the type of the options. */
  readonly dtype?: 'int8'
  /** Stored as uint8, int8 shifted by 128: the same numbers, and the only form with a fast kernel of ConvInteger in WASM. */
  readonly isUnsigned?: boolean
  /** The weight is [N, K] and must become [K, N]. */
  readonly isTransposed?: boolean
  /** Shape of the scales, where a vector would not broadcast along the right axis. */
  readonly scaleDims?: readonly number[]
  /** Multiplies the scales. */
  readonly factor?: number
}

interface Product {
  readonly opType: 'MatMulInteger' | 'ConvInteger'
  readonly attributes?: ReadonlyMap<string, Attribute>
  readonly input: string
  readonly weight: Triple
  readonly output: string
}

export class IntegerNodes {
  readonly #edit: GraphEdit
  readonly #options: DynamicOptions
  readonly #inputs = new Map<string, Triple>()
  readonly #weights = new Map<string, Triple | undefined>()

  constructor(edit: GraphEdit, options: DynamicOptions) {
    this.#edit = edit
    this.#options = options
  }

  /** Replaces the node; false, with nothing changed, when its weight holds values that are not finite. */
  replace({ kind, node, weight }: PlannedNode): boolean {
    switch (kind) {
      case 'MatMul':
        return this.#matMul(node, weight)
      case 'Gemm':
        return this.#gemm(node, weight)
      case 'Conv':
        return this.#conv(node, weight)
      case 'Gather':
        return this.#gather(node, weight)
      default:
        return kind satisfies never
    }
  }

  get #isPerChannel(): boolean {
    return this.#options.granularity === 'channel'
  }

  #matMul(node: Node, tensor: Tensor): boolean {
    const { length: rank } = tensor.dims
    const axis = this.#isPerChannel ? rank - 1 : undefined
    const weight = this.#weight(tensor, { axis, hasChannelZeroPoints: rank === 2 })
    if (!weight) return false
    this.#edit.draft.removeNode(node)
    this.#product(node, { opType: 'MatMulInteger', input: node.inputs[0] ?? '', weight, output: node.outputs[0] ?? '' })
    return true
  }

  #gemm(node: Node, tensor: Tensor): boolean {
    const isTransposed = intAttribute(node, 'transB', 0) !== 0
    const weight = this.#weight(tensor, {
      axis: this.#isPerChannel ? (isTransposed ? 0 : 1) : undefined,
      hasChannelZeroPoints: true,
      isTransposed,
      factor: floatAttribute(node, 'alpha', 1),
    })
    if (!weight) return false
    const bias = this.#scaledBias(node)
    this.#edit.draft.removeNode(node)
    this.#withBias(node, bias, (output) =>
      this.#product(node, { opType: 'MatMulInteger', input: node.inputs[0] ?? '', weight, output }),
    )
    return true
  }

  #conv(node: Node, tensor: Tensor): boolean {
    const [outputs = 0, , ...kernel] = tensor.dims
    const scaleDims = [outputs, ...kernel.map(() => 1)]
    const scales = this.#isPerChannel ? { axis: 0, scaleDims } : { axis: undefined }
    const weight = this.#weight(tensor, { ...scales, isUnsigned: true })
    if (!weight) return false
    const bias = this.#channelBias(node, scaleDims)
    this.#edit.draft.removeNode(node)
    this.#withBias(node, bias, (output) =>
      this.#product(node, {
        opType: 'ConvInteger',
        attributes: node.attributes,
        input: node.inputs[0] ?? '',
        weight,
        output,
      }),
    )
    return true
  }

  /** Looks rows up as integers and turns only those into float. One scale per row needs a table of rows: rank 2, axis 0. */
  #gather(node: Node, table: Tensor): boolean {
    const isByRow = this.#isPerChannel && table.dims.length === 2 && intAttribute(node, 'axis', 0) === 0
    const weight = isByRow
      ? this.#weight(table, { axis: 0, dtype: 'int8', scaleDims: [table.dims[0] ?? 0, 1] })
      : this.#weight(table, { axis: undefined })
    if (!weight) return false
    const { draft, freshName } = this.#edit
    const [, indices = ''] = node.inputs
    const [output = ''] = node.outputs
    draft.removeNode(node)
    const rows = freshName(`${output}_quantized`)
    draft.addNode({ ...node, name: `${node.name}_quant`, inputs: [weight.values, indices], outputs: [rows] })
    if (!isByRow) {
      const inputs = [rows, weight.scale, weight.zeroPoint]
      draft.addNode({ opType: 'DequantizeLinear', name: `${output}_DequantizeLinear`, inputs, outputs: [output] })
      return true
    }
    const scales = freshName(`${output}_scale`)
    draft.addNode({ ...node, name: `${node.name}_scale`, inputs: [weight.scale, indices], outputs: [scales] })
    this.#restore(node, rows, scales, output)
    return true
  }

  /** DynamicQuantizeLinear of an activation, made once for all its readers. */
  #input(name: string): Triple {
    const known = this.#inputs.get(name)
    if (known) return known
    const triple = this.#names(name)
    this.#edit.draft.addNode({
      opType: 'DynamicQuantizeLinear',
      name: `${name}_QuantizeLinear`,
      inputs: [name],
      outputs: [triple.values, triple.scale, triple.zeroPoint],
    })
    this.#inputs.set(name, triple)
    return triple
  }

  /** Quantizes a weight, once for all its readers of the same layout. */
  #weight(tensor: Tensor, layout: WeightLayout): Triple | undefined {
    const key = JSON.stringify([tensor.name, layout])
    if (this.#weights.has(key)) return this.#weights.get(key)
    const triple = this.#storeWeight(tensor, layout)
    this.#weights.set(key, triple)
    return triple
  }

  #storeWeight(tensor: Tensor, layout: WeightLayout): Triple | undefined {
    const { axis, dtype = this.#options.weightType, isTransposed = false, scaleDims, factor = 1 } = layout
    const hasOneZeroPoint = axis !== undefined && !layout.hasChannelZeroPoints
    const names = this.#names(tensor.name)
    const format = { dtype, axis, isSymmetric: dtype === 'int8' || hasOneZeroPoint }
    const parts = quantizeWeight(tensor, format, { ...names, quantized: names.values })
    if (!parts) return undefined
    const { draft } = this.#edit
    const shift = layout.isUnsigned && dtype === 'int8' ? asUint8 : (part: Tensor) => part
    draft.setInitializer(shift(isTransposed ? transposeBytes(parts.quantized) : parts.quantized))
    const scales = viewAs(tensorBytes(parts.scale), Float32Array).map((scale) => scale * factor)
    draft.setInitializer(makeTensor(names.scale, 'float32', scaleDims ?? parts.scale.dims, scales))
    // Equal in all channels where it is in the middle: then the scalar form, which every kernel takes.
    const zero = makeTensor(names.zeroPoint, dtype, [], tensorBytes(parts.zeroPoint).slice(0, 1))
    draft.setInitializer(shift(format.isSymmetric ? zero : parts.zeroPoint))
    return names
  }

  #names(base: string): Triple {
    const { freshName } = this.#edit
    return {
      values: freshName(`${base}_quantized`),
      scale: freshName(`${base}_scale`),
      zeroPoint: freshName(`${base}_zero_point`),
    }
  }

  #product(node: Node, { opType, attributes: own, input, weight, output }: Product): void {
    const { draft, freshName } = this.#edit
    const x = this.#input(input)
    const name = nodeLabel(node)
    const sums = freshName(`${output}_output_quantized`)
    draft.addNode({
      opType,
      name: `${name}_quant`,
      inputs: [x.values, weight.values, x.zeroPoint, weight.zeroPoint],
      outputs: [sums],
      ...(own && { attributes: own }),
    })
    const scales = freshName(`${name}_quant_scales_mul_0`)
    draft.addNode({
      opType: 'Mul',
      name: `${name}_quant_scales_mul`,
      inputs: [x.scale, weight.scale],
      outputs: [scales],
    })
    this.#restore(node, sums, scales, output)
  }

  /** output = float(integers) · scales */
  #restore(node: Node, integers: string, scales: string, output: string): void {
    const { draft, freshName } = this.#edit
    const cast = freshName(`${integers}_cast_output`)
    draft.addNode({
      opType: 'Cast',
      name: `${integers}_cast`,
      inputs: [integers],
      outputs: [cast],
      attributes: attributes({ to: dtypeCode('float32') }),
    })
    const name = `${nodeLabel(node)}_quant_output_scale_mul`
    draft.addNode({ opType: 'Mul', name, inputs: [cast, scales], outputs: [output] })
  }

  #withBias(node: Node, bias: string | undefined, emit: (output: string) => void): void {
    const { draft, freshName } = this.#edit
    const [output = ''] = node.outputs
    if (bias === undefined) return emit(output)
    const product = freshName(`${output}_MatMul`)
    emit(product)
    draft.addNode({ opType: 'Add', name: `${output}_bias_add`, inputs: [product, bias], outputs: [output] })
  }

  /** Name of beta·C of a Gemm; undefined when there is none. */
  #scaledBias(node: Node): string | undefined {
    const bias = node.inputs[2] ?? ''
    const beta = floatAttribute(node, 'beta', 1)
    if (bias === '' || beta === 0) return undefined
    if (beta === 1) return bias
    const { draft, freshName, constant } = this.#edit
    const scaled = freshName(`${bias}_scaled`)
    const tensor = constant(bias)
    if (tensor) {
      const values = viewAs(tensorBytes(tensor), Float32Array).map((value) => value * beta)
      draft.setInitializer(makeTensor(scaled, 'float32', tensor.dims, values))
      return scaled
    }
    const factor = freshName(`${scaled}_factor`)
    draft.setInitializer(makeTensor(factor, 'float32', [], Float32Array.of(beta)))
    draft.addNode({ opType: 'Mul', name: scaled, inputs: [bias, factor], outputs: [scaled] })
    return scaled
  }

  /** Name of a convolution's bias as [channels, 1, …]; undefined when there is none. */
  #channelBias(node: Node, dims: readonly number[]): string | undefined {
    const bias = node.inputs[2] ?? ''
    if (bias === '') return undefined
    const { draft, freshName, constant } = this.#edit
    const reshaped = freshName(`${bias}_reshape_output`)
    const tensor = constant(bias)
    if (tensor) {
      draft.setInitializer({ name: reshaped, dtype: tensor.dtype, dims, data: tensor.data })
      return reshaped
    }
    const shape = freshName(`${bias}_reshape_shape`)
    draft.setInitializer(makeTensor(shape, 'int64', [dims.length], BigInt64Array.from(dims, BigInt)))
    draft.addNode({ opType: 'Reshape', name: `${bias}_reshape`, inputs: [bias, shape], outputs: [reshaped] })
    return reshaped
  }
}

/** int8 → uint8 by adding 128, which flips the highest bit. */
const asUint8 = (part: Tensor): Tensor =>
  makeTensor(
    part.name,
    'uint8',
    part.dims,
    tensorBytes(part).map((byte) => byte ^ 0x80),
  )
