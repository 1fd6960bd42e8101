// Options and promises of making a graph smaller without changing what it computes.

import { defineSpec, integer, toggle } from '../../core/options/spec'

export const spec = defineSpec({
  id: 'simplify-graph',
  label: 'Simplify the graph',
  summary: 'Merges what is there twice, fuses operators that are one, and drops what nothing uses: the same answers.',
  version: 1,
  options: {
    merge: toggle({
      label: 'Merge duplicates',
      help: 'Weights with the same bytes, across branches too, and operators that compute the same thing from the same inputs.',
      default: true,
    }),
    fuse: toggle({
      label: 'Fuse operators',
      help: 'Neighbours that are exactly one operator: Relu and Clip, Reshape after Reshape, Transpose into Gemm, and pairs that cancel out.',
      default: true,
    }),
    gemm: toggle({
      label: 'Fuse into Gemm',
      help: 'MatMul with a constant bias, or a transposed operand, becomes one Gemm: the same sums, which an engine may round in another order.',
      default: true,
      advanced: true,
    }),
    opset: integer({
      label: 'Raise opset to',
      help: 'Rewrites the operators for this ai.onnx opset; 0 keeps the opset, and so does a model that is there already.',
      default: 0,
      min: 0,
      max: 26,
      advanced: true,
    }),
    stripText: toggle({
      label: 'Drop texts',
      help: 'Doc strings and metadata, of the model and of every part of it. Some programs read labels or settings from metadata.',
      default: false,
      advanced: true,
    }),
  },
  needs: { calibration: false, opset: 1 },
  keeps: { idempotent: true, interface: true, sqnrDb: 120 },
})
