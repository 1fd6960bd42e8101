"""Makes tests/conformance/quantize-dynamic.json: what quantize_dynamic of onnxruntime.quantization writes, over a grid of options.

Run from the repository root with onnx, onnxruntime and numpy installed: python tools/conformance/quantize-dynamic.py
Takes tiny-bert and tiny-lstm of tests/fixtures/models, and makes three more in tests/conformance/models/dynamic.
Of each tensor the file keeps type, shape and the SHA-256 of its bytes; of the nodes, how many there are of each operator.
"""

import collections
import hashlib
import json
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE = ROOT / "tests" / "conformance" / "models" / "dynamic"
RESULT = ROOT / "tests" / "conformance" / "quantize-dynamic.json"
SUFFIXES = ("_quantized", "_scale", "_zero_point")
COUNTED = ["MatMulInteger", "ConvInteger", "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DequantizeLinear", "Gather", "Transpose"]


def tensor(rng, name, *shape):
    return numpy_helper.from_array((rng.standard_normal(shape) / 3).astype(np.float32), name)


def save(name, nodes, inputs, outputs, initializers, opset=14):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="lathe-conformance")
    onnx.checker.check_model(model, full_check=True)
    path = MADE / f"{name}.onnx"
    onnx.save(model, path)
    return path


def floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def lookups(rng):
    """Integers that pass through Transpose into a product, and come back as floats for Add; products of two activations."""
    nodes = [
        helper.make_node("Gather", ["table", "i"], ["e"], name="embed"),
        helper.make_node("Transpose", ["e"], ["t"], name="turn", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["t", "w"], ["m"], name="product"),
        helper.make_node("Add", ["e", "shift"], ["a"], name="add"),
        helper.make_node("MatMul", ["a", "m"], ["s"], name="scores"),
        helper.make_node("Transpose", ["a"], ["at"], name="turn_again", perm=[0, 2, 1]),
        helper.make_node("Gemm", ["row", "g", "b"], ["p"], name="project", transB=1),
        helper.make_node("Gemm", ["row", "g2", "b2"], ["q"], name="scaled", alpha=0.5),
        helper.make_node("MatMul", ["row", "g2"], ["u"]),
    ]
    weights = [
        tensor(rng, "table", 40, 16), tensor(rng, "w", 5, 12), tensor(rng, "shift", 16), tensor(rng, "g", 7, 9),
        tensor(rng, "b", 7), tensor(rng, "g2", 9, 6), tensor(rng, "b2", 6),
    ]
    inputs = [helper.make_tensor_value_info("i", TensorProto.INT64, [2, 5]), floats("row", [3, 9])]
    outputs = [floats("s", [2, 5, 12]), floats("at", [2, 16, 5]), floats("p", [3, 7]), floats("q", [3, 6]), floats("u", [3, 6])]
    return save("lookups", nodes, inputs, outputs, weights)


def recurrence(rng):
    """A bidirectional LSTM with lengths, initial states and peepholes, and one that runs backwards."""
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r", "b", "n", "h", "c", "p"], ["y", "yh", "yc"], name="both",
                         hidden_size=8, direction="bidirectional"),
        helper.make_node("LSTM", ["x", "w1", "r1"], ["z"], name="back", hidden_size=8, direction="reverse"),
    ]
    weights = [
        tensor(rng, "w", 2, 32, 6), tensor(rng, "r", 2, 32, 8), tensor(rng, "b", 2, 64), tensor(rng, "h", 2, 2, 8),
        tensor(rng, "c", 2, 2, 8), tensor(rng, "p", 2, 24), tensor(rng, "w1", 1, 32, 6), tensor(rng, "r1", 1, 32, 8),
        numpy_helper.from_array(np.array([4, 5], np.int32), "n"),
    ]
    outputs = [floats("y", [5, 2, 2, 8]), floats("yh", [2, 2, 8]), floats("yc", [2, 2, 8]), floats("z", [5, 1, 2, 8])]
    return save("recurrence", nodes, [floats("x", [5, 2, 6])], outputs, weights)


def branches(rng):
    """Products in the bodies of If, with a weight of their own and one from outside."""
    def body(name, weight, own):
        node = helper.make_node("MatMul", ["x", weight], [name], name=f"product_{name}")
        return helper.make_graph([node], name, [], [floats(name, [4, 8])], own)
    nodes = [
        helper.make_node("If", ["k"], ["y"], name="choose", then_branch=body("a", "w", []),
                         else_branch=body("d", "v", [tensor(rng, "v", 16, 8)])),
        helper.make_node("MatMul", ["y", "u"], ["z"], name="after"),
    ]
    inputs = [helper.make_tensor_value_info("k", TensorProto.BOOL, []), floats("x", [4, 16])]
    return save("branches", nodes, inputs, [floats("z", [4, 3])], [tensor(rng, "w", 16, 8), tensor(rng, "u", 8, 3)])


def graphs_of(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs_of(attribute.g)


def described(path):
    tensors, counts = {}, collections.Counter()
    for graph in graphs_of(onnx.load(path).graph):
        counts.update(node.op_type for node in graph.node)
        for made in graph.initializer:
            if made.name.endswith(SUFFIXES):
                array = np.ascontiguousarray(numpy_helper.to_array(made))
                digest = hashlib.sha256(array.tobytes()).hexdigest()
                tensors[made.name] = [array.dtype.name, list(made.dims), digest[:16]]
    return {"tensors": tensors, "operators": {name: counts[name] for name in COUNTED}}


def cases(path, folder):
    for weight in ("int8", "uint8"):
        for per_channel in (False, True):
            for reduce_range in (False, True):
                for constant_only in (True, False):
                    if not constant_only and "lookups" not in path.name:
                        continue
                    quantize_dynamic(
                        path, f"{folder}/made.onnx", per_channel=per_channel, reduce_range=reduce_range,
                        weight_type=QuantType.QInt8 if weight == "int8" else QuantType.QUInt8,
                        extra_options={"EnableSubgraph": "branches" in path.name, "MatMulConstBOnly": constant_only},
                    )
                    yield {
                        "weightType": weight, "granularity": "channel" if per_channel else "tensor",
                        "reduceRange": reduce_range, "constantWeightsOnly": constant_only, **described(f"{folder}/made.onnx"),
                    }


def main():
    MADE.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20250114)
    made = [lookups(rng), recurrence(rng), branches(rng)]
    small = [ROOT / "tests/fixtures/models" / f"tiny-{name}.onnx" for name in ("bert", "lstm")]
    with tempfile.TemporaryDirectory() as folder:
        models = [
            {"model": str(path.relative_to(ROOT / "tests")), "cases": list(cases(path, folder))} for path in [*made, *small]
        ]
    made_by = {
        "command": "python tools/conformance/quantize-dynamic.py",
        "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__,
    }
    RESULT.write_text(json.dumps({"madeBy": made_by, "models": models}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
