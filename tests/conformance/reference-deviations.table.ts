// Where Lathe gives something else than onnxruntime.quantization 1.30 on purpose, and why. A deviation that no line explains fails the
// comparison, and so does a line that explains none. The first line that fits counts.

import type { Deviation } from './compare-with-reference'

export interface ExplainedDeviation {
  /** Patterns of what deviates; absent ones fit everything. */
  readonly models?: RegExp
  readonly cases?: RegExp
  readonly subjects?: RegExp
  readonly kinds?: readonly Deviation['kind'][]
  readonly reason: string
}

export const DEVIATIONS: readonly ExplainedDeviation[] = [
  {
    models: /^gemms$/,
    cases: /^static/,
    subjects: /^(\(graph\)|b[23](_|$))/,
    reason:
      'Gemm with a beta other than 1: the reference quantizes the bias without beta and then drops beta. Lathe multiplies beta into the bias first; alpha stays, as it is right.',
  },
  {
    models: /^gemms$/,
    cases: /^static u8 u8 channel/,
    subjects: /^left_w_/,
    reason:
      'A constant left factor with one scale per channel: QLinearMatMul of ONNX Runtime refuses to run it between values of uint8. Lathe gives it one scale.',
  },
  {
    models: /^shared$/,
    cases: /^static/,
    subjects: /^(\(graph\)|c2_scale|c2_zero_point|floor|ceiling)$/,
    reason:
      'Clip from 0.25 to 2: the reference removes it, but integers do not saturate at 0.25, since every range holds 0. Lathe keeps it.',
  },
  {
    models: /^shared$/,
    cases: /float biases/,
    subjects: /^b[01]$/,
    kinds: ['missing'],
    reason:
      'A bias that stays in float: the reference copies it for every reader, Lathe leaves them all the one they had.',
  },
  {
    models: /^branches$/,
    cases: /^static/,
    subjects: /^\(graph\)$/,
    reason:
      'A Relu that the branches of an If read: the reference removes it without looking into the branches, which then read values below zero. Lathe gives them the quantized values.',
  },
  {
    models: /^(tiny-scales|even-matmuls|efficientnet-lite0)$/,
    cases: /^static (u8|u16|i16) u8 channel/,
    subjects: /^(\(graph\)|(small_w|w2|block\d+\/depthwise\.weight)_(zero_point|quantized))$/,
    reason:
      'A channel of zeros in symmetric unsigned weights: the reference gives it the zero point 0 beside 128 of the others, but integer kernels want equal ones. Lathe gives all of them 128.',
  },
  {
    models: /^tiny-scales$/,
    cases: /^static u(8|16) .*symmetric$/,
    subjects: /^(\(graph\)|nothing_(zero_point|quantized))$/,
    reason:
      'Zeros alone, symmetric and unsigned: the reference says zero point 0, Lathe the middle of the type as everywhere else.',
  },
  {
    models: /^(mobilenet-v2|norms)$/,
    subjects: /^(mean|most)_axes$/,
    kinds: ['extra'],
    reason:
      'Axes that become an input when the opset is raised: an initializer in Lathe, a Constant node in the converter of ONNX.',
  },
  {
    models: /^(mobilenet-v2|efficientnet-lite0)$/,
    cases: /pairs on weights/,
    subjects: /^(low|high|zero|six)$/,
    kinds: ['missing'],
    reason: 'Constants that nothing reads any more: the reference leaves them in the file where weights stay in float.',
  },
  {
    cases: /^dynamic/,
    subjects: /^(\(graph\)|.*_bias_reshape_(shape|output)|(.*[._])?(b\d?|bias))$/,
    models:
      /^(concat|conv-relu-pool-gemm|mobilenet-v2|residual-add|resnet|shapes|shared|tiny-scales|upsample|vit|digits|fashion-resnet|efficientnet-lite0)$/,
    reason:
      'The bias of a dynamic convolution: the reference reshapes it in every run, Lathe once when it writes the file.',
  },
  {
    models: /^gemms$/,
    cases: /^dynamic .* channel/,
    subjects: /^(\(graph\)|deep_w_(zero_point|scale|quantized))$/,
    reason:
      'A constant factor of rank 3 with one zero point per column: MatMulInteger of ONNX Runtime takes no such zero points. Lathe quantizes it symmetrically with one.',
  },
  {
    cases: /^float16 .* blocked/,
    subjects: /^\(graph\)$/,
    reason: 'Between two operators that both stay in float32 the reference rounds to float16 and back, Lathe does not.',
  },
  {
    models: /^branches$/,
    cases: /^float16/,
    subjects: /^\(graph\)$/,
    reason: 'Results of the branches of an If: Lathe hands them out as float32.',
  },
  {
    cases: /^blocks HQQ/,
    subjects: /^(\(graph\)|.*_(Q4|scales|zero_points))$/,
    reason:
      'HQQ: the reference writes zero points as floats, which GPUs do not compute with. Lathe rounds them and fits scales and codes anew.',
  },
  {
    cases: /^blocks (with tables|QDQ)/,
    subjects: /^\(opset\)$/,
    reason:
      'Opset 21 is needed for 4-bit types only; the reference raises it where it then stores nothing in them too.',
  },
  {
    cases: /^blocks RTN/,
    models: /^branches$/,
    subjects: /^(\(graph\)|(then|else)_w(_Q4|_scales)?)$/,
    kinds: ['missing', 'extra', 'other value'],
    reason: 'Weights in the branches of an If: the RTN that came from Intel does not look into them.',
  },
  {
    cases: /^blocks (RTN asymmetric|k-quant)/,
    models: /^even-matmuls$/,
    subjects: /^(\(graph\)|w2_(Q4|scales))$/,
    reason:
      'Blocks whose weights all have one sign: the zero point of the reference would lie outside the codes and is cut off, so that large weights are lost. The range of Lathe holds zero.',
  },
  {
    cases: /^blocks RTN/,
    models: /^wide-matmuls$/,
    subjects: /^square_w$/,
    kinds: ['missing'],
    reason: 'A weight of two layers that was stored in blocks: the reference leaves the float one in the file.',
  },
  {
    cases: /^blocks QDQ/,
    models: /^norms$/,
    subjects: /^\(graph\)$/,
    reason: 'The reference writes opset 21 into the file without converting the operators, Lathe converts them.',
  },
]

/** The line that explains a deviation. */
export const explain = ({ model, caseName, subject, kind }: Deviation): ExplainedDeviation | undefined =>
  DEVIATIONS.find(
    ({ models, cases, subjects, kinds }) =>
      (models?.test(model) ?? true) &&
      (cases?.test(caseName) ?? true) &&
      (subjects?.test(subject) ?? true) &&
      (kinds?.includes(kind) ?? true),
  )
