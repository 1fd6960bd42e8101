"""Packs the Fashion-MNIST images of the zoo: the official 10,000 test images and 256 training images for calibration.

    python3 tools/zoo/build_fashion_sets.py --output public/zoo/fashion-mnist

Data: Debian package dataset-fashion-mnist (MIT, Zalando). Both sets are in stratified order, so that any prefix is balanced:
class 0, 1, … 9, then again; within a class the test images keep the official order, the training images are drawn by SEED.
The header's originalIndices give each image's place in the official files.
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from idx import read_split  # noqa: E402
from pack_images import write_packed_images  # noqa: E402

CLASS_NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
CALIBRATION_IMAGES = 256
SEED = 20261124
SOURCE = "Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), Debian package dataset-fashion-mnist 0.0~git20200523"
LICENCE = "MIT, Copyright 2017 Zalando SE"


def stratified(by_class, count):
    """Takes one image of every class in turn."""
    return np.array([by_class[k % len(by_class)][k // len(by_class)] for k in range(count)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    rng = np.random.Generator(np.random.PCG64(SEED))
    for split, name, count in (("test", "test", 10_000), ("train", "calibration", CALIBRATION_IMAGES)):
        images, labels = read_split(options.data, split)
        by_class = [np.flatnonzero(labels == c) for c in range(len(CLASS_NAMES))]
        if split == "train":
            by_class = [rng.permutation(indices) for indices in by_class]
        order = stratified(by_class, count)
        write_packed_images(
            os.path.join(options.output, f"{name}.lpi"), images[order], set_id=f"fashion-mnist-{name}", source=f"{SOURCE}, {split} split",
            licence=LICENCE, labels=labels[order], class_names=CLASS_NAMES, images_per_chunk=500,
            originalIndices=[int(i) for i in order])


if __name__ == "__main__":
    main()
