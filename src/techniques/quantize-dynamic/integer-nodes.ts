// Writes the integer form of one node into a graph draft:
//   y = Cast(MatMulInteger(xq, wq, x_zero, w_zero)) · (x_scale · w_scale) [+ bias], with (xq, x_scale, x_zero) = DynamicQuantizeLinear(x)
// in the exact shape that ONNX Runtime fuses into one kernel, with the names of onnxruntime.quantization. With fixed parameters of x,
// xq = QuantizeLinear(x) and the product of the scales is a constant.

import type { GraphEdit } from '../../core/model/map-graphs'
import { attributes, floatAttribute, intAttribute, nodeLabel, type Attribute, type Node } from '../../core/model/node'
import { dtypeCode } from '../../core/model/dtype'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import { IntegerValues, type FixedParams, type Triple, type WeightLayout } from './integer-values'
import type { Constants, DynamicOptions, PlannedNode } from './plan'
import { quantizeBeforePools } from './quantize-before-pools'

/** MaxPool of 8-bit integers. */
const OPSET_OF_INTEGER_POOLS = 12

interface Product {
  readonly opType: 'MatMulInteger' | 'ConvInteger'
  readonly attributes?: ReadonlyMap<string, Attribute>
  /** Of the node in the file; empty where that has none. */
  readonly name: string
  readonly input: string
  readonly weight: Triple
  readonly output: string
}

export class IntegerNodes {
  readonly #edit: GraphEdit
  readonly #constant: Constants
  readonly #options: DynamicOptions
  readonly #fixed: FixedParams
  readonly #values: IntegerValues

  /** Activations that `fixed` does not name are measured while the model runs. */
  constructor(edit: GraphEdit, constant: Constants, options: DynamicOptions, fixed: FixedParams) {
    this.#edit = edit
    this.#constant = constant
    this.#options = options
    this.#fixed = fixed
    this.#values = new IntegerValues(edit, constant, options, fixed)
  }

  /** Replaces the node; false, with nothing changed, when its weight holds values that are not finite. */
  replace(planned: PlannedNode): boolean {
    const { kind, node } = planned
    switch (kind) {
      case 'MatMul':
        return this.#matMul(node, planned.weight)
      case 'Product':
        return this.#activationProduct(node)
      case 'Gemm':
        return this.#gemm(node, planned.weight)
      case 'Conv':
        return this.#conv(node, planned.weight)
      case 'Gather':
        return planned.isByRow ? this.#gatherRows(node, planned.weight) : this.#gather(node, planned.weight)
      case 'LSTM':
        return this.#lstm(node, planned.weight, planned.recurrence)
      case 'Transpose':
        return this.#transpose(node)
      default:
        return kind satisfies never
    }
  }

  /** After the last node: floats that are still read come back. `opset`: of ai.onnx. */
  finish(opset: number): void {
    this.#values.restoreFloats()
    const { draft } = this.#edit
    if (this.#fixed.size > 0 && opset >= OPSET_OF_INTEGER_POOLS) quantizeBeforePools(draft, this.#values.activations)
  }

  get #isPerChannel(): boolean {
    return this.#options.granularity === 'channel'
  }

  get #isReference(): boolean {
    return this.#options.layout === 'reference'
  }

  #matMul(node: Node, tensor: Tensor): boolean {
    const { length: rank } = tensor.dims
    const weight = this.#values.weight(tensor, this.#columns(rank - 1, rank === 2 ? tensor.dims[1] : undefined))
    if (!weight) return false
    const [input = ''] = node.inputs
    const [output = ''] = node.outputs
    this.#edit.draft.removeNode(node)
    this.#product({ opType: 'MatMulInteger', name: node.name, input, weight, output })
    return true
  }

  /** Scales along `axis`; `columns` is how many there are where the kernel takes a zero point for each. */
  #columns(axis: number, columns: number | undefined): WeightLayout {
    if (!this.#isPerChannel) return { axis: undefined }
    const isOneEnough = this.#options.weightType === 'int8' && !this.#isReference
    return { axis, ...(columns !== undefined && !isOneEnough && { zeroPointDims: [columns] }) }
  }

  #activationProduct(node: Node): boolean {
    const [input = '', right = ''] = node.inputs
    const [output = ''] = node.outputs
    this.#edit.draft.removeNode(node)
    const weight = this.#values.activation(right)
    this.#product({ opType: 'MatMulInteger', name: node.name, input, weight, output })
    return true
  }

  #gemm(node: Node, tensor: Tensor): boolean {
    const isTransposed = intAttribute(node, 'transB', 0) !== 0
    const axis = isTransposed ? 0 : 1
    const weight = this.#values.weight(tensor, {
      ...this.#columns(axis, tensor.dims[axis]),
      isTransposed,
      factor: floatAttribute(node, 'alpha', 1),
    })
    if (!weight) return false
    const bias = this.#scaledBias(node)
    const [input = ''] = node.inputs
    const [output = ''] = node.outputs
    this.#edit.draft.removeNode(node)
    const name = node.name === '' ? '' : `${node.name}_MatMul`
    const product = bias === undefined ? output : this.#edit.freshName(`${output}_MatMul`)
    this.#product({ opType: 'MatMulInteger', name, input, weight, output: product })
    if (bias !== undefined) this.#add(node.name === '' ? `${output}_Add` : `${node.name}_Add`, product, bias, output)
    return true
  }

  #conv(node: Node, tensor: Tensor): boolean {
    const [outputs = 0, , ...kernel] = tensor.dims
    const scaleDims = [outputs, ...kernel.map(() => 1)]
    const scales = this.#isPerChannel && !this.#isReference ? { axis: 0, scaleDims } : { axis: undefined }
    const weight = this.#values.weight(tensor, { ...scales, isUnsigned: !this.#isReference })
    if (!weight) return false
    const [output = ''] = node.outputs
    const bias = this.#channelBias(node, scaleDims)
    const [input = ''] = node.inputs
    this.#edit.draft.removeNode(node)
    const product = bias === undefined ? output : this.#edit.freshName(`${output}quant_scaled_output`)
    const { name, attributes: own } = node
    this.#product({ opType: 'ConvInteger', attributes: own, name, input, weight, output: product })
    if (bias !== undefined) this.#add(`${output}_bias_add`, product, bias, output)
    return true
  }

  /** Looks up integers with one scale for the whole table: the answer stays in integers as long as its readers can take it. */
  #gather(node: Node, table: Tensor): boolean {
    const weight = this.#values.weight(table, { axis: undefined, dtype: 'uint8', isActivation: true })
    if (!weight) return false
    const [, indices = ''] = node.inputs
    this.#move(node, { ...weight, inputs: [weight.values, indices] })
    return true
  }

  #transpose(node: Node): boolean {
    const known = this.#values.known(node.inputs[0] ?? '')
    if (!known) return false
    this.#move(node, { ...known, inputs: [known.values] })
    return true
  }

  /** The same operator on integers: its output has the scale and zero point of its input. */
  #move(
    node: Node,
    { inputs, scale, zeroPoint }: Omit<Triple, 'values'> & { readonly inputs: readonly string[] },
  ): void {
    const { draft, freshName } = this.#edit
    const [output = ''] = node.outputs
    const values = freshName(`${output}_quantized`)
    draft.replaceNode(node, { ...node, inputs, outputs: [values] })
    this.#values.setIntegers(output, { values, scale, zeroPoint })
  }

  /** Looks rows of int8 up together with their scales, and turns only those rows into float. */
  #gatherRows(node: Node, table: Tensor): boolean {
    const weight = this.#values.weight(table, { axis: 0, dtype: 'int8', scaleDims: [table.dims[0] ?? 0, 1] })
    if (!weight) return false
    const { draft, freshName } = this.#edit
    const [, indices = ''] = node.inputs
    const [output = ''] = node.outputs
    draft.removeNode(node)
    const rows = freshName(`${output}_quantized`)
    draft.addNode({ ...node, name: `${node.name}_quant`, inputs: [weight.values, indices], outputs: [rows] })
    const scales = freshName(`${output}_scale`)
    draft.addNode({ ...node, name: `${node.name}_scale`, inputs: [weight.scale, indices], outputs: [scales] })
    this.#restore(`${nodeLabel(node)}_quant_output_scale_mul`, rows, scales, output)
    return true
  }

  /** com.microsoft DynamicQuantizeLSTM: X, W, R, B, lengths, h0, c0, P, then scale and zero point of W and of R; W and R as [directions, in, 4·hidden]. */
  #lstm(node: Node, inputWeight: Tensor, recurrence: Tensor): boolean {
    const weights = [inputWeight, recurrence].map((tensor) => this.#values.weight(tensor, this.#gates(tensor)))
    const [w, r] = weights
    if (!w || !r) return false
    const [input = '', , , ...rest] = node.inputs
    const optional = Array.from({ length: 5 }, (_, i) => rest[i] ?? '')
    const inputs = [input, w.values, r.values, ...optional, w.scale, w.zeroPoint, r.scale, r.zeroPoint]
    const { draft } = this.#edit
    draft.removeNode(node)
    draft.addNode({
      opType: 'DynamicQuantizeLSTM',
      domain: MICROSOFT,
      name: `${nodeLabel(node)}_quant`,
      inputs,
      outputs: node.outputs,
      attributes: new Map([...node.attributes].filter(([name]) => name !== 'layout')),
    })
    return true
  }

  /** int8 with a scale per gate row of each direction, or per direction. */
  #gates({ dims }: Tensor): WeightLayout {
    const [directions = 0, rows = 0, columns = 0] = dims
    const scaleDims = this.#isPerChannel ? [directions, rows] : [directions]
    const viewDims = this.#isPerChannel ? [directions * rows, columns] : [directions, rows * columns]
    return { axis: 0, viewDims, dtype: 'int8', isTransposed: true, scaleDims, zeroPointDims: scaleDims }
  }

  #product({ opType, attributes: own, name, input, weight, output }: Product): void {
    const { draft, freshName } = this.#edit
    const x = this.#values.activation(input)
    const sums = freshName(`${output}_output_quantized`)
    const base = name === '' ? `${x.scale}_${weight.scale}_mul` : `${name}_quant_scales_mul`
    draft.addNode({
      opType,
      name: `${name || output}_quant`,
      inputs: [x.values, weight.values, x.zeroPoint, weight.zeroPoint],
      outputs: [sums],
      ...(own && { attributes: own }),
    })
    const scales = freshName(`${base}:0`)
    const constant = this.#scaleProduct(scales, x, weight)
    if (constant) draft.setInitializer(constant)
    else draft.addNode({ opType: 'Mul', name: base, inputs: [x.scale, weight.scale], outputs: [scales] })
    this.#restore(`${name || output}_quant_output_scale_mul`, sums, scales, output)
  }

  /** The one scale of `x` times those of `weight`, where both are constants; undefined where all ranges are dynamic. */
  #scaleProduct(name: string, x: Triple, weight: Triple): Tensor | undefined {
    if (this.#fixed.size === 0) return undefined
    const { initializers } = this.#edit.draft
    const [one, many] = [initializers.get(x.scale), initializers.get(weight.scale)]
    if (!one || !many) return undefined
    const [scale = NaN] = viewAs(tensorBytes(one), Float32Array)
    const products = viewAs(tensorBytes(many), Float32Array).map((other) => scale * other)
    return makeTensor(name, 'float32', many.dims, products)
  }

  /** output = float(integers) · scales */
  #restore(name: string, integers: string, scales: string, output: string): void {
    const { draft, freshName } = this.#edit
    const cast = freshName(`${integers}_cast_output`)
    draft.addNode({
      opType: 'Cast',
      name: `${integers}_cast`,
      inputs: [integers],
      outputs: [cast],
      attributes: attributes({ to: dtypeCode('float32') }),
    })
    draft.addNode({ opType: 'Mul', name, inputs: [cast, scales], outputs: [output] })
  }

  #add(name: string, product: string, bias: string, output: string): void {
    this.#edit.draft.addNode({ opType: 'Add', name, inputs: [product, bias], outputs: [output] })
  }

  /** Name of beta·C of a Gemm; undefined when there is none. */
  #scaledBias(node: Node): string | undefined {
    const bias = node.inputs[2] ?? ''
    const beta = floatAttribute(node, 'beta', 1)
    if (bias === '' || beta === 0) return undefined
    if (beta === 1) return bias
    const { draft, freshName } = this.#edit
    const scaled = freshName(`${bias}_scaled`)
    const tensor = this.#constant(bias)
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
    const { draft, freshName } = this.#edit
    const [output = ''] = node.outputs
    const reshaped = freshName(`${output}_bias_reshape_output`)
    const tensor = this.#constant(bias)
    if (tensor) {
      draft.setInitializer({ name: reshaped, dtype: tensor.dtype, dims, data: tensor.data })
      return reshaped
    }
    const shape = freshName(`${output}_bias_reshape_shape`)
    draft.setInitializer(makeTensor(shape, 'int64', [dims.length], BigInt64Array.from(dims, BigInt)))
    draft.addNode({ opType: 'Reshape', name: `${output}_bias_reshape`, inputs: [bias, shape], outputs: [reshaped] })
    return reshaped
  }
}

/** Domain of ONNX Runtime's own operators, at version 1. */
export const MICROSOFT = 'com.microsoft'
