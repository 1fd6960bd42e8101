// Which operators keep float32. Two reasons: ONNX has no float16 form of them (or of one of their inputs or outputs) at that opset, read from
// the type constraints of onnx 1.23's schemas; or their results suffer, the block list of ONNX Runtime's float16 converter and a few more.

/** Inputs and outputs, by position, that ONNX gives as float32 but not as float16 for `from` ≤ opset ≤ `to`. */
export interface FloatOnly {
  readonly from: number
  readonly to: number
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

const LATEST = Number.MAX_SAFE_INTEGER

export const FLOAT_ONLY: Readonly<Record<string, readonly FloatOnly[]>> = {
  Celu: [{ from: 12, to: 27, inputs: [0], outputs: [0] }],
  IsInf: [{ from: 10, to: 19, inputs: [0], outputs: [] }],
  LayerNormalization: [{ from: 17, to: LATEST, inputs: [], outputs: [1, 2] }],
  Resize: [
    { from: 10, to: 10, inputs: [1], outputs: [] },
    { from: 11, to: LATEST, inputs: [2], outputs: [] },
  ],
  TfIdfVectorizer: [{ from: 9, to: LATEST, inputs: [], outputs: [0] }],
}

/** Operators of ai.onnx that stay whole in float32. */
export const BLOCKED: ReadonlySet<string> = new Set([
  // ONNX Runtime's list (onnxruntime.transformers.float16, 1.30), its ai.onnx part.
  'NonMaxSuppression',
  'TopK',
  'RoiAlign',
  'Range',
  'CumSum',
  'Min',
  'Max',
  'Upsample',
  // Scales of quantized tensors: many are so small that float16 holds only a few of their digits.
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'QLinearConv',
  'QLinearMatMul',
  // A function whose definition adds a float32 constant, whatever its input.
  'MeanVarianceNormalization',
  // Their type is an attribute; what they make is converted behind them.
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Bernoulli',
  'Multinomial',
  'EyeLike',
  'HannWindow',
  'HammingWindow',
  'BlackmanWindow',
  'MelWeightMatrix',
])
