"""Makes the models of the comparison with the reference toolkit: tests/conformance/models/*.onnx, seeded and untrained.

Run from anywhere with onnx and numpy installed: python tests/conformance/make.py
The same versions give the same bytes. tools/conformance/reference.py says what the reference toolkit makes of them.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MODELS = pathlib.Path(__file__).resolve().parent / "models"
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


class Build:
    """A graph that grows node by node; every node and tensor is named for what it is."""

    def __init__(self, name, seed, opset=17):
        self.name, self.opset = name, opset
        self.rng = np.random.default_rng(seed)
        self.nodes, self.inputs, self.outputs, self.initializers = [], [], [], []

    def input(self, name, shape, dtype=FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, shape, dtype=FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def constant(self, name, values, dtype=np.float32):
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, name, shape, spread=None, mean=0.0):
        """Normal numbers that keep the size of what passes through; output channels differ in size, as they do in trained layers."""
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 4
        values = self.rng.standard_normal(shape) * (spread or fan_in**-0.5) + mean
        if len(shape) > 1:
            values *= np.exp(0.4 * self.rng.standard_normal((shape[0],) + (1,) * (len(shape) - 1)))
        return self.constant(name, values)

    def node(self, op, inputs, output, **attributes):
        outputs = output if isinstance(output, list) else [output]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"{outputs[0]}_node", **attributes))
        return output

    def conv(self, source, name, channels_in, channels_out, kernel=1, stride=1, group=1, bias=True):
        inputs = [source, self.weight(f"{name}_w", [channels_out, channels_in // group, kernel, kernel])]
        if bias:
            inputs.append(self.weight(f"{name}_b", [channels_out], 0.2))
        pad = kernel // 2
        return self.node("Conv", inputs, name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, group=group)

    def linear(self, source, name, width_in, width_out):
        """MatMul and Add, as exporters of transformers write it."""
        weight = self.constant(f"{name}_w", self.rng.standard_normal([width_in, width_out]) / width_in**0.5)
        self.node("MatMul", [source, weight], f"{name}_mm")
        return self.node("Add", [f"{name}_mm", self.weight(f"{name}_b", [width_out], 0.1)], name)

    def layer_norm(self, source, name, width):
        gamma = self.weight(f"{name}_gamma", [width], 0.1, 1.0)
        return self.node("LayerNormalization", [source, gamma, self.weight(f"{name}_beta", [width], 0.1)], name, axis=-1)

    def save(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="lathe-conformance")
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, MODELS / f"{self.name}.onnx")


def resnet():
    b = Build("resnet", 1)
    x = b.input("x", [1, 3, 24, 24])
    y = b.node("Relu", [b.conv(x, "stem", 3, 8, 3)], "stem_relu")
    y = b.node("MaxPool", [y], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for name, width_in, width, stride in [("a", 8, 8, 1), ("b", 8, 16, 2), ("c", 16, 32, 2)]:
        inner = b.node("Relu", [b.conv(y, f"{name}1", width_in, width, 3, stride)], f"{name}1_relu")
        inner = b.conv(inner, f"{name}2", width, width, 3)
        side = y if stride == 1 else b.conv(y, f"{name}_side", width_in, width, 1, stride)
        y = b.node("Relu", [b.node("Add", [inner, side], f"{name}_sum")], f"{name}_relu")
    y = b.node("Flatten", [b.node("GlobalAveragePool", [y], "gap")], "flat")
    b.node("Gemm", [y, b.weight("fc_w", [10, 32]), b.weight("fc_b", [10], 0.1)], "logits", transB=1)
    b.output("logits", [1, 10])
    b.save()


def mobilenet():
    b = Build("mobilenet-v2", 2)
    low, high = b.constant("low", 0.0), b.constant("high", 6.0)
    clip = lambda source: b.node("Clip", [source, low, high], f"{source}_clip")
    y = clip(b.conv(b.input("x", [1, 3, 24, 24]), "stem", 3, 8, 3, 2))
    for name, width_in, width, stride in [("a", 8, 8, 1), ("b", 8, 16, 2), ("c", 16, 16, 1)]:
        wide = 4 * width_in
        inner = clip(b.conv(y, f"{name}_expand", width_in, wide))
        inner = clip(b.conv(inner, f"{name}_depthwise", wide, wide, 3, stride, wide))
        inner = b.conv(inner, f"{name}_project", wide, width)
        y = b.node("Add", [inner, y], f"{name}_sum") if width_in == width else inner
    y = b.node("ReduceMean", [clip(b.conv(y, "head", 16, 48))], "mean", axes=[2, 3], keepdims=0)
    b.node("Gemm", [y, b.weight("fc_w", [10, 48]), b.weight("fc_b", [10], 0.1)], "logits", transB=1)
    b.output("logits", [1, 10])
    b.save()


def transformer_block(b, y, name, tokens, width, heads):
    """Post-norm block with the error-function Gelu written out."""
    per_head = width // heads
    split = b.constant(f"{name}_split", [1, tokens, heads, per_head], np.int64)
    q, k, v = (
        b.node("Transpose", [b.node("Reshape", [b.linear(y, f"{name}_{part}", width, width), split], f"{name}_{part}_heads")],
               f"{name}_{part}_t", perm=perm)
        for part, perm in [("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])]
    )
    scores = b.node("Div", [b.node("MatMul", [q, k], f"{name}_qk"), b.constant(f"{name}_root", per_head**0.5)], f"{name}_scores")
    context = b.node("MatMul", [b.node("Softmax", [scores], f"{name}_softmax", axis=-1), v], f"{name}_context")
    merge = b.constant(f"{name}_merge", [1, tokens, width], np.int64)
    context = b.node("Reshape", [b.node("Transpose", [context], f"{name}_context_t", perm=[0, 2, 1, 3]), merge], f"{name}_merged")
    y = b.layer_norm(b.node("Add", [b.linear(context, f"{name}_out", width, width), y], f"{name}_res1"), f"{name}_ln1", width)
    inner = b.linear(y, f"{name}_up", width, 2 * width)
    erf = b.node("Erf", [b.node("Div", [inner, b.constant(f"{name}_sqrt2", 2**0.5)], f"{name}_erf_in")], f"{name}_erf")
    gate = b.node("Mul", [inner, b.node("Add", [erf, b.constant(f"{name}_one", 1.0)], f"{name}_erf1")], f"{name}_gate")
    gelu = b.node("Mul", [gate, b.constant(f"{name}_half", 0.5)], f"{name}_gelu")
    y = b.node("Add", [b.linear(gelu, f"{name}_down", 2 * width, width), y], f"{name}_res2")
    return b.layer_norm(y, f"{name}_ln2", width)


def bert():
    b = Build("bert", 3)
    tokens, width = 16, 64
    ids = b.input("ids", [1, tokens], INT64)
    words = b.constant("word_table", b.rng.standard_normal([96, width]) * 0.5)
    places = b.constant("place_table", b.rng.standard_normal([1, tokens, width]) * 0.5)
    y = b.node("Add", [b.node("Gather", [words, ids], "word_rows"), places], "embedded")
    y = b.layer_norm(y, "ln0", width)
    for block in range(2):
        y = transformer_block(b, y, f"block{block}", tokens, width, 4)
    first = b.node("Gather", [y, b.constant("zero", 0, np.int64)], "first", axis=1)
    pooled = b.node("Tanh", [b.node("Gemm", [first, b.weight("pool_w", [width, width]), b.weight("pool_b", [width], 0.1)], "pool", transB=1)], "pooled")
    b.node("Gemm", [pooled, b.constant("class_w", b.rng.standard_normal([width, 5]) / 8), b.weight("class_b", [5], 0.1)], "logits")
    b.output("logits", [1, 5])
    b.save()


def vit():
    b = Build("vit", 4)
    width, tokens = 48, 17
    x = b.input("x", [1, 3, 16, 16])
    patches = b.node("Conv", [x, b.weight("patch_w", [width, 3, 4, 4]), b.weight("patch_b", [width], 0.1)], "patch", kernel_shape=[4, 4], strides=[4, 4])
    y = b.node("Reshape", [patches, b.constant("patch_shape", [1, width, 16], np.int64)], "patch_flat")
    y = b.node("Transpose", [y], "patch_t", perm=[0, 2, 1])
    y = b.node("Concat", [b.constant("class_token", b.rng.standard_normal([1, 1, width]) * 0.3), y], "with_class", axis=1)
    y = b.node("Add", [y, b.constant("places", b.rng.standard_normal([1, tokens, width]) * 0.3)], "placed")
    y = b.layer_norm(y, "ln0", width)
    y = transformer_block(b, y, "block0", tokens, width, 3)
    y = b.node("Slice", [y, b.constant("from", [0], np.int64), b.constant("to", [1], np.int64), b.constant("slice_axis", [1], np.int64)], "class_row")
    y = b.node("Squeeze", [y, b.constant("squeeze_axis", [1], np.int64)], "class_vector")
    b.node("Gemm", [y, b.weight("head_w", [10, width]), b.weight("head_b", [10], 0.1)], "logits", transB=1)
    b.output("logits", [1, 10])
    b.save()


def lstm():
    b = Build("lstm", 5)
    steps, width, hidden = 12, 24, 20
    ids = b.input("ids", [steps, 1], INT64)
    table = b.constant("table", b.rng.standard_normal([64, width]) * 0.6)
    y = b.node("Gather", [table, ids], "rows")
    for name, width_in, directions in [("one", width, 1), ("two", hidden, 2)]:
        w = b.constant(f"{name}_W", b.rng.standard_normal([directions, 4 * hidden, width_in]) / width_in**0.5)
        r = b.constant(f"{name}_R", b.rng.standard_normal([directions, 4 * hidden, hidden]) / hidden**0.5)
        bias = b.constant(f"{name}_B", b.rng.standard_normal([directions, 8 * hidden]) * 0.1)
        direction = "bidirectional" if directions == 2 else "forward"
        y = b.node("LSTM", [y, w, r, bias], f"{name}_y", hidden_size=hidden, direction=direction)
        y = b.node("Transpose", [y], f"{name}_t", perm=[0, 2, 1, 3])
        y = b.node("Reshape", [y, b.constant(f"{name}_shape", [steps, 1, directions * hidden], np.int64)], f"{name}_flat")
    last = b.node("Gather", [y, b.constant("last", steps - 1, np.int64)], "last_row", axis=0)
    b.node("MatMul", [last, b.constant("fc_w", b.rng.standard_normal([2 * hidden, 6]) / 6)], "logits")
    b.output("logits", [1, 6])
    b.save()


def upsample():
    """Decoder of an image: ConvTranspose, Resize, Sigmoid, LeakyRelu, AveragePool, Concat, skip connection."""
    b = Build("upsample", 6)
    x = b.input("x", [1, 3, 12, 12])
    skip = b.node("LeakyRelu", [b.conv(x, "down", 3, 8, 3, 2)], "down_act", alpha=0.1)
    y = b.node("AveragePool", [skip], "small", kernel_shape=[2, 2], strides=[2, 2])
    y = b.node("ConvTranspose", [y, b.weight("up_w", [8, 6, 2, 2], 0.3), b.weight("up_b", [6], 0.1)], "up", kernel_shape=[2, 2], strides=[2, 2])
    y = b.node("Concat", [b.node("Relu", [y], "up_relu"), skip], "joined", axis=1)
    y = b.node("Sigmoid", [b.conv(y, "mix", 14, 8, 3)], "gate")
    y = b.node("Mul", [y, skip], "gated")
    y = b.node("Resize", [y, "", b.constant("scales", [1, 1, 2, 2])], "large", mode="nearest")
    y = b.node("ConvTranspose", [y, b.weight("last_w", [8, 2, 3, 3], 0.2)], "image", kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=2)
    b.output("image", [1, 4, 12, 12])
    b.save()


def shapes():
    """Operators that move data: Split, Pad of three kinds, Where, Gather, GatherElements, Slice, Squeeze, Unsqueeze, Transpose, Flatten."""
    b = Build("shapes", 7)
    x = b.input("x", [1, 4, 8, 8])
    y = b.conv(x, "first", 4, 8, 3)
    left, right = b.node("Split", [y, b.constant("halves", [4, 4], np.int64)], ["left", "right"], axis=1)
    pads = b.constant("pads", [0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    left = b.node("Pad", [left, pads], "left_zero")
    right = b.node("Pad", [right, pads, b.constant("one", 1.0)], "right_one")
    edge = b.node("Pad", [x, pads], "edge", mode="reflect")
    chosen = b.node("Where", [b.constant("mask", (np.arange(100) % 3 == 0).reshape(1, 1, 10, 10), bool), left, right], "chosen")
    joined = b.node("Concat", [chosen, edge, right], "joined", axis=1)
    y = b.node("MaxPool", [b.conv(joined, "second", 12, 6, 3)], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    y = b.node("Gather", [y, b.constant("order", [4, 0, 2], np.int64)], "picked", axis=1)
    y = b.node("Transpose", [y], "turned", perm=[0, 2, 3, 1])
    y = b.node("Slice", [y, b.constant("starts", [1], np.int64), b.constant("ends", [5], np.int64), b.constant("axes", [1], np.int64)], "cut")
    y = b.node("Unsqueeze", [y, b.constant("front", [0], np.int64)], "deep")
    y = b.node("Squeeze", [y, b.constant("front2", [0, 1], np.int64)], "flat3")
    y = b.node("Reshape", [y, b.constant("rows", [4, 15], np.int64)], "rows_of")
    y = b.node("GatherElements", [y, b.constant("places", np.arange(24).reshape(4, 6) % 15, np.int64)], "elements", axis=1)
    b.node("MatMul", [y, b.constant("last_w", b.rng.standard_normal([6, 5]) / 3)], "answer")
    b.output("answer", [4, 5])
    b.save()


def gemms():
    """Gemm with alpha, beta, transA, transB and without C; MatMul with a constant on the left, of rank 3, and of two values."""
    b = Build("gemms", 8)
    x = b.input("x", [6, 12])
    y = b.node("Gemm", [x, b.weight("w1", [12, 10]), b.weight("b1", [10], 0.5)], "plain")
    y = b.node("Gemm", [y, b.weight("w2", [8, 10]), b.weight("b2", [8], 0.5)], "scaled", alpha=0.5, transB=1)
    y = b.node("Relu", [y], "scaled_relu")
    y = b.node("Gemm", [y, b.weight("w3", [8, 8]), b.weight("b3", [8], 0.5)], "shifted", beta=0.5)
    y = b.node("Gemm", [y, b.weight("w4", [6, 9], 0.4)], "turned", transA=1)
    y = b.node("MatMul", [b.constant("left_w", b.rng.standard_normal([4, 8]) / 3), y], "left")
    wide = b.node("Reshape", [y, b.constant("deep", [2, 2, 9], np.int64)], "wide")
    y = b.node("MatMul", [wide, b.constant("deep_w", b.rng.standard_normal([2, 9, 7]) / 3)], "rank3")
    turned = b.node("Transpose", [y], "rank3_t", perm=[0, 2, 1])
    b.node("MatMul", [y, turned], "self")
    b.output("self", [2, 2, 2])
    b.save()


def branches():
    """An If whose branches hold layers of their own and read one of outside."""
    b = Build("branches", 9)
    x, on = b.input("x", [2, 8]), b.input("on", [], BOOL)
    y = b.node("Relu", [b.node("MatMul", [x, b.constant("w0", b.rng.standard_normal([8, 12]) / 3)], "before")], "before_relu")

    def branch(name, op):
        weight = numpy_helper.from_array((b.rng.standard_normal([12, 6]) / 3).astype(np.float32), f"{name}_w")
        nodes = [helper.make_node("MatMul", [y, f"{name}_w"], [f"{name}_mm"], name=f"{name}_mm_node"), helper.make_node(op, [f"{name}_mm"], [f"{name}_y"], name=f"{name}_y_node")]
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(f"{name}_y", FLOAT, [2, 6])], [weight])

    y = b.node("If", [on], "chosen", then_branch=branch("then", "Tanh"), else_branch=branch("else", "Sigmoid"))
    b.node("MatMul", [y, b.constant("w1", b.rng.standard_normal([6, 4]) / 2)], "answer")
    b.output("answer", [2, 4])
    b.save()


def norms():
    """Normalizations that were not folded, HardSigmoid and the rest of what stays in float."""
    b = Build("norms", 10)
    x = b.input("x", [1, 6, 8, 8])
    y = b.conv(x, "first", 6, 8, 3, bias=False)
    statistics = [b.weight("bn_gamma", [8], 0.1, 1), b.weight("bn_beta", [8], 0.1), b.weight("bn_mean", [8], 0.1), b.constant("bn_var", np.linspace(0.5, 2, 8))]
    y = b.node("Relu", [b.node("BatchNormalization", [y, *statistics], "bn")], "bn_relu")
    y = b.node("InstanceNormalization", [y, b.weight("in_gamma", [8], 0.1, 1), b.weight("in_beta", [8], 0.1)], "instance")
    gate = b.node("HardSigmoid", [b.node("GlobalAveragePool", [y], "squeezed")], "hard")
    y = b.node("Mul", [y, gate], "excited")
    y = b.node("Sub", [y, b.node("ReduceMax", [y], "most", axes=[1], keepdims=1)], "relative")
    y = b.node("Reshape", [y, b.constant("rows", [1, 8, 64], np.int64)], "rows_of")
    y = b.layer_norm(y, "ln", 64)
    b.node("MatMul", [y, b.constant("w", b.rng.standard_normal([64, 7]) / 8)], "answer")
    b.output("answer", [1, 8, 7])
    b.save()


def shared():
    """What several nodes read: one bias of two convolutions, one weight of two layers, a branching activation, a removable one at an output."""
    b = Build("shared", 11)
    x = b.input("x", [1, 4, 6, 6])
    weight, bias = b.weight("w", [4, 4, 3, 3]), b.weight("b", [4], 0.3)
    first = b.node("Relu", [b.node("Conv", [x, weight, bias], "c1", pads=[1] * 4)], "r1")
    second = b.node("Conv", [first, weight, bias], "c2", pads=[1] * 4)
    bounded = b.node("Clip", [second, b.constant("floor", 0.25), b.constant("ceiling", 2.0)], "bounded")
    third = b.node("Conv", [bounded, b.weight("w3", [4, 4, 1, 1]), bias], "c3")
    total = b.node("Add", [b.node("Mul", [third, first], "product"), b.constant("third", 0.3)], "total")
    b.node("Relu", [total], "answer")
    b.node("Softmax", [b.node("Flatten", [first], "flat")], "share", axis=-1)
    b.output("answer", [1, 4, 6, 6])
    b.output("share", [1, 144])
    b.save()


def tiny_scales():
    """Numbers at the edges: a bias far too large for its weight, channels of zeros, a constant activation, an empty range."""
    b = Build("tiny-scales", 12)
    x = b.input("x", [1, 2, 4, 4])
    b.constant("small_w", np.full([3, 2, 1, 1], 1e-7) * np.array([1, -2, 0]).reshape(3, 1, 1, 1))
    y = b.node("Conv", [x, "small_w", b.constant("large_b", [1000, -3, 0.5])], "c1")
    y = b.node("Relu", [b.node("Mul", [y, b.constant("nothing", 0.0)], "zeroed")], "zeroed_relu")
    y = b.node("Conv", [y, b.weight("w2", [4, 3, 1, 1]), b.constant("no_b", [0, 0, 0, 0])], "c2")
    y = b.node("Add", [y, b.conv(x, "c3", 2, 4)], "answer")
    b.output("answer", [1, 4, 4, 4])
    b.save()


def wide_matmuls():
    """For blocked weights: K that blocks do not divide, a shared weight, a table of rows, a MatMul without a constant."""
    b = Build("wide-matmuls", 13)
    ids = b.input("ids", [1, 10], INT64)
    y = b.node("Gather", [b.constant("table", b.rng.standard_normal([50, 160]) * 0.4), ids], "rows")
    y = b.node("MatMul", [y, b.constant("w1", b.rng.standard_normal([160, 96]) / 12)], "m1")
    y = b.node("Relu", [y], "r1")
    y = b.node("MatMul", [y, b.constant("square_w", b.rng.standard_normal([96, 96]) / 10)], "m2")
    y = b.node("MatMul", [b.node("Sigmoid", [y], "s2"), "square_w"], "m3")
    y = b.node("MatMul", [y, b.constant("odd_w", b.rng.standard_normal([96, 40]) / 10)], "m4")
    y = b.node("MatMul", [b.node("Softmax", [y], "p"), b.constant("tail_w", b.rng.standard_normal([40, 24]) / 6)], "m5")
    b.node("MatMul", [b.node("Transpose", [y], "m5_t", perm=[0, 2, 1]), y], "answer")
    b.output("answer", [1, 24, 24])
    b.save()


def even_matmuls():
    """For the toolkit's RTN and k-quant, which pack zero points right only where every column has an even number of blocks."""
    b = Build("even-matmuls", 14)
    x = b.input("x", [3, 256])
    y = b.node("Relu", [b.node("MatMul", [x, b.constant("w1", b.rng.standard_normal([256, 256]) / 16)], "m1")], "r1")
    values = b.rng.standard_normal([256, 48]) / 16 + 0.05
    values[:, 0], values[:, 1] = 0, np.abs(values[:, 1])
    b.node("MatMul", [y, b.constant("w2", values)], "answer")
    b.output("answer", [3, 48])
    b.save()


def main():
    MODELS.mkdir(exist_ok=True)
    for make in (resnet, mobilenet, bert, vit, lstm, upsample, shapes, gemms, branches, norms, shared, tiny_scales, wide_matmuls, even_matmuls):
        make()


if __name__ == "__main__":
    main()
