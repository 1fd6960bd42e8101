// The bounds of a Clip, and what stands in its place when each channel gets bounds of its own.

import { floatsOf, isFloating } from '../../core/model/float-values'
import type { GraphEdit } from '../../core/model/map-graphs'
import { floatAttribute, type Node } from '../../core/model/node'
import { makeTensor, type Tensor } from '../../core/model/tensor'

export interface ClipBounds {
  readonly min: number
  readonly max: number
  readonly dtype: 'float32' | 'float64'
}

/** Of Clip until then. */
const OPSET_OF_BOUND_INPUTS = 11
/** Of Min and Max. */
const OPSET_OF_BROADCAST = 8
/** What attributes stand for when they are missing. */
const LARGEST = 3.4028234663852886e38

/** Undefined where they are not constant floats, or where the opset has no Min and Max that broadcast. */
export function clipBounds(
  node: Node,
  opset: number,
  constant: (value: string) => Tensor | undefined,
): ClipBounds | undefined {
  if (opset < OPSET_OF_BROADCAST) return undefined
  if (opset < OPSET_OF_BOUND_INPUTS) {
    const [min, max] = [floatAttribute(node, 'min', -LARGEST), floatAttribute(node, 'max', LARGEST)]
    return { min: min === -LARGEST ? -Infinity : min, max: max === LARGEST ? Infinity : max, dtype: 'float32' }
  }
  const tensors = node.inputs
    .slice(1, 3)
    .filter((name) => name !== '')
    .map(constant)
  if (tensors.some((tensor) => !tensor || !isFloating(tensor))) return undefined
  const bound = (input: number, missing: number): number => {
    const tensor = constant(node.inputs[input] ?? '')
    return tensor ? (floatsOf(tensor)[0] ?? missing) : missing
  }
  const dtype = tensors[0]?.dtype === 'float64' ? 'float64' : 'float32'
  return { min: bound(1, -Infinity), max: bound(2, Infinity), dtype }
}

/** Relu or Max, then Min, with bounds divided by `divisor`, one number per channel on axis 1 of a value of rank 2 + `kernelAxes`. */
export function boundPerChannel(
  { draft, freshName }: Pick<GraphEdit, 'draft' | 'freshName'>,
  node: Node,
  { min, max, dtype }: ClipBounds,
  divisor: Float64Array,
  kernelAxes: number,
): void {
  const dims = [divisor.length, ...Array.from({ length: kernelAxes }, () => 1)]
  const [output = '', input = ''] = [node.outputs[0], node.inputs[0]]
  const place = (suffix: string, bound: number): string => {
    const values = divisor.map((value) => bound / value)
    const name = freshName(`${output}_${suffix}`)
    draft.setInitializer(makeTensor(name, dtype, dims, dtype === 'float64' ? values : Float32Array.from(values)))
    return name
  }
  draft.removeNode(node)
  const above = max === Infinity ? output : freshName(`${output}_above`)
  if (min === 0) draft.addNode({ opType: 'Relu', name: node.name, inputs: [input], outputs: [above] })
  else if (min > -Infinity)
    draft.addNode({ opType: 'Max', name: node.name, inputs: [input, place('min', min)], outputs: [above] })
  if (max === Infinity) return
  const bounded = min > -Infinity ? above : input
  draft.addNode({ opType: 'Min', inputs: [bounded, place('max', max)], outputs: [output] })
}
