"""Trains the Fashion-MNIST ResNet on CPU. Resumable: one checkpoint an epoch, run it again to go on.

    python3 tools/zoo/train_fashion_resnet.py --work /tmp/fashion-resnet --epochs 10

Data: Debian package dataset-fashion-mnist (MIT, Zalando), the official 60,000 / 10,000 split.
Augmentation: random crop (pad 2) and flip. The schedule is that of training.py.
"""

import os
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from idx import read_split  # noqa: E402
from resnet import ResNet, write_onnx  # noqa: E402
from training import fit, parse_options  # noqa: E402

MEAN, STD = 0.2860, 0.3530


def load(folder, split):
    images, labels = read_split(folder, split)
    x = (images.astype(np.float32) / 255 - MEAN) / STD
    return torch.from_numpy(x).unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def augment(x, rng):
    """Random crop after padding by 2 (with the background's value) and horizontal flip, per image."""
    n = len(x)
    padded = nn.functional.pad(x, (2, 2, 2, 2), value=-MEAN / STD)
    dy, dx = torch.randint(0, 5, (2, n), generator=rng)
    rows = (dy[:, None] + torch.arange(28))[:, None, :, None]
    columns = (dx[:, None] + torch.arange(28))[:, None, None, :]
    flip = (torch.rand(n, generator=rng) < 0.5)[:, None, None, None]
    columns = torch.where(flip, columns.flip(-1), columns)
    return padded[torch.arange(n)[:, None, None, None], 0, rows, columns]


if __name__ == "__main__":
    fit(ResNet, write_onnx, augment, load, parse_options(__doc__.splitlines()[0], "/usr/share/datasets/fashion-mnist", 10))
