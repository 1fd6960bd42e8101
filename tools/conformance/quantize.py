"""Makes tests/conformance/quantize.json: what onnxruntime.quantization gives for small seeded models, value for value.

Run from the repository root with onnx, onnxruntime and numpy installed: python tools/conformance/quantize.py
The models go to tests/conformance/models/. Scales are written as float32 values, which JSON keeps to the last bit.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.calibrate import create_calibrator

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "conformance" / "models"
RESULT = ROOT / "tests" / "conformance" / "quantize.json"
SAMPLES = 3
# The operators that Lathe also quantizes. Everything else is left out of the comparison.
OP_TYPES = ["Conv", "Gemm", "MatMul", "Relu", "MaxPool", "AveragePool", "Reshape", "Transpose", "Flatten", "Add", "Mul", "Concat"]
OP_TYPES += ["GlobalAveragePool", "Sigmoid", "LeakyRelu"]


def build(name, input_shape, output_shape, nodes, weights, rng):
    """Saves a model; `weights` maps names to shapes of random float32 tensors."""
    initializers = [
        numpy_helper.from_array((rng.standard_normal(shape) / 4).astype(np.float32), weight)
        for weight, shape in weights.items()
    ]
    graph = helper.make_graph(
        [helper.make_node(op, inputs, outputs, name=outputs[0], **attributes) for op, inputs, outputs, attributes in nodes],
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output_shape)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="lathe-conformance")
    onnx.checker.check_model(model, full_check=True)
    path = MODELS / f"{name}.onnx"
    onnx.save(model, path)
    return path


def models(rng):
    pad = {"pads": [1, 1, 1, 1]}
    yield build(
        "conv-relu-pool-gemm", [1, 3, 8, 8], [1, 5],
        [
            ("Conv", ["x", "w1", "b1"], ["c"], pad),
            ("Relu", ["c"], ["r"], {}),
            ("MaxPool", ["r"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Flatten", ["p"], ["f"], {}),
            ("Gemm", ["f", "w2", "b2"], ["y"], {"transB": 1}),
        ],
        {"w1": [4, 3, 3, 3], "b1": [4], "w2": [5, 64], "b2": [5]}, rng,
    )
    yield build(
        "residual-add", [1, 4, 6, 6], [1, 4, 6, 6],
        [
            ("Conv", ["x", "w1", "b1"], ["c1"], pad),
            ("Relu", ["c1"], ["r1"], {}),
            ("Conv", ["r1", "w2", "b2"], ["c2"], pad),
            ("Add", ["c2", "x"], ["s"], {}),
            ("Relu", ["s"], ["r2"], {}),
            ("Conv", ["r2", "w3"], ["y"], {}),
        ],
        {"w1": [4, 4, 3, 3], "b1": [4], "w2": [4, 4, 3, 3], "b2": [4], "w3": [4, 4, 1, 1]}, rng,
    )
    yield build(
        "concat", [1, 3, 6, 6], [1, 4, 6, 6],
        [
            ("Conv", ["x", "w1", "b1"], ["c1"], pad),
            ("LeakyRelu", ["c1"], ["l"], {"alpha": 0.1}),
            ("Conv", ["x", "w2", "b2"], ["c2"], {}),
            ("Sigmoid", ["c2"], ["g"], {}),
            ("Concat", ["l", "g"], ["k"], {"axis": 1}),
            ("Transpose", ["k"], ["t"], {"perm": [0, 1, 3, 2]}),
            ("Conv", ["t", "w3", "b3"], ["y"], {}),
        ],
        {"w1": [4, 3, 3, 3], "b1": [4], "w2": [2, 3, 1, 1], "b2": [2], "w3": [4, 6, 1, 1], "b3": [4]}, rng,
    )
    yield build(
        "matmul", [4, 16], [4, 6],
        [("MatMul", ["x", "w1"], ["m"], {}), ("Relu", ["m"], ["r"], {}), ("MatMul", ["r", "w2"], ["y"], {})],
        {"w1": [16, 12], "w2": [12, 6]}, rng,
    )
    yield build(
        "gemm", [4, 16], [4, 6],
        [
            ("Gemm", ["x", "w1", "b1"], ["g"], {}),
            ("Relu", ["g"], ["r"], {}),
            ("Gemm", ["r", "w2", "b2"], ["y"], {"transB": 1}),
        ],
        {"w1": [16, 12], "b1": [12], "w2": [6, 12], "b2": [6]}, rng,
    )


class Samples(CalibrationDataReader):
    def __init__(self, samples):
        self.rest = iter([{"x": sample} for sample in samples])

    def get_next(self):
        return next(self.rest, None)


def measured_ranges(path, samples):
    with tempfile.TemporaryDirectory() as folder:
        calibrator = create_calibrator(
            path, augmented_model_path=f"{folder}/augmented.onnx", calibrate_method=CalibrationMethod.MinMax
        )
        calibrator.collect_data(Samples(samples))
        ranges = calibrator.compute_data().data
        return {name: [np.asarray(v).item() for v in value.range_value] for name, value in ranges.items()}


def quantized_values(path):
    """Initializers of a quantized model: name → dtype and values (1-D)."""
    values = {}
    for tensor in onnx.load(path).graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.INT64:
            continue
        values[tensor.name] = {"dtype": array.dtype.name, "values": [v.item() for v in array.reshape(-1)]}
    return values


def static_cases(path, samples, folder):
    for activation in ("uint8", "int8"):
        for granularity in ("channel", "tensor"):
            output = f"{folder}/static.onnx"
            quantize_static(
                path, output, Samples(samples), quant_format=QuantFormat.QDQ, op_types_to_quantize=OP_TYPES,
                per_channel=granularity == "channel", weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8 if activation == "uint8" else QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
            yield {"activationType": activation, "granularity": granularity, "initializers": quantized_values(output)}


def dynamic_cases(path, folder):
    for weight in ("int8", "uint8"):
        for granularity in ("channel", "tensor"):
            output = f"{folder}/dynamic.onnx"
            quantize_dynamic(
                path, output, per_channel=granularity == "channel",
                weight_type=QuantType.QInt8 if weight == "int8" else QuantType.QUInt8,
            )
            yield {"weightType": weight, "granularity": granularity, "initializers": quantized_values(output)}


def main():
    MODELS.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20240607)
    cases = []
    for path in models(rng):
        shape = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
        samples = [rng.standard_normal(shape).astype(np.float32) for _ in range(SAMPLES)]
        with tempfile.TemporaryDirectory() as folder:
            cases.append({
                "model": path.name,
                "shape": shape,
                "samples": [[float(v) for v in sample.reshape(-1)] for sample in samples],
                "ranges": measured_ranges(path, samples),
                "static": list(static_cases(path, samples, folder)),
                "dynamic": list(dynamic_cases(path, folder)),
            })
    made_by = {
        "command": "python tools/conformance/quantize.py",
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
    }
    RESULT.write_text(json.dumps({"madeBy": made_by, "cases": cases}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
