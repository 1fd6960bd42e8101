"""Reads the IDX files of MNIST and Fashion-MNIST (plain or gzip'd): images as uint8 [n, 28, 28], labels as uint8 [n]."""

import gzip
import os
import struct

import numpy as np


def read_idx(path):
    with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as file:
        data = file.read()
    dims = struct.unpack(f">{data[3]}I", data[4:4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dims)


def read_split(folder, split):
    """`split`: train (60,000) or test (10,000)."""
    prefix = os.path.join(folder, {"train": "train", "test": "t10k"}[split])
    suffix = ".gz" if os.path.exists(f"{prefix}-images-idx3-ubyte.gz") else ""
    return read_idx(f"{prefix}-images-idx3-ubyte{suffix}"), read_idx(f"{prefix}-labels-idx1-ubyte{suffix}")
