// Engines outside the browser that a recipe writes for. What is known of them comes from their documentation; only ONNX Runtime itself can be
// run here, so files for the others say that they were not.

export const TARGET_IDS = ['ort-x64', 'ort-x64-no-vnni', 'tensorrt', 'openvino', 'qnn'] as const
export type TargetId = (typeof TARGET_IDS)[number]

export interface Target {
  readonly label: string
  /** Whether files for it were run where this release was made. */
  readonly isRun: boolean
  /** Where its rules stand. */
  readonly source: string
}

export const TARGETS: Readonly<Record<TargetId, Target>> = {
  'ort-x64': {
    label: 'ONNX Runtime on x64 with VNNI',
    isRun: true,
    source: 'ONNX Runtime, Quantize ONNX models: U8S8 in QDQ form',
  },
  'ort-x64-no-vnni': {
    label: 'ONNX Runtime on x64 without VNNI',
    isRun: true,
    source: 'ONNX Runtime, Quantize ONNX models: reduce_range where pairs of u8·s8 products saturate',
  },
  tensorrt: {
    label: 'TensorRT',
    isRun: false,
    source: 'TensorRT, Explicit quantization; ONNX Runtime, TensorRT execution provider',
  },
  openvino: { label: 'OpenVINO', isRun: false, source: 'NNCF, Post-training quantization' },
  qnn: { label: 'QNN', isRun: false, source: 'ONNX Runtime, QNN execution provider: get_qnn_qdq_config' },
}

export const NOT_RUN = 'follows the documented rules, not run'

/** What file, report and page say beside the name of the target; empty where there is nothing to say. */
export const targetClaim = (id: TargetId): string => (TARGETS[id].isRun ? '' : NOT_RUN)

/** `TensorRT: follows the documented rules, not run` */
export const targetText = (id: TargetId): string =>
  targetClaim(id) === '' ? TARGETS[id].label : `${TARGETS[id].label}: ${targetClaim(id)}`

/** Part of the name of a file for the target: `tensorrt-not-run`. */
export const targetSuffix = (id: TargetId): string => (TARGETS[id].isRun ? id : `${id}-not-run`)
