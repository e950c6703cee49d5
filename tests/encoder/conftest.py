"""What the encoder's tests share: a tiny exported folder made in a moment, and a graph that tests can hold and break."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from service.encoder import Manifest, OnnxEncoder, Vectors, read_manifest
from service.encoder.tokenization import Ids, TextTokenizer

DIM = 8
WORDS = ["[PAD]", "[UNK]", "poison", "nan", "trail", "running", "shoes", *(f"w{number}" for number in range(200))]
CANARY = "trail running shoes"

WriteFolder = Callable[..., Path]
MakeEncoder = Callable[..., OnnxEncoder]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def table() -> Vectors:
    """A random vector for each word of the tiny vocabulary."""
    return np.random.default_rng(0).standard_normal((len(WORDS), DIM)).astype(np.float32)


class StubGraph:
    """Gives the unit mean of the words' vectors, as the tiny graph does; tests can hold it and make it fail.

    Attributes:
        shapes: (texts, tokens) of each run, failed ones included.
        entered: set whenever a run has begun.
        gate: a run waits until it is set.
    """

    provider = "CPUExecutionProvider"

    def __init__(self, table: Vectors) -> None:
        self.table = table
        self.shapes: list[tuple[int, int]] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Vectors:
        self.shapes.append((input_ids.shape[0], input_ids.shape[1]))
        self.entered.set()
        assert self.gate.wait(30), "the test forgot to open the gate"
        if (input_ids == WORDS.index("poison")).any():
            raise RuntimeError("poisoned")
        total = (self.table[input_ids] * attention_mask[..., None]).sum(axis=1)
        vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
        vectors[(input_ids == WORDS.index("nan")).any(axis=1)] = np.nan
        return np.asarray(vectors, dtype=np.float32)

    def expected(self, text: str) -> Vectors:
        """What it gives for one text."""
        ids = np.array([[WORDS.index(word) for word in text.split()]])
        return self.forward(ids, np.ones_like(ids))[0]


def tiny_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


def tiny_model(table: Vectors) -> Any:
    """The ONNX graph of `StubGraph`."""
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
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", DIM])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def tiny_document(folder: Path, vector: Vectors) -> dict[str, Any]:
    """The manifest of a folder that has the two other files."""
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
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")
        },
        "graph": {"inputs": ["input_ids", "attention_mask"], "output": "sentence_embedding", "opset": 17, "fused": {}},
        "parity": {},
        "canary": {"text": CANARY, "vector": [float(number) for number in vector]},
        "tools": {},
    }


@pytest.fixture
def write_folder(tmp_path: Path, table: Vectors) -> WriteFolder:
    """Writes a tiny exported folder; named arguments change the manifest before its digest is made."""

    def write(*, model: bytes | None = None, tokenizer: str | None = None, **changes: Any) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        folder.joinpath("model.onnx").write_bytes(tiny_model(table).SerializeToString() if model is None else model)
        folder.joinpath("tokenizer.json").write_text(tiny_tokenizer().to_str() if tokenizer is None else tokenizer)
        document = tiny_document(folder, StubGraph(table).expected(CANARY)) | changes
        folder.joinpath("manifest.json").write_text(json.dumps(document))
        document["digest"] = Manifest.model_validate(document).expected_digest()
        folder.joinpath("manifest.json").write_text(json.dumps(document))
        return folder

    return write


@pytest.fixture
def tiny_manifest(write_folder: WriteFolder) -> Manifest:
    return read_manifest(write_folder())


@pytest.fixture
def graph(table: Vectors) -> StubGraph:
    return StubGraph(table)


@pytest.fixture
def make_encoder(tiny_manifest: Manifest, graph: StubGraph) -> Iterator[MakeEncoder]:
    """Makes encoders that run `graph`, and closes them after the test."""
    made: list[OnnxEncoder] = []

    def make(manifest: Manifest = tiny_manifest, **options: int) -> OnnxEncoder:
        made.append(OnnxEncoder(manifest, TextTokenizer(tiny_tokenizer(), manifest), graph, **options))
        return made[-1]

    yield make
    graph.gate.set()
    for encoder in made:
        encoder.close()
