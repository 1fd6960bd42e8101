"""Measures the float accuracy of an ONNX classifier on packed images, with ONNX Runtime on one thread.

    python3 tools/zoo/evaluate.py MODEL.onnx SET.lpi --mean 0.286 --std 0.353 --record training.json
"""

import argparse
import json
import os
import sys

import numpy as np
import onnxruntime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from idx import read_split  # noqa: E402
from pack_images import read_packed_images  # noqa: E402

BATCH = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="an .lpi file, or a folder of IDX files (its test split)")
    parser.add_argument("--mean", type=float, default=0)
    parser.add_argument("--std", type=float, default=1)
    parser.add_argument("--record", help="training.json in which the figure is kept under `evaluations`")
    options = parser.parse_args()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(options.model, settings, providers=["CPUExecutionProvider"])
    if os.path.isdir(options.data):
        images, labels = read_split(options.data, "test")
        images = images[..., None]
    else:
        images, labels = read_packed_images(options.data)
    x = ((images.astype(np.float32) / 255 - options.mean) / options.std).transpose(0, 3, 1, 2).astype(np.float32)
    guesses = np.concatenate(
        [session.run(None, {"image": x[i:i + BATCH]})[0].argmax(1) for i in range(0, len(x), BATCH)])
    hits = guesses == labels
    print(f"{hits.sum()} of {len(hits)} right: {hits.mean():.4f}")
    for c in np.unique(labels):
        print(f"  class {c}: {hits[labels == c].mean():.4f} of {np.sum(labels == c)}")
    if options.record:
        with open(options.record) as file:
            report = json.load(file)
        name = os.path.join(*os.path.normpath(options.data).split(os.sep)[-2:])
        report.setdefault("evaluations", {})[name] = {
            "right": int(hits.sum()), "images": len(hits), "runtime": f"onnxruntime {onnxruntime.__version__}"}
        with open(options.record, "w") as file:
            json.dump(report, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
