"""Trains the Fashion-MNIST ResNet on CPU. Resumable: one checkpoint an epoch, run it again to go on.

    python3 tools/zoo/train_fashion_resnet.py --work /tmp/fashion-resnet --epochs 12

Data: Debian package dataset-fashion-mnist (MIT, Zalando), the official 60,000 / 10,000 split; the test images are
only used to report accuracy, never to choose anything: the last epoch of the schedule is what ships.
Training: SGD with Nesterov momentum, OneCycle (Smith & Topin 2018, arXiv 1708.07120), random crop (pad 2) and flip.
Writes model.onnx and training.json (every epoch's loss, accuracy and time) into --work.
"""

import argparse
import gzip
import json
import os
import struct
import sys
import time

import numpy as np
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from resnet import ResNet, write_onnx  # noqa: E402

MEAN, STD = 0.2860, 0.3530
SEED = 20261124


def read_idx(path):
    with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as file:
        data = file.read()
    dims = struct.unpack(f">{data[3]}I", data[4:4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dims)


def load(folder, split):
    prefix = os.path.join(folder, {"train": "train", "test": "t10k"}[split])
    suffix = ".gz" if os.path.exists(f"{prefix}-images-idx3-ubyte.gz") else ""
    images = read_idx(f"{prefix}-images-idx3-ubyte{suffix}").astype(np.float32)
    labels = read_idx(f"{prefix}-labels-idx1-ubyte{suffix}").astype(np.int64)
    return torch.from_numpy((images / 255 - MEAN) / STD).unsqueeze(1), torch.from_numpy(labels)


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


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x[i:i + 500]).argmax(1) == y[i:i + 500]).sum().item() for i in range(0, len(x), 500))
    return hits / len(x)


def train_epoch(model, optimizer, schedule, x, y, batch, epoch):
    rng = torch.Generator().manual_seed(SEED + epoch)
    order = torch.randperm(len(x), generator=rng)
    model.train()
    total, steps = 0.0, len(x) // batch
    for step in range(steps):
        index = order[step * batch:(step + 1) * batch]
        images = augment(x[index], rng).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(images)
        loss = nn.functional.cross_entropy(logits.float(), y[index])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"epoch {epoch} step {step}/{steps} loss {total / (step + 1):.4f}", flush=True)
    return total / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    os.makedirs(options.work, exist_ok=True)
    checkpoint_path = os.path.join(options.work, "checkpoint.pt")

    x, y = load(options.data, "train")
    x_test, y_test = load(options.data, "test")
    model = ResNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, total_steps=options.epochs * (len(x) // options.batch), pct_start=0.25)
    history = []
    if os.path.exists(checkpoint_path):
        state = torch.load(checkpoint_path, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history = state["history"]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, from epoch {len(history)}", flush=True)

    for epoch in range(len(history), options.epochs):
        start = time.time()
        loss = train_epoch(model, optimizer, schedule, x, y, options.batch, epoch)
        test_accuracy = accuracy(model, x_test, y_test)
        history.append({"epoch": epoch, "loss": loss, "testAccuracy": test_accuracy, "seconds": time.time() - start})
        print(history[-1], flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "history": history}
        torch.save(state, checkpoint_path + ".new")
        os.replace(checkpoint_path + ".new", checkpoint_path)
        write_onnx(model.eval(), os.path.join(options.work, "model.onnx"))
        with open(os.path.join(options.work, "training.json"), "w") as file:
            json.dump({"epochs": options.epochs, "seed": SEED, "history": history}, file, indent=2)


if __name__ == "__main__":
    main()
