// The integer form of single values of a graph: activations (DynamicQuantizeLinear, or QuantizeLinear with fixed parameters), weights
// (quantized here) and what exists in integers only. Each is made once for all its readers. Which nodes read them is the business
// of integer-nodes.ts.

import { valuesRead } from '../../core/model/graph-index'
import type { GraphEdit } from '../../core/model/map-graphs'
import { makeTensor, tensorBytes, viewAs, type Tensor } from '../../core/model/tensor'
import type { QuantParams } from '../../core/numeric/quant-params'
import { quantizeWeight } from '../../core/numeric/quantize-weight'
import type { Constants, DynamicOptions } from './plan'
import { transposeBytes } from './transpose-bytes'

/** Names of the three tensors that stand for one float tensor. */
export interface Triple {
  readonly values: string
  readonly scale: string
  readonly zeroPoint: string
}

export interface WeightLayout {
  /** One scale per index along this axis of the weight as it is quantized; undefined: one for all. */
  readonly axis: number | undefined
  /** Shape in which it is quantized, where that is not its own. */
  readonly viewDims?: readonly number[]
  /** Where the integers must have this type; else the type of the options. */
  readonly dtype?: 'int8' | 'uint8'
  /** Asymmetric and with the full range, as activations are. */
  readonly isActivation?: boolean
  /** Stored as uint8, int8 shifted by 128: the same numbers, and the only form with a fast kernel of ConvInteger in WASM. */
  readonly isUnsigned?: boolean
  /** The last two dimensions change places. */
  readonly isTransposed?: boolean
  /** Shape of the scales, where a vector would not broadcast along the right axis. */
  readonly scaleDims?: readonly number[]
  /** Shape of one zero point per scale. Absent: one zero point for all, which is what kernels of anything but matrices take. */
  readonly zeroPointDims?: readonly number[]
  /** Multiplies the scales. */
  readonly factor?: number
}

/** Parameters of uint8 activations that are known ahead of time, by value. */
export type FixedParams = ReadonlyMap<string, QuantParams>

export class IntegerValues {
  readonly #edit: GraphEdit
  readonly #constant: Constants
  readonly #options: DynamicOptions
  readonly #fixed: FixedParams
  readonly #activations = new Map<string, Triple>()
  readonly #weights = new Map<string, Triple | undefined>()
  /** Float values that no node makes any more. */
  readonly #integersOnly = new Map<string, Triple>()

  constructor(edit: GraphEdit, constant: Constants, options: DynamicOptions, fixed: FixedParams) {
    this.#edit = edit
    this.#constant = constant
    this.#options = options
    this.#fixed = fixed
  }

  /** What a quantization node makes, by the value that it reads. */
  get activations(): ReadonlyMap<string, Triple> {
    return this.#activations
  }

  /** The integers of a value that has them already. */
  known(value: string): Triple | undefined {
    return this.#integersOnly.get(value) ?? this.#activations.get(value)
  }

  /** From now on `value` exists as these integers, until `restoreFloats`. */
  setIntegers(value: string, triple: Triple): void {
    this.#integersOnly.set(value, triple)
  }

  /** An input of a product: integers that are there, a constant, or what a quantization node makes. */
  activation(name: string): Triple {
    const known = this.known(name)
    if (known) return known
    const constant = this.#constant(name)
    if (constant?.dtype === 'float32') {
      const triple = this.weight(constant, { axis: undefined, dtype: 'uint8', isActivation: true })
      if (triple) return triple
    }
    const triple = this.names(name)
    const params = this.#fixed.get(name)
    if (params) this.#quantize(name, triple, params)
    else {
      this.#edit.draft.addNode({
        opType: 'DynamicQuantizeLinear',
        name: `${name}_QuantizeLinear`,
        inputs: [name],
        outputs: [triple.values, triple.scale, triple.zeroPoint],
      })
    }
    this.#activations.set(name, triple)
    return triple
  }

  /** Quantizes a weight, once for all its readers of the same layout; undefined when it holds values that are not finite. */
  weight(tensor: Tensor, layout: WeightLayout): Triple | undefined {
    const key = JSON.stringify([tensor.name, layout])
    if (this.#weights.has(key)) return this.#weights.get(key)
    const triple = this.#storeWeight(tensor, layout)
    this.#weights.set(key, triple)
    return triple
  }

  names(base: string): Triple {
    const { freshName } = this.#edit
    return {
      values: freshName(`${base}_quantized`),
      scale: freshName(`${base}_scale`),
      zeroPoint: freshName(`${base}_zero_point`),
    }
  }

  /** DequantizeLinear for each value that exists in integers only and that something still reads as float. */
  restoreFloats(): void {
    const { draft, original } = this.#edit
    const read = new Set(original.outputs.map(({ name }) => name))
    for (const node of draft.nodes) for (const value of valuesRead(node)) read.add(value)
    for (const [value, { values, scale, zeroPoint }] of this.#integersOnly) {
      if (!read.has(value)) continue
      const inputs = [values, scale, zeroPoint]
      draft.addNode({ opType: 'DequantizeLinear', name: `${value}_DequantizeLinear`, inputs, outputs: [value] })
    }
  }

  #quantize(name: string, { values, scale, zeroPoint }: Triple, params: QuantParams): void {
    const { draft } = this.#edit
    draft.setInitializer(makeTensor(scale, 'float32', [], Float32Array.of(params.scale)))
    draft.setInitializer(makeTensor(zeroPoint, 'uint8', [], Uint8Array.of(params.zeroPoint)))
    const inputs = [name, scale, zeroPoint]
    draft.addNode({ opType: 'QuantizeLinear', name: `${name}_QuantizeLinear`, inputs, outputs: [values] })
  }

  #storeWeight(tensor: Tensor, layout: WeightLayout): Triple | undefined {
    const { axis, dtype = this.#options.weightType, zeroPointDims, factor = 1 } = layout
    const hasOneOfMany = axis !== undefined && zeroPointDims === undefined
    const names = this.names(tensor.name)
    const format = {
      dtype,
      axis,
      isSymmetric: dtype === 'int8' || hasOneOfMany,
      reduceRange: this.#options.reduceRange && !layout.isActivation,
    }
    const view = { ...tensor, dims: layout.viewDims ?? tensor.dims }
    const parts = quantizeWeight(view, format, { ...names, quantized: names.values })
    if (!parts) return undefined
    const { draft } = this.#edit
    const quantized = { ...parts.quantized, dims: tensor.dims }
    const shift = layout.isUnsigned && dtype === 'int8' ? asUint8 : (part: Tensor) => part
    draft.setInitializer(shift(layout.isTransposed ? transposeBytes(quantized) : quantized))
    const scales = viewAs(tensorBytes(parts.scale), Float32Array).map((scale) => scale * factor)
    draft.setInitializer(makeTensor(names.scale, 'float32', layout.scaleDims ?? parts.scale.dims, scales))
    // All are equal where there is one of many: then the scalar form, which every kernel takes.
    const one = makeTensor(names.zeroPoint, dtype, [], tensorBytes(parts.zeroPoint).slice(0, 1))
    draft.setInitializer(shift(zeroPointDims ? { ...parts.zeroPoint, dims: zeroPointDims } : one))
    return names
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
