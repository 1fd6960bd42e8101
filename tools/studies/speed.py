"""The Python side of the study of speed (tests/studies/speed.study.ts): makes its models, and does with the reference toolkit what `lathe compress` does.

Needs onnxruntime 1.30, onnx, onnx_ir and numpy.
  python tools/studies/speed.py make FOLDER                              writes bert-200.onnx, bert-37.onnx, resnet50.onnx and resnet50.npz
  python tools/studies/speed.py timed COMMAND...                         runs a command on one core, prints milliseconds and largest resident set
  python tools/studies/speed.py int8-dynamic|int8-tensor|int4|fp16 IN OUT    quantize_dynamic (per channel, per tensor), MatMulNBitsQuantizer, float16
  python tools/studies/speed.py int8-static IN OUT SAMPLES.npz           quantize_static
Weights are random: what the tools do does not depend on them.
"""

import pathlib
import sys


def make(folder):
    import numpy as np

    rng = np.random.default_rng(1)
    bert(folder / "bert-200.onnx", rng, layers=6, width=768, words=9000)
    bert(folder / "bert-37.onnx", rng, layers=4, width=384, words=5500)
    resnet50(folder / "resnet50.onnx", rng)
    np.savez(folder / "resnet50.npz", image=rng.standard_normal((16, 3, 224, 224)).astype(np.float32))


def timed(command):
    """The whole process as the system saw it: everything that it does runs on the first core that this process may use."""
    import json
    import os
    import resource
    import subprocess
    import time

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(done.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"wallMs": wall * 1000, "cpuMs": (used.ru_utime + used.ru_stime) * 1000, "peakBytes": peak}))


class Builder:
    """Nodes and weights of a model under construction; every method returns the name of what it adds."""

    def __init__(self, rng):
        self.rng, self.nodes, self.weights, self.count = rng, [], [], 0

    def weight(self, *shape, scale=0.05):
        from onnx import numpy_helper
        import numpy as np

        self.count += 1
        values = self.rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)
        self.weights.append(numpy_helper.from_array(values, f"w{self.count}"))
        return f"w{self.count}"

    def integers(self, *values):
        from onnx import numpy_helper
        import numpy as np

        self.count += 1
        self.weights.append(numpy_helper.from_array(np.array(values, np.int64), f"i{self.count}"))
        return f"i{self.count}"

    def number(self, value):
        from onnx import numpy_helper
        import numpy as np

        self.count += 1
        self.weights.append(numpy_helper.from_array(np.array(value, np.float32), f"n{self.count}"))
        return f"n{self.count}"

    def add(self, op, *inputs, to=None, **attributes):
        from onnx import helper

        self.count += 1
        output = to or f"{op.lower()}{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f"/{op}_{self.count}", **attributes))
        return output

    def save(self, path, inputs, outputs):
        import onnx
        from onnx import TensorProto, helper

        types = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64}
        values = [[helper.make_tensor_value_info(name, types[kind], shape) for name, kind, shape in side] for side in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, path.stem, *values, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="lathe-study")
        onnx.checker.check_model(model)
        onnx.save(model, path)


def bert(path, rng, layers, width, words):
    """An encoder like BERT's: attention with separate Q, K and V, GELU by Erf, heads of 64."""
    b, heads = Builder(rng), width // 64
    norm = lambda x: b.add("LayerNormalization", x, b.weight(width), b.weight(width), axis=-1)
    linear = lambda x, i, o: b.add("Add", b.add("MatMul", x, b.weight(i, o)), b.weight(o))
    split = lambda x, perm: b.add("Transpose", b.add("Reshape", x, b.integers(0, 0, heads, 64)), perm=perm)
    x = norm(b.add("Add", b.add("Gather", b.weight(words, width), "input_ids"), b.weight(1, 128, width)))
    for _ in range(layers):
        q, v = (split(linear(x, width, width), [0, 2, 1, 3]) for _ in range(2))
        k = split(linear(x, width, width), [0, 2, 3, 1])
        scores = b.add("Softmax", b.add("Div", b.add("MatMul", q, k), b.number(8)), axis=-1)
        joined = b.add("Reshape", b.add("Transpose", b.add("MatMul", scores, v), perm=[0, 2, 1, 3]), b.integers(0, 0, width))
        x = norm(b.add("Add", x, linear(joined, width, width)))
        h = linear(x, width, 4 * width)
        erf = b.add("Erf", b.add("Div", h, b.number(2**0.5)))
        gelu = b.add("Mul", b.add("Mul", h, b.add("Add", erf, b.number(1))), b.number(0.5))
        x = norm(b.add("Add", x, linear(gelu, 4 * width, width)))
    first = b.add("Gather", x, b.integers(0), axis=1)
    b.add("Gemm", b.add("Flatten", first), b.weight(width, width), b.weight(width), to="pooled", transB=1)
    b.save(path, [("input_ids", "int64", ["batch", 128])], [("pooled", "float", ["batch", width])])


def resnet50(path, rng):
    """The convolutions of ResNet-50 with their batch norms folded."""
    b = Builder(rng)

    def conv(x, i, o, kernel, stride=1):
        weight = b.weight(o, i, kernel, kernel, scale=(2 / (i * kernel * kernel)) ** 0.5)
        return b.add("Conv", x, weight, b.weight(o), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)

    x = b.add("Relu", conv("image", 3, 64, 7, 2))
    x = b.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            y = b.add("Relu", conv(x, channels, width, 1))
            y = conv(b.add("Relu", conv(y, width, width, 3, stride)), width, 4 * width, 1)
            x = b.add("Relu", b.add("Add", y, conv(x, channels, 4 * width, 1, stride) if block == 0 else x))
            channels = 4 * width
    pooled = b.add("Flatten", b.add("GlobalAveragePool", x))
    b.add("Gemm", pooled, b.weight(1000, channels), b.weight(1000), to="logits", transB=1)
    b.save(path, [("image", "float", [1, 3, 224, 224])], [("logits", "float", [1, 1000])])


def int8_dynamic(source, target):
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(source, target, per_channel=True)


def int8_tensor(source, target):
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(source, target)


def int4(source, target):
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    config = DefaultWeightOnlyQuantConfig(block_size=32, is_symmetric=False)
    quantizer = MatMulNBitsQuantizer(onnx.load(source), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(target, False)


def fp16(source, target):
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def int8_static(source, target, samples):
    import numpy as np
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class OneThread(onnxruntime.SessionOptions):
        """By default the engine starts a thread per core of the machine and binds them there, whatever core its process was given."""

        def __init__(self):
            super().__init__()
            self.intra_op_num_threads = 1

    onnxruntime.SessionOptions = OneThread

    class Samples(CalibrationDataReader):
        def __init__(self):
            images = np.load(samples)["image"]
            self.rest = iter([{"image": image[None]} for image in images])

        def get_next(self):
            return next(self.rest, None)

    quantize_static(source, target, Samples(), per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


TOOLS = {"int8-dynamic": int8_dynamic, "int8-tensor": int8_tensor, "int4": int4, "fp16": fp16, "int8-static": int8_static}

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "make":
        make(pathlib.Path(arguments[0]))
    elif command == "timed":
        timed(arguments)
    else:
        TOOLS[command](*arguments)
