"""Makes tests/conformance/images.json: encoded images and what Pillow makes of them, for src/data's decoder and preprocessing.

Run from the repository root: python tools/conformance/images.py
Needs numpy and pillow.
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

rng = np.random.default_rng(5)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def smooth(height: int, width: int, channels: int) -> np.ndarray:
    """Waves plus noise: edges for the resizer, every filter type for the PNG encoder."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (4 - c)) for c in range(channels)]
    noisy = np.stack(planes, axis=-1) + rng.normal(0, 12, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def encoded(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def plain(image: Image.Image) -> dict:
    pixels = np.asarray(image)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return {"width": image.width, "height": image.height, "channels": channels, "data": b64(pixels.tobytes())}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(pixels: np.ndarray, colour_type: int, depth: int, interlaced: bool) -> bytes:
    """PNG kinds that Pillow does not write. `pixels`: height x width x samples, big-endian for 16 bits."""
    height, width = pixels.shape[:2]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    lines = []
    for x, y, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = pixels[y::dy, x::dx]
        if part.size:
            for row in part:
                if depth == 16:
                    body = row.astype(">u2").tobytes()
                elif depth == 8:
                    body = row.astype(np.uint8).tobytes()
                else:
                    bits = ((row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
                    body = np.packbits(bits.ravel()).tobytes()
                lines.append(b"\0" + body)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    body = zlib.compress(b"".join(lines))
    half = len(body) // 2
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body[:half]) + chunk(b"IDAT", body[half:]) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def png_cases() -> list:
    rgb = Image.fromarray(smooth(19, 23, 3))
    grey = Image.fromarray(smooth(19, 23, 1)[..., 0])
    rgba = rgb.copy()
    rgba.putalpha(grey)
    cases = [
        ("grey", encoded(grey, format="PNG"), grey),
        ("rgb", encoded(rgb, format="PNG"), rgb),
        ("rgba", encoded(rgba, format="PNG"), rgba.convert("RGB")),
        ("grey-alpha", encoded(rgba.convert("LA"), format="PNG"), rgba.convert("LA").convert("L")),
    ]
    for colours in (2, 4, 16, 200):
        palette = rgb.quantize(colours)
        cases.append((f"palette-{colours}", encoded(palette, format="PNG"), palette.convert("RGB")))
    for depth in (1, 2, 4):
        levels = rng.integers(0, 2**depth, (19, 23, 1))
        expected = Image.fromarray((levels[..., 0] * (255 // (2**depth - 1))).astype(np.uint8))
        cases.append((f"grey-{depth}-bit", raw_png(levels, 0, depth, False), expected))
    wide = rng.integers(0, 65536, (19, 23, 3))
    cases.append(("rgb-16-bit", raw_png(wide, 2, 16, False), Image.fromarray((wide >> 8).astype(np.uint8))))
    pixels = np.asarray(rgb)
    cases.append(("rgb-interlaced", raw_png(pixels, 2, 8, True), rgb))
    bits = rng.integers(0, 2, (19, 23, 1))
    expected = Image.fromarray((bits[..., 0] * 255).astype(np.uint8))
    cases.append(("grey-1-bit-interlaced", raw_png(bits, 0, 1, True), expected))
    for name, data, expected in cases:
        # What Pillow itself reads must agree with what we expect of the hand-made files; it keeps 16-bit RGB by its upper byte.
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert(expected.mode)), np.asarray(expected)), name
    return [{"name": name, "png": b64(data), "expected": plain(expected)} for name, data, expected in cases]


def jpeg_cases() -> list:
    y, x = np.mgrid[0:40, 0:56]
    gentle = np.stack([x * 4, y * 6, 255 - x * 2 - y], axis=-1).clip(0, 255).astype(np.uint8)
    rgb = Image.fromarray(gentle)
    options = {
        "4:4:4": {"subsampling": 0},
        "4:2:0": {"subsampling": 2},
        "progressive": {"subsampling": 0, "progressive": True},
    }
    cases = [(name, encoded(rgb, format="JPEG", quality=92, **extra)) for name, extra in options.items()]
    cases.append(("grey", encoded(rgb.convert("L"), format="JPEG", quality=92)))
    return [
        {"name": name, "jpeg": b64(data), "expected": plain(Image.open(io.BytesIO(data)).convert("RGB"))}
        for name, data in cases
    ]


def resize_cases() -> list:
    cases = []
    for channels, source, target in [(3, (37, 29), (11, 13)), (3, (20, 16), (33, 41)), (1, (50, 64), (7, 64)), (1, (9, 9), (1, 1))]:
        pixels = smooth(source[0], source[1], channels)
        image = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
        resized = image.resize((target[1], target[0]), Image.Resampling.BILINEAR)
        cases.append({"source": plain(image), "expected": plain(resized)})
    return cases


def main() -> None:
    rgb = Image.fromarray(smooth(12, 10, 3))
    document = {
        "command": "python tools/conformance/images.py",
        "versions": {"pillow": PIL.__version__, "numpy": np.__version__},
        "png": png_cases(),
        "jpeg": jpeg_cases(),
        "resize": resize_cases(),
        "grey": {"source": plain(rgb), "expected": plain(rgb.convert("L"))},
    }
    target = Path("tests/conformance/images.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
