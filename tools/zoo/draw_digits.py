"""Draws synthetic digits with a stroke model: data for the digits net that may be shipped, labels exact by construction.

    python3 tools/zoo/draw_digits.py --output public/zoo/drawn-digits

Each digit has a few ways of writing it, as strokes of control points. A drawing jitters the points, joins them by
Catmull-Rom curves, turns, shears and stretches the whole, and draws it with a round brush, as a finger on a canvas would. The
result is fitted into 20 x 20 pixels and centred by its mass in 28 x 28, as MNIST was. Training draws digits with a seed of its own.
"""

import argparse
import math
import os
import sys

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pack_images import write_packed_images  # noqa: E402

SEED = 20261124
SETS = (("test", 1000), ("calibration", 100))
SIDE, BOX, CANVAS = 28, 20, 320
JITTER, ROTATION, SHEAR, STRETCH = 0.05, math.radians(20), 0.3, 0.25
BRUSH = (0.05, 0.19)


def arc(cx, cy, rx, ry, start, stop, steps=9):
    """Points on an ellipse, degrees clockwise from the right (y points down)."""
    angles = np.radians(np.linspace(start, stop, steps))
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# Variants of each digit; a variant is a list of strokes, a stroke a list of (x, y) in the unit square. A point given twice is a corner.
DIGITS = {
    0: [[arc(0.5, 0.5, 0.3, 0.45, -80, 285, 14)], [arc(0.5, 0.5, 0.38, 0.42, -110, 250, 14)]],
    1: [[[(0.5, 0.05), (0.5, 0.5), (0.5, 0.95)]],
        [[(0.3, 0.28), (0.52, 0.05), (0.52, 0.05), (0.52, 0.5), (0.52, 0.95)]]],
    2: [[arc(0.5, 0.3, 0.3, 0.25, -165, 40, 8) + [(0.45, 0.72), (0.2, 0.93), (0.2, 0.93), (0.5, 0.93), (0.82, 0.93)]],
        [arc(0.48, 0.3, 0.3, 0.25, -150, 50, 8) + [(0.4, 0.78), (0.25, 0.9), (0.2, 0.82), (0.35, 0.8), (0.6, 0.92), (0.85, 0.9)]]],
    3: [[arc(0.45, 0.28, 0.28, 0.22, -150, 85, 8) + arc(0.45, 0.71, 0.33, 0.23, -85, 155, 9)],
        [[(0.2, 0.07), (0.5, 0.07), (0.78, 0.07), (0.78, 0.07), (0.46, 0.42), (0.46, 0.42)] + arc(0.46, 0.69, 0.32, 0.26, -80, 150, 9)]],
    4: [[[(0.35, 0.05), (0.28, 0.35), (0.2, 0.58), (0.2, 0.58), (0.5, 0.58), (0.85, 0.58)], [(0.68, 0.08), (0.66, 0.5), (0.64, 0.95)]],
        [[(0.62, 0.95), (0.62, 0.5), (0.62, 0.05), (0.62, 0.05), (0.4, 0.34), (0.15, 0.64), (0.15, 0.64), (0.5, 0.64), (0.88, 0.64)]]],
    5: [[[(0.78, 0.07), (0.5, 0.07), (0.28, 0.07), (0.28, 0.07), (0.26, 0.25), (0.24, 0.44), (0.24, 0.44)] + arc(0.46, 0.67, 0.32, 0.26, -120, 150, 10)],
        [[(0.28, 0.07), (0.26, 0.25), (0.25, 0.43), (0.25, 0.43)] + arc(0.46, 0.67, 0.32, 0.25, -125, 145, 10), [(0.28, 0.07), (0.5, 0.07), (0.78, 0.06)]]],
    6: [[[(0.7, 0.06), (0.42, 0.25), (0.24, 0.55)] + arc(0.5, 0.7, 0.28, 0.24, 190, -170, 13)],
        [[(0.6, 0.04), (0.36, 0.3), (0.25, 0.62)] + arc(0.48, 0.72, 0.24, 0.21, 180, -190, 13)]],
    7: [[[(0.18, 0.07), (0.5, 0.07), (0.82, 0.07), (0.82, 0.07), (0.58, 0.5), (0.42, 0.95)]],
        [[(0.18, 0.08), (0.5, 0.08), (0.82, 0.08), (0.82, 0.08), (0.58, 0.5), (0.42, 0.95)], [(0.35, 0.5), (0.55, 0.5), (0.76, 0.5)]]],
    8: [[arc(0.5, 0.28, 0.24, 0.21, 90, 450, 12) + arc(0.5, 0.72, 0.3, 0.23, -90, -450, 12)],
        [[(0.72, 0.16), (0.5, 0.05), (0.28, 0.2), (0.4, 0.42), (0.64, 0.58), (0.74, 0.78), (0.5, 0.95), (0.26, 0.78), (0.38, 0.57), (0.62, 0.4), (0.72, 0.2), (0.68, 0.12)]]],
    9: [[arc(0.48, 0.3, 0.26, 0.24, -20, -375, 13) + [(0.74, 0.3), (0.72, 0.6), (0.66, 0.95)]],
        [arc(0.48, 0.3, 0.27, 0.24, -10, -365, 13) + [(0.75, 0.35), (0.74, 0.7), (0.55, 0.93), (0.3, 0.9)]]],
}


def catmull_rom(points, steps=12):
    p = np.array([points[0], *points, points[-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = [
        0.5 * (2 * p[i] + (p[i + 1] - p[i - 1]) * t + (2 * p[i - 1] - 5 * p[i] + 4 * p[i + 1] - p[i + 2]) * t**2
               + (3 * p[i] - p[i - 1] - 3 * p[i + 1] + p[i + 2]) * t**3)
        for i in range(1, len(p) - 2)]
    return np.concatenate([*curve, p[-1:]])


def jitter(stroke, rng):
    """Moves the points; a corner's two points move together."""
    moved = []
    for i, point in enumerate(stroke):
        is_corner = i > 0 and point == stroke[i - 1]
        moved.append(moved[-1] if is_corner else tuple(np.array(point) + rng.normal(0, JITTER, 2)))
    return moved


def draw(strokes, rng):
    angle, shear = rng.uniform(-ROTATION, ROTATION), rng.uniform(-SHEAR, SHEAR)
    sx, sy = 1 + rng.uniform(-STRETCH, STRETCH, 2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = turn @ np.array([[sx, shear], [0, sy]])
    brush = rng.uniform(*BRUSH) * CANVAS / 2
    image = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(image)
    for stroke in strokes:
        points = (catmull_rom(jitter(stroke, rng)) - 0.5) @ matrix.T * (CANVAS * 0.5) + CANVAS / 2
        pen.line([tuple(p) for p in points], fill=255, width=round(brush))
        for x, y in points:
            pen.ellipse([x - brush / 2, y - brush / 2, x + brush / 2, y + brush / 2], fill=255)
    return np.asarray(image)


def fit(drawing):
    """The preparation of MNIST: longest side to 20 pixels, then the centre of mass into the middle of 28 x 28."""
    rows, columns = np.flatnonzero(drawing.any(1)), np.flatnonzero(drawing.any(0))
    cut = Image.fromarray(drawing[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1])
    scale = BOX / max(cut.size)
    small = np.asarray(cut.resize([max(1, round(s * scale)) for s in cut.size], Image.Resampling.BOX)).astype(float)
    h, w = small.shape
    cy, cx = (small.sum(1) @ np.arange(h) / small.sum(), small.sum(0) @ np.arange(w) / small.sum())
    top, left = round(SIDE / 2 - 0.5 - cy), round(SIDE / 2 - 0.5 - cx)
    top, left = min(max(top, 0), SIDE - h), min(max(left, 0), SIDE - w)
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[top:top + h, left:left + w] = np.round(small)
    return out


def draw_set(count, seed):
    """Gives images [count, 28, 28] and labels 0, 1, … 9, 0, 1, …"""
    rng = np.random.Generator(np.random.PCG64(seed))
    labels = np.arange(count) % len(DIGITS)
    images = [fit(draw(DIGITS[d][rng.integers(len(DIGITS[d]))], rng)) for d in labels]
    return np.stack(images), labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    for index, (name, count) in enumerate(SETS):
        images, labels = draw_set(count, SEED + index)
        write_packed_images(
            os.path.join(options.output, f"{name}.lpi"), images, set_id=f"drawn-digits-{name}",
            source=f"synthetic: drawn by tools/zoo/draw_digits.py, seed {SEED + index}", licence="Apache-2.0, the authors of Lathe",
            labels=labels, class_names=[str(d) for d in DIGITS], images_per_chunk=500)


if __name__ == "__main__":
    main()
