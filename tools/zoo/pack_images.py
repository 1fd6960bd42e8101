"""Writes packed images (`*.lpi`), the format that src/data/packed-images.ts describes and reads."""

import json
import os
import struct
import zlib

import numpy as np


def write_packed_images(path, images, *, set_id, source, licence, labels, class_names, images_per_chunk, **origin):
    """`images`: uint8 [n, h, w] or [n, h, w, 3]. `origin`: more header fields that say where each image came from."""
    count, height, width = images.shape[:3]
    chunks = [
        zlib.compress(np.ascontiguousarray(images[i:i + images_per_chunk], np.uint8).tobytes(), 9)
        for i in range(0, count, images_per_chunk)]
    header = json.dumps({
        "format": "packed-images", "version": 1, "id": set_id, "source": source, "licence": licence, "count": count,
        "width": width, "height": height, "channels": images.shape[3] if images.ndim == 4 else 1,
        "imagesPerChunk": images_per_chunk, "chunkBytes": [len(chunk) for chunk in chunks],
        "labels": [int(label) for label in labels], "classNames": class_names, **origin,
    }, separators=(",", ":")).encode()
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"LPI1" + struct.pack("<I", len(header)) + header)
        file.writelines(chunks)
    print(f"{path}: {count} images, {os.path.getsize(path):,} bytes")


def read_packed_images(path):
    """Gives images [n, h, w, c] and labels [n]; for checking what was written."""
    with open(path, "rb") as file:
        data = file.read()
    length, = struct.unpack("<I", data[4:8])
    header = json.loads(data[8:8 + length])
    parts, at = [], 8 + length
    for size in header["chunkBytes"]:
        parts.append(zlib.decompress(data[at:at + size]))
        at += size
    shape = (header["count"], header["height"], header["width"], header["channels"])
    return np.frombuffer(b"".join(parts), np.uint8).reshape(shape), np.array(header["labels"])
