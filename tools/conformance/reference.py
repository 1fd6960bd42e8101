"""Asks onnxruntime.quantization what it makes of the models of the comparison, over a grid of its options.

Run with onnx, onnxruntime 1.30 and numpy installed, from the repository root:
  python tools/conformance/reference.py hashes               writes tests/conformance/reference.json, which needs no Python to be compared with
  python tools/conformance/reference.py files MODEL FOLDER   writes every quantized file of a model, and cases.json with options, errors and ranges
  python tools/conformance/reference.py same PAIRS           runs pairs of files on equal inputs in native ONNX Runtime, prints how far they differ
  python tools/conformance/reference.py static MODEL SAMPLES OUTPUT   pre-processes MODEL and quantizes it to u8 activations and i8 weights per channel
The studies (npm run study:reference, study:accuracy) call the last three. SAMPLES is JSON: the input's name and dims, and a file of float32 samples.
"""

import contextlib
import copy
import hashlib
import json
import logging
import os
import pathlib
import struct
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    HQQWeightOnlyQuantConfig,
    KQuantWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
    RTNWeightOnlyQuantConfig,
)
from onnxruntime.transformers.float16 import convert_float_to_float16

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "conformance" / "models"
RESULT = ROOT / "tests" / "conformance" / "reference.json"
SAMPLES = 4
TYPES = {"u8": QuantType.QUInt8, "i8": QuantType.QInt8, "u16": QuantType.QUInt16, "i16": QuantType.QInt16, "i4": QuantType.QInt4, "u4": QuantType.QUInt4}


# --- inputs: made of whole numbers, so that every language makes the same ones -------------------------------------------------------


def fill(shape, dtype, sample, below):
    """Element i of sample s; `below` bounds whole numbers. Written again in tests/conformance/reference-models.ts."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    if dtype == TensorProto.INT64:
        return ((i * 31 + sample * 17 + 5) % below).reshape(shape)
    if dtype == TensorProto.BOOL:
        return ((i + sample) % 2 == 0).reshape(shape)
    numbers = (i * 7919 + sample * 104729 + 13 + (i // 2048) * 997) % 2048
    return ((numbers / 512 - 2) * (sample % 4 + 1) / 2).astype(np.float32).reshape(shape)


def inputs_of(model):
    """Shape, type and bound of every input. Batches are of one; whole numbers stay below the rows of the table that they index."""
    rows = [t.dims[0] for n in model.graph.node if n.op_type == "Gather" for t in model.graph.initializer if t.name == n.input[0]]
    constants = {t.name for t in model.graph.initializer}
    inputs = {}
    for value in model.graph.input:
        if value.name not in constants:
            tensor = value.type.tensor_type
            inputs[value.name] = {"dtype": tensor.elem_type, "dims": [d.dim_value or 1 for d in tensor.shape.dim], "below": min(rows, default=2)}
    return inputs


def feeds_of(inputs, sample):
    return {name: fill(facts["dims"], facts["dtype"], sample, facts["below"]) for name, facts in inputs.items()}


class Samples(CalibrationDataReader):
    def __init__(self, inputs):
        self.rest = iter([feeds_of(inputs, sample) for sample in range(SAMPLES)])

    def get_next(self):
        return next(self.rest, None)


# --- the grid ------------------------------------------------------------------------------------------------------------------------


def static_cases(is_full):
    def case(activation, weight, per_channel=False, reduce_range=False, name="", **extra):
        title = " ".join(filter(None, ["static", activation, weight, per_channel and "channel", reduce_range and "reduced", name]))
        options = {"activation_type": activation, "weight_type": weight, "per_channel": per_channel, "reduce_range": reduce_range}
        return title, {"tool": "static", **options, "extra_options": extra}

    for activation in ("u8", "i8", "u16", "i16"):
        for weight in ("i8", "u8", "i4", "i16"):
            for per_channel in (False, True):
                yield case(activation, weight, per_channel)
                if is_full or (activation == "u8" and weight != "i16"):
                    yield case(activation, weight, per_channel, True)
                if is_full or weight == "i8":
                    yield case(activation, weight, per_channel, False, "symmetric", ActivationSymmetric=True)
                if is_full:
                    yield case(activation, weight, per_channel, True, "symmetric", ActivationSymmetric=True)
    yield case("u8", "u8", True, False, "weights symmetric", WeightSymmetric=True)
    yield case("u8", "i8", False, False, "weights asymmetric", WeightSymmetric=False)
    one_at_a_time = [
        ("force", {"ForceQuantizeNoInputCheck": True}),
        ("pairs on weights", {"AddQDQPairToWeight": True}),
        ("float outputs", {"OpTypesToExcludeOutputQuantization": ["Conv", "MatMul", "Gemm"]}),
        ("dedicated pairs", {"DedicatedQDQPair": True}),
        ("keep removable", {"QDQKeepRemovableActivations": True}),
        ("no weight adjustment", {"QDQDisableWeightAdjustForInt32Bias": True}),
        ("float biases", {"QuantizeBias": False}),
        ("contrib", {"UseQDQContribOps": True}),
        ("minimum range", {"MinimumRealRange": 0.5}),
        ("restricted", {"ActivationRestrictedAsymmetric": True}),
        ("matmul axis 0", {"QDQOpTypePerChannelSupportToAxis": {"MatMul": 0}}),
    ]
    for name, extra in one_at_a_time:
        yield case("u8", "i8", True, False, name, **extra)
    for weight in ("i8", "u8", "i4"):
        yield case("u8", weight, False, False, "blocks of 16", BlockSize=16)
    for name in ("range override", "scale override", "weight override", "convert some", "convert all"):
        yield case("u8", "i8", False, False, name, TensorQuantOverrides=name)
    for name, options in [("only convolutions", {"op_types_to_quantize": ["Conv"]}), ("first layer excluded", {"nodes_to_exclude": "first"})]:
        title, base = case("u8", "i8", True, False, name)
        yield title, {**base, **options}


def dynamic_cases():
    for weight in ("i8", "u8"):
        for per_channel in (False, True):
            for reduce_range in (False, True):
                title = " ".join(filter(None, ["dynamic", weight, per_channel and "channel", reduce_range and "reduced"]))
                options = {"weight_type": weight, "per_channel": per_channel, "reduce_range": reduce_range}
                yield title, {"tool": "dynamic", **options, "extra_options": {}}
    for name, extra in [("subgraphs", {"EnableSubgraph": True}), ("any matmul", {"MatMulConstBOnly": False})]:
        yield f"dynamic i8 {name}", {"tool": "dynamic", "weight_type": "i8", "per_channel": False, "reduce_range": False, "extra_options": extra}


def block_cases():
    def case(name, **options):
        return f"blocks {name}", {"tool": "blocks", **options}

    for bits in (2, 4, 8):
        for symmetric in (False, True):
            for block in (16, 32, 128):
                kind = "symmetric" if symmetric else "asymmetric"
                yield case(f"{bits} bits {kind} {block}", algorithm="default", bits=bits, is_symmetric=symmetric, block_size=block, quant_format="QOperator")
    for symmetric in (False, True):
        kind = "symmetric" if symmetric else "asymmetric"
        for block in (16, 32, 128):
            yield case(f"QDQ {kind} {block}", algorithm="default", bits=4, is_symmetric=symmetric, block_size=block, quant_format="QDQ")
        yield case(f"with tables {kind}", algorithm="default", bits=4, is_symmetric=symmetric, block_size=32, quant_format="QOperator", op_types=["MatMul", "Gather"])
        yield case(f"RTN {kind}", algorithm="rtn", bits=4, is_symmetric=symmetric, block_size=32)
    for block in (32, 128):
        yield case(f"k-quant {block}", algorithm="k_quant", bits=4, is_symmetric=False, block_size=block)
        yield case(f"HQQ {block}", algorithm="hqq", bits=4, is_symmetric=False, block_size=block)


def float16_cases():
    for keep in (False, True):
        name = "keep" if keep else "all"
        yield f"float16 {name}", {"tool": "float16", "keep_io_types": keep}
        blocked = ["Softmax", "LayerNormalization", "Gemm", "Add"]
        yield f"float16 {name} blocked", {"tool": "float16", "keep_io_types": keep, "op_block_list": blocked}


def cases_for(model, is_full):
    """The cases that say something about the model."""
    ops = {node.op_type for node in all_nodes(model.graph)}
    yield from static_cases(is_full)
    if ops & {"Conv", "MatMul", "Gemm", "LSTM", "Gather"}:
        yield from dynamic_cases()
    if "MatMul" in ops:
        yield from block_cases()
    yield from float16_cases()


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from all_nodes(attribute.g)


LAYERS = ("Conv", "MatMul", "Gemm", "ConvTranspose")


def first_layer(model):
    """The first layer with a constant weight whose output other nodes read."""
    constants = {t.name for t in model.graph.initializer}
    return next(n for n in model.graph.node if n.op_type in LAYERS and n.input[1] in constants)


def overrides_of(model, name):
    """TensorQuantOverrides of a case, in the reference's words but with the short names of types."""
    layer = first_layer(model)
    output, weight = layer.output[0], layer.input[1]
    transposed = any(a.name == "transB" and a.i == 1 for a in layer.attribute)
    axis = 0 if layer.op_type == "Conv" or transposed else 1
    readers = [n.name for n in model.graph.node if output in n.input]
    return {
        "range override": {output: [{"rmin": -1.5, "rmax": 2.5}]},
        "scale override": {output: [{"scale": 0.0625, "zero_point": 7}]},
        "weight override": {weight: [{"quant_type": "i8", "symmetric": True, "reduce_range": True, "axis": axis}]},
        "convert some": {output: [{"quant_type": "u8", "convert": {"quant_type": "u16", "recv_nodes": readers[:1]}}]},
        "convert all": {output: [{"quant_type": "u8", "convert": {"quant_type": "i8", "symmetric": True}}]},
    }[name]


def with_types(value):
    """Short names of types become the reference's, numbers become arrays, receivers become a set."""
    read = {
        "quant_type": TYPES.get, "recv_nodes": set, "zero_point": lambda v: np.array(v, np.uint8),
        "rmin": np.float32, "rmax": np.float32, "scale": lambda v: np.array(v, np.float32),
    }
    if isinstance(value, dict):
        return {k: read.get(k, with_types)(v) for k, v in value.items()}
    return [with_types(item) for item in value] if isinstance(value, list) else value


# --- running the reference -----------------------------------------------------------------------------------------------------------


def quantize(path, model, output, options, cache):
    {"static": static, "dynamic": dynamic, "blocks": blocks, "float16": float16}[options["tool"]](path, model, output, options, cache)


def static(path, model, output, options, cache):
    extra = dict(options["extra_options"])
    if "TensorQuantOverrides" in extra:
        extra["TensorQuantOverrides"] = with_types(overrides_of(model, extra["TensorQuantOverrides"]))
    quantize_static(
        path, output, quant_format=QuantFormat.QDQ, calibrate_method=CalibrationMethod.MinMax, calibration_cache_path=cache,
        activation_type=TYPES[options["activation_type"]], weight_type=TYPES[options["weight_type"]],
        per_channel=options["per_channel"], reduce_range=options["reduce_range"], extra_options=extra,
        op_types_to_quantize=options.get("op_types_to_quantize"),
        nodes_to_exclude=[first_layer(model).name] if "nodes_to_exclude" in options else None,
    )


def dynamic(path, model, output, options, cache):
    quantize_dynamic(
        path, output, weight_type=TYPES[options["weight_type"]], per_channel=options["per_channel"],
        reduce_range=options["reduce_range"], extra_options=dict(options["extra_options"]),
    )


def blocks(path, model, output, options, cache):
    algorithm, types = options["algorithm"], tuple(options.get("op_types", ["MatMul"]))
    size = {"block_size": options["block_size"], "bits": options["bits"]}
    config = {
        "default": lambda: DefaultWeightOnlyQuantConfig(
            **size, is_symmetric=options["is_symmetric"], quant_format=QuantFormat[options["quant_format"]], op_types_to_quantize=types
        ),
        "rtn": RTNWeightOnlyQuantConfig,
        "k_quant": KQuantWeightOnlyQuantConfig,
        "hqq": lambda: HQQWeightOnlyQuantConfig(**size),
    }[algorithm]()
    quantizer = MatMulNBitsQuantizer(copy.deepcopy(model), **size, is_symmetric=options["is_symmetric"], algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(output, False)


def float16(path, model, output, options, cache):
    made = convert_float_to_float16(copy.deepcopy(model), keep_io_types=options["keep_io_types"], op_block_list=options.get("op_block_list"))
    onnx.save(made, output)


CALIBRATIONS = {
    "MinMax": (CalibrationMethod.MinMax, {}),
    "MinMax symmetric": (CalibrationMethod.MinMax, {"symmetric": True}),
    "moving average": (CalibrationMethod.MinMax, {"moving_average": True}),
    "Percentile 99.999": (CalibrationMethod.Percentile, {}),
    "Percentile 99 asymmetric": (CalibrationMethod.Percentile, {"percentile": 99.0, "symmetric": False}),
    "Entropy 256/128": (CalibrationMethod.Entropy, {"num_bins": 256, "num_quantized_bins": 128}),
}


def calibrate(path, inputs, method, folder):
    kind, options = CALIBRATIONS[method]
    calibrator = create_calibrator(path, augmented_model_path=f"{folder}/augmented.onnx", calibrate_method=kind, extra_options=options)
    calibrator.collect_data(Samples(inputs))
    return calibrator


NEAR_TIE = 1e-6


def near_ties(calibrator):
    """Entropy: tensor → every range whose divergence, in float64, is that near to the least; tensors with one such range are left out."""
    ties = {}
    for name, (counts, edges, low, high, *_) in calibrator.collector.histogram_dict.items():
        middle = len(counts) // 2
        tried = [(middle - i, min(middle + i + 1, len(counts))) for i in range(64, middle + 1)]
        divergences = [divergence(counts, start, end, 128) for start, end in tried]
        near = [ends for ends, d in zip(tried, divergences) if d <= min(divergences) + NEAR_TIE]
        if len(near) > 1:
            ties[name] = [[shortest(max(edges[start], low)), shortest(min(edges[end], high))] for start, end in near]
    return ties


def divergence(counts, start, end, quantized_bins):
    """Kullback-Leibler divergence of the bins that are kept from their requantized form, as in `get_entropy_threshold` but in float64."""
    kept = counts[start:end]
    p = kept.copy()
    p[0] += counts[:start].sum()
    p[-1] += counts[end:].sum()
    width = len(p) // quantized_bins
    q = np.zeros_like(p)
    for j in range(quantized_bins):
        inside = slice(j * width, (j + 1) * width)
        occupied = np.count_nonzero(p[inside])
        if occupied:
            merged = kept[j * width :] if j == quantized_bins - 1 else kept[inside]
            q[inside] = merged.sum() // occupied
    p, q = smoothed(p), smoothed(q)
    return np.inf if p is None or q is None else float((p / p.sum() * np.log((p / p.sum()) / (q / q.sum()))).sum())


def smoothed(counts):
    zeros = counts == 0
    if zeros.all():
        return None
    return counts + 1e-4 * zeros - 1e-4 * zeros.sum() / (~zeros).sum() * ~zeros


def shortest(bound):
    """The shortest decimals that name a float32."""
    return float(np.format_float_positional(np.asarray(bound, np.float32).reshape(-1)[0], unique=True))


def ranges_of(tensors):
    return {name: [shortest(bound) for bound in value.range_value] for name, value in sorted(tensors.data.items())}


@contextlib.contextmanager
def quiet():
    logging.disable(logging.CRITICAL)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
    logging.disable(logging.NOTSET)


def run_cases(path, folder, is_full):
    """Yields (name, options, file) or (name, options, error) of every case of the model at `path`; facts first."""
    model = onnx.load(path)
    inputs = inputs_of(model)
    cache = f"{folder}/ranges.json"
    with quiet():
        measured = calibrate(path, inputs, "MinMax", folder).compute_data()
        save_tensors_data(measured, cache)
    yield {"inputs": inputs, "ranges": ranges_of(measured)}
    for index, (name, options) in enumerate(cases_for(model, is_full)):
        output = f"{folder}/{index}.onnx"
        try:
            with quiet():
                quantize(path, model, output, options, cache)
            yield name, options, output, None
        except Exception as error:  # what the reference refuses is part of its behaviour
            logging.disable(logging.NOTSET)
            yield name, options, None, f"{type(error).__name__}: {error}".split("\n")[0][:160]


# --- hashes --------------------------------------------------------------------------------------------------------------------------


def digest(text):
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()[:16]


def tensor_hash(tensor):
    """Type, dims and little-endian bytes; a scalar and a vector of one are alike."""
    array = numpy_helper.to_array(tensor)
    if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4):
        nibbles = array.astype(np.int8).reshape(-1).view(np.uint8) & 15
        padded = np.append(nibbles, [0] * (len(nibbles) % 2)).astype(np.uint8)
        data = (padded[0::2] | padded[1::2] << 4).tobytes()
    else:
        data = array.tobytes()
    dims = "" if list(tensor.dims) == [1] else ",".join(map(str, tensor.dims))
    return digest(f"{tensor.data_type}:{dims}:".encode() + data)


def clear_unread(graph):
    """Zeroes the codes of MatMulNBits beyond the last row of its weight, which nothing reads."""
    constants = {t.name: t for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMulNBits" and node.input[1] in constants:
            facts = {a.name: a.i for a in node.attribute}
            tensor, bits = constants[node.input[1]], facts["K"] * facts.get("bits", 4)
            rows = numpy_helper.to_array(tensor).copy().reshape(facts["N"], -1)
            rows[:, bits // 8 : bits // 8 + 1] &= (1 << bits % 8) - 1
            rows[:, bits // 8 + 1 :] = 0
            tensor.CopyFrom(numpy_helper.from_array(rows.reshape(tensor.dims), tensor.name))
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                clear_unread(attribute.g)


def graph_hash(graph, outer=None):
    """Hash of what the outputs are computed from, whatever the tensors between are called and in whichever order the nodes stand."""
    values = dict(outer or {})
    values.update({t.name: tensor_hash(t) for t in graph.initializer})
    for value in graph.input:
        values.setdefault(value.name, f"input {value.name}")
    ones = {t.name for t in graph.initializer if int(np.prod(t.dims)) == 1}
    for node in in_order(graph, values):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            values[node.output[0]] = tensor_hash(node.attribute[0].t)
            continue
        per_tensor = node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[1] in ones
        attributes = sorted((a for a in node.attribute if not (per_tensor and a.name == "axis")), key=lambda a: a.name)
        inputs = [values[name] if name else "" for name in node.input]
        domain = "" if node.domain == "ai.onnx" else node.domain
        made = digest("|".join([domain, node.op_type, *inputs, *(attribute_text(a, values) for a in attributes)]))
        values.update({name: f"{made}:{index}" for index, name in enumerate(node.output) if name})
    return digest("|".join(values[output.name] for output in graph.output))


def in_order(graph, known):
    """The nodes so that each follows what it reads; files of the reference are not always sorted."""
    waiting, ready = list(graph.node), set(known) | {""}
    while waiting:
        later = []
        for node in waiting:
            if names_read(node) - inner_names(node) <= ready:
                ready.update(node.output)
                yield node
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ValueError(f"nodes of {graph.name} that read what nobody makes: {[n.name for n in later][:5]}")
        waiting = later


def names_read(node):
    graphs = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return set(node.input).union(*(names_read(n) for g in graphs for n in g.node))


def inner_names(node):
    graphs = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return {t.name for g in graphs for t in g.initializer} | {o for g in graphs for n in g.node for o in n.output}


def attribute_text(attribute, values):
    kinds = onnx.AttributeProto
    hexed = lambda number: struct.pack("<f", number).hex()
    read = {
        kinds.INT: lambda a: str(a.i), kinds.FLOAT: lambda a: hexed(a.f), kinds.STRING: lambda a: a.s.decode(),
        kinds.INTS: lambda a: ",".join(map(str, a.ints)), kinds.FLOATS: lambda a: ",".join(map(hexed, a.floats)),
        kinds.TENSOR: lambda a: tensor_hash(a.t), kinds.GRAPH: lambda a: graph_hash(a.g, values),
        kinds.STRINGS: lambda a: ",".join(s.decode() for s in a.strings),
    }[attribute.type]
    return f"{attribute.name}={read(attribute)}"


def initializers_of(graph):
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from initializers_of(attribute.g)


# --- the three commands --------------------------------------------------------------------------------------------------------------

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def hash_model(path, shared_cases):
    """Per tensor name its different hashes; per case two digits a name: which of them, or `..` where the case has no such tensor."""
    with tempfile.TemporaryDirectory() as folder:
        run = run_cases(str(path), folder, False)
        facts = next(run)
        names, hashes, results = [], {}, {}
        for name, options, file, error in run:
            shared_cases[name] = options
            if error:
                results[name] = {"error": error}
                continue
            model = onnx.load(file)
            clear_unread(model.graph)
            found = {}
            for tensor in initializers_of(model.graph):
                known = hashes.setdefault(tensor.name, [])
                code = tensor_hash(tensor)
                if code not in known:
                    known.append(code)
                found[tensor.name] = known.index(code)
            names.extend(n for n in found if n not in names)
            results[name] = {"found": found, "graph": graph_hash(model.graph), "opset": opset_of(model)}
        model = onnx.load(path)
        wanted = {o["extra_options"]["TensorQuantOverrides"] for o in shared_cases.values() if "TensorQuantOverrides" in o.get("extra_options", {})}
        calibrations = calibrations_of(path, facts["inputs"], folder)
    packed = {
        case: r["error"] if "error" in r else [r["graph"], r["opset"], "".join(two_digits(r["found"].get(n)) for n in names).rstrip(".")]
        for case, r in results.items()
    }
    overrides = {name: overrides_of(model, name) for name in sorted(wanted)}
    return {
        **facts, "firstLayer": first_layer(model).name, "overrides": overrides, **calibrations,
        "tensors": {n: hashes[n] for n in names}, "cases": packed,
    }


def calibrations_of(path, inputs, folder):
    """Ranges by the methods besides MinMax, and near ties of those that have some."""
    found, ties = {}, {}
    for method in CALIBRATIONS:
        if method != "MinMax":
            with quiet():
                calibrator = calibrate(str(path), inputs, method, folder)
                found[method] = ranges_of(calibrator.compute_data())
            if CALIBRATIONS[method][0] == CalibrationMethod.Entropy:
                ties[method] = near_ties(calibrator)
    return {"calibrations": found, "ties": ties}


def opset_of(model):
    return next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))


def two_digits(index):
    return ".." if index is None else DIGITS[index // 36] + DIGITS[index % 36]


def made_by(command):
    versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    return {"command": f"python tools/conformance/reference.py {command}", **versions}


def hashes():
    cases, models = {}, {}
    for path in sorted(MODELS.glob("*.onnx")):
        models[path.stem] = hash_model(path, cases)
        print(path.stem, len(models[path.stem]["cases"]), flush=True)
    text = lambda value: json.dumps(value, separators=(",", ":"))
    lines = [f'"{name}":{text(model)}' for name, model in models.items()]
    head = f'"madeBy":{text(made_by("hashes"))},\n"samples":{SAMPLES},\n"cases":{text(cases)}'
    RESULT.write_text("{\n" + head + ',\n"models":{\n' + ",\n".join(lines) + "\n}\n}\n")


def files(path, folder, is_full):
    run = run_cases(path, folder, is_full)
    facts = next(run)
    model = onnx.load(path)
    cases = []
    for name, options, file, error in run:
        extra = options.get("extra_options", {})
        overrides = {"overrides": overrides_of(model, extra["TensorQuantOverrides"])} if "TensorQuantOverrides" in extra else {}
        cases.append({"name": name, "options": options, "file": file and pathlib.Path(file).name, "error": error, **overrides})
    calibrations = calibrations_of(path, facts["inputs"], folder)
    answer = {"madeBy": made_by("files"), "samples": SAMPLES, **facts, **calibrations, "firstLayer": first_layer(model).name, "cases": cases}
    pathlib.Path(folder, "cases.json").write_text(json.dumps(answer))


def same(pairs_file):
    """Prints for each pair how many elements differ and by how much at most, and what ONNX Runtime said to each file (null: it ran)."""
    answers = []
    for first, second, inputs in json.loads(pathlib.Path(pairs_file).read_text()):
        (a, first_error), (b, second_error) = (outputs_of(file, inputs) for file in (first, second))
        differences = [] if first_error or second_error else [np.abs(x.astype(np.float64) - y) for x, y in zip(a, b)]
        bits = [int((x.view(np.uint8) != y.view(np.uint8)).any()) for x, y in zip(a or [], b or [])]
        most = max((float(d.max()) for d in differences), default=0.0)
        answers.append({"isSame": not any(bits), "most": most, "errors": [first_error, second_error]})
    print(json.dumps(answers))


def outputs_of(file, inputs):
    """Outputs on sample 1, in float16 where the file takes that; or the first line of the error."""
    try:
        opened = session(file)
        halves = {i.name for i in opened.get_inputs() if i.type == "tensor(float16)"}
        feeds = {name: v.astype(np.float16) if name in halves else v for name, v in feeds_of(inputs, 1).items()}
        return [np.ascontiguousarray(value).reshape(-1) for value in opened.run(None, feeds)], None
    except Exception as error:
        return None, f"{type(error).__name__}: {error}".split("\n")[0][:300]


class StoredSamples(CalibrationDataReader):
    def __init__(self, facts):
        samples = np.fromfile(facts["file"], np.float32).reshape(-1, *facts["dims"])
        self.rest = iter([{facts["input"]: sample} for sample in samples])

    def get_next(self):
        return next(self.rest, None)


def recommended(path, samples, output):
    """The toolkit as its manual has it: its own pre-processing, then QDQ for integer kernels."""
    facts = json.loads(pathlib.Path(samples).read_text())
    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = f"{folder}/prepared.onnx"
        quant_pre_process(path, prepared)
        quantize_static(
            prepared, output, StoredSamples(facts), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        )


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def main(command, *arguments):
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets decides some of the reference's names
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    if command == "hashes":
        hashes()
    elif command == "files":
        files(arguments[0], arguments[1], "--full" in arguments)
    elif command == "same":
        same(arguments[0])
    elif command == "static":
        recommended(*arguments)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:] or [""])
