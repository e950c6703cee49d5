"""What the encoder's tests share: a tiny exported folder, made in a moment, whose vectors can be computed by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from service.encoder import Manifest
from service.vectors import Vectors

DIM = 8
CANARY = "trail running shoes"


@pytest.fixture(scope="session")
def words() -> list[str]:
    """The tiny model's vocabulary; a word's place is its id."""
    return ["[PAD]", "[UNK]", "poison", "nan", *CANARY.split(), *(f"w{number}" for number in range(200))]


@pytest.fixture(scope="session")
def table(words: list[str]) -> Vectors:
    """The tiny model's weights: a vector for each word."""
    return np.random.default_rng(0).standard_normal((len(words), DIM)).astype(np.float32)


@pytest.fixture(scope="session")
def bag_of_words(words: list[str], table: Vectors) -> Callable[[str], Vectors]:
    """What the tiny model gives for a text: the sum of its words' vectors, at unit length."""

    def vector(text: str) -> Vectors:
        total = table[[words.index(word) for word in text.split()]].sum(axis=0)
        return np.asarray(total / np.linalg.norm(total))

    return vector


@pytest.fixture
def write_folder(
    tmp_path: Path, words: list[str], table: Vectors, bag_of_words: Callable[[str], Vectors]
) -> Callable[..., Path]:
    """Writes the tiny model's folder; named arguments replace a file or change the manifest before its digest."""

    def write(*, model: bytes | None = None, tokenizer: str | None = None, **changes: Any) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        folder.joinpath("model.onnx").write_bytes(_model(table) if model is None else model)
        folder.joinpath("tokenizer.json").write_text(_tokenizer(words) if tokenizer is None else tokenizer)
        document = _document(folder, bag_of_words(CANARY)) | changes
        document["digest"] = Manifest.model_validate(document).expected_digest()
        folder.joinpath("manifest.json").write_text(json.dumps(document))
        return folder

    return write


def _tokenizer(words: list[str]) -> str:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return str(tokenizer.to_str())


def tiny_model() -> bytes:
    """A model of this form with weights of its own."""
    return _model(np.ones((40_000, DIM), np.float32))


def _model(table: Vectors) -> bytes:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["words", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "tokens"], ["total"], keepdims=0),
        helper.make_node("LpNormalization", ["total"], ["sentence_embedding"], axis=1, p=2),
    ]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "tokens"),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", DIM])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def _document(folder: Path, canary: Vectors) -> dict[str, Any]:
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
    }
    return {
        "format": 1,
        "id": "tiny",
        "digest": "0" * 64,
        "space": "1" * 64,
        "source": {"kind": "folder", "reference": "tiny", "weights_sha256": {}},
        "architecture": "bag-of-words",
        "dim": DIM,
        "pooling": "mean",
        "max_tokens": 128,
        "prefix": "",
        "precision": "fp32",
        "pad_token_id": 0,
        "pad_side": "right",
        "files": files,
        "graph": {"inputs": ["input_ids", "attention_mask"], "output": "sentence_embedding", "opset": 17, "fused": {}},
        "parity": {},
        "canary": {"text": CANARY, "vector": [float(number) for number in canary]},
        "tools": {},
    }
