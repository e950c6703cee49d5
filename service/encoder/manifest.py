"""Reads and checks the manifest of an exported model's folder (written by `onnx_export`)."""

import hashlib
import json
import mmap
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.encoder.contract import ModelInfo
from service.encoder.errors import ModelFolderError

FORMAT = 1
MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A bare name, so that a manifest cannot point outside its own folder.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
# What the service knows how to feed.
GraphInput = Literal["input_ids", "attention_mask", "token_type_ids", "position_ids", "segment_ids"]
_FORMS = (
    {"input_ids", "attention_mask"},
    {"input_ids", "attention_mask", "token_type_ids"},
    {"input_ids", "position_ids", "segment_ids"},
)


class _Part(BaseModel):
    """A part of the manifest: immutable; what the service does not use may be there and is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class GraphSpec(_Part):
    """How to call the graph: int64 inputs of shape (rows, tokens), one float32 output of shape (texts, dim).

    Either each text is a row, and `attention_mask` is 0 where it is padded; or texts stand one behind the other in a
    row, with `position_ids` and `segment_ids` (see `layout`).
    """

    inputs: tuple[GraphInput, ...]
    output: str

    @model_validator(mode="after")
    def _has_a_known_form(self) -> Self:
        if set(self.inputs) not in _FORMS:
            raise ValueError(
                "the inputs must be input_ids and attention_mask, with or without token_type_ids, or input_ids, "
                "position_ids and segment_ids"
            )
        return self

    @property
    def packs(self) -> bool:
        """Whether several texts may stand in one row."""
        return "segment_ids" in self.inputs


class Canary(_Part):
    """A text and the unit vector that the finished graph gave for it at export."""

    text: str
    vector: tuple[float, ...]


class Manifest(_Part):
    """What an exported folder holds and how to use it.

    Attributes:
        dim: length of a vector.
        max_tokens: longest input in tokens, special tokens included.
        files: SHA-256 of each file of the folder.
    """

    format: Literal[1]
    id: Annotated[str, Field(min_length=1)]
    digest: Sha256
    space: Sha256
    architecture: str
    dim: Annotated[int, Field(ge=1)]
    pooling: Literal["mean", "cls", "last"]
    max_tokens: Annotated[int, Field(ge=1)]
    prefix: str
    precision: Literal["fp32", "int8", "fp16"]
    pad_token_id: Annotated[int, Field(ge=0)]
    pad_side: Literal["left", "right"]
    files: dict[FileName, Sha256]
    graph: GraphSpec
    canary: Canary

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = {MODEL_FILE, TOKENIZER_FILE} - set(self.files)
        if missing:
            raise ValueError(f"files lacks {', '.join(sorted(missing))}")
        if len(self.canary.vector) != self.dim:
            raise ValueError(f"canary.vector has {len(self.canary.vector)} numbers where dim is {self.dim}")
        return self

    def expected_digest(self) -> str:
        """The digest that `onnx_export` gives a folder of these files and numbers."""
        decisive = {
            "files": self.files,
            "dim": self.dim,
            "pooling": self.pooling,
            "max_tokens": self.max_tokens,
            "prefix": self.prefix,
            "graph.inputs": list(self.graph.inputs),
            "graph.output": self.graph.output,
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def info(self, provider: str) -> ModelInfo:
        """What `GET /model` shows, once it is known which execution provider runs."""
        return ModelInfo(
            id=self.id,
            digest=self.digest,
            space=self.space,
            dim=self.dim,
            max_tokens=self.max_tokens,
            prefix=self.prefix,
            pooling=self.pooling,
            precision=self.precision,
            provider=provider,
        )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of an exported folder and check every file against its SHA-256, and itself by its digest.

    Raises:
        ModelFolderError: the folder or a file is missing or unreadable, the manifest is malformed, edited or of
            another format, or a file is not the one that was exported.
    """
    if not folder.is_dir():
        raise ModelFolderError(f"no model folder at {folder}; {_remedy(folder)}")
    manifest = _parse(folder, _read(folder, MANIFEST_FILE))
    for name, expected in manifest.files.items():
        _check_file(folder, name, expected)
    _check_graph_stands_alone(folder, manifest)
    if manifest.digest != manifest.expected_digest():
        # What is stored is compared by digest and space, so that those of another model would be taken for its own.
        raise ModelFolderError(
            f"{folder / MANIFEST_FILE} was edited after the export: its digest does not fit what it says; "
            f"{_remedy(folder)}"
        )
    return manifest


def _parse(folder: Path, raw: bytes) -> Manifest:
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise ModelFolderError(f"{folder / MANIFEST_FILE} is not JSON ({error}); {_remedy(folder)}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise ModelFolderError(
            f"{folder / MANIFEST_FILE} has format {found!r} where this service reads {FORMAT}; {_remedy(folder)}"
        )
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'manifest'}: {problem['msg']}" for problem in error.errors()
        )
        raise ModelFolderError(f"{folder / MANIFEST_FILE} is malformed: {problems}; {_remedy(folder)}") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise ModelFolderError(f"{folder / name} is missing; {_remedy(folder)}") from error
    except OSError as error:
        raise ModelFolderError(f"{folder / name} cannot be read: {error.strerror}") from error


def _check_file(folder: Path, name: str, expected: str) -> None:
    try:
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise ModelFolderError(f"{folder / name} is missing; {_remedy(folder)}") from error
    except OSError as error:
        raise ModelFolderError(f"{folder / name} cannot be read: {error.strerror}") from error
    if found != expected:
        raise ModelFolderError(
            f"{folder / name} is not the file that was exported: its SHA-256 is {found}, "
            f"the manifest says {expected}; {_remedy(folder)}"
        )


def _check_graph_stands_alone(folder: Path, manifest: Manifest) -> None:
    """Refuse a graph that may read its weights from a file that nobody vouches for.

    A graph names files of weights in clear, relative to its folder; ONNX Runtime itself refuses those outside. What
    else lies in the folder is left alone, whatever it is.
    """
    listed = {*manifest.files, MANIFEST_FILE}
    others = {path.name for path in folder.rglob("*") if path.name not in listed and not path.is_dir()}
    if not others:
        return
    with (
        (folder / MODEL_FILE).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as graph,
    ):
        for name in sorted(others):
            if graph.find(name.encode()) >= 0:
                raise ModelFolderError(
                    f"{folder / MODEL_FILE} names the file {name}, which is not in the manifest; {_remedy(folder)}"
                )


def _remedy(folder: Path) -> str:
    return f"export the model with `python -m onnx_export --out {folder}`"
