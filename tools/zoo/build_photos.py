"""Scales the photographs of the zoo to a shorter side of 320 pixels and writes them as plain PNG.

    python3 tools/zoo/build_photos.py --output public/zoo/photos

Sources: Debian packages python3-skimage 0.19.3 and python3-scipy 1.10.1; only images that their documentation declares CC0
or public domain (the licence of each stands in THIRD-PARTY-NOTICES.md). Grey photographs stay grey.
"""

import argparse
import os
import pickle

import numpy as np
from PIL import Image

SKIMAGE = "/usr/lib/python3/dist-packages/skimage/data"
ASCENT = "/usr/lib/python3/dist-packages/scipy/misc/ascent.dat"
PHOTOS = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "camera.png", "clock_motion.png", "hubble_deep_field.jpg",
          "brick.png", "grass.png", "gravel.png")
SHORTER_SIDE = 320


def read_photos():
    for name in PHOTOS:
        image = Image.open(os.path.join(SKIMAGE, name))
        yield name.split(".")[0].replace("_", "-"), image.convert("L" if image.mode == "L" else "RGB")
    with open(ASCENT, "rb") as file:
        yield "ascent", Image.fromarray(np.array(pickle.load(file), np.uint8))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    for name, image in read_photos():
        scale = SHORTER_SIDE / min(image.size)
        path = os.path.join(options.output, f"{name}.png")
        clean = Image.fromarray(np.asarray(image.resize([round(side * scale) for side in image.size], Image.Resampling.LANCZOS)))
        clean.save(path, optimize=True)
        print(f"{path}: {clean.size[0]} x {clean.size[1]}, {clean.mode}, {os.path.getsize(path):,} bytes")


if __name__ == "__main__":
    main()
