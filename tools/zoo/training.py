"""The training loop of the zoo's own networks: SGD with Nesterov momentum under OneCycle (Smith & Topin 2018,
arXiv 1708.07120), bfloat16 autocast, one checkpoint an epoch. Interrupted, it goes on where it stopped.

The test images only report accuracy, they never choose anything: the last epoch of the schedule is what ships.
"""

import argparse
import json
import os
import sys
import time

import torch
from torch import nn

SEED = 20261124


def parse_options(description, data, epochs):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", required=True, help="folder for checkpoint.pt, model.onnx and training.json")
    parser.add_argument("--data", default=data, required=data is None, help="folder with the IDX files")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x[i:i + 500]).argmax(1) == y[i:i + 500]).sum().item() for i in range(0, len(x), 500))
    return hits / len(x)


def train_epoch(model, optimizer, schedule, data, augment, batch, epoch):
    x, y = data
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


def fit(make_model, write_onnx, augment, load, options):
    """Trains, and writes checkpoint.pt, model.onnx and training.json (loss, accuracy and time of every epoch) after each epoch.

    `load(folder, split)` gives normalised images [n, 1, 28, 28] and labels; `augment(images, rng)` works on one batch.
    """
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    os.makedirs(options.work, exist_ok=True)
    checkpoint_path = os.path.join(options.work, "checkpoint.pt")
    data, test = load(options.data, "train"), load(options.data, "test")
    model = make_model().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, options.learning_rate, total_steps=options.epochs * (len(data[0]) // options.batch), pct_start=0.25)
    history = []
    if os.path.exists(checkpoint_path):
        state = torch.load(checkpoint_path, weights_only=True)
        if state["schedule"]["total_steps"] != schedule.total_steps:
            sys.exit(f"{checkpoint_path} belongs to a schedule of {state['schedule']['total_steps']} steps, this one has {schedule.total_steps}")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history = state["history"]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, from epoch {len(history)}", flush=True)

    for epoch in range(len(history), options.epochs):
        start = time.time()
        loss = train_epoch(model, optimizer, schedule, data, augment, options.batch, epoch)
        history.append(
            {"epoch": epoch, "loss": loss, "testAccuracy": accuracy(model, *test), "seconds": time.time() - start})
        print(history[-1], flush=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "history": history}
        torch.save(state, checkpoint_path + ".new")
        os.replace(checkpoint_path + ".new", checkpoint_path)
        write_onnx(model.eval(), os.path.join(options.work, "model.onnx"))
        with open(os.path.join(options.work, "training.json"), "w") as file:
            json.dump({"epochs": options.epochs, "seed": SEED, "history": history}, file, indent=2)
