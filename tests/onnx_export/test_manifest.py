import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onnx_export import Manifest, is_complete, read_manifest
from onnx_export.manifest import (
    Canary,
    Graph,
    Parity,
    Source,
    canonical_sha256,
    file_sha256,
    model_digest,
    space_digest,
)

DIGEST: dict[str, Any] = {
    "files": {"model.onnx": "a", "tokenizer.json": "b"},
    "dim": 4,
    "pooling": "mean",
    "max_tokens": 8,
    "prefix": "",
    "inputs": ("input_ids", "attention_mask"),
    "output": "sentence_embedding",
}
SPACE: dict[str, Any] = {"weights": {"w": "1", "v": "2"}, "tokenizer": "t", "pooling": "mean", "prefix": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"model.onnx": b"graph", "tokenizer.json": b"{}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    manifest = Manifest(
        format=1,
        id="x",
        digest="d",
        space="s",
        source=Source("folder", "x", {"model.safetensors": "w"}),
        architecture="bert",
        dim=2,
        pooling="mean",
        max_tokens=8,
        prefix="query: ",
        precision="fp32",
        pad_token_id=0,
        pad_side="right",
        files={name: file_sha256(tmp_path / name) for name in files},
        graph=Graph(("input_ids", "attention_mask"), "sentence_embedding", 17, {"Attention": 6}),
        parity=Parity(200, 1e-7, 1.0, 1.0, 1.0, 1e-7, 1.0),
        canary=Canary("跑鞋", (0.6, 0.8)),
        tools={"torch": "2"},
    )
    (tmp_path / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return tmp_path


def test_a_manifest_reads_back_as_it_was(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.canary == Canary("跑鞋", (0.6, 0.8))
    assert replace(manifest, dim=3) != manifest


def test_a_whole_folder_is_complete(folder: Path) -> None:
    assert is_complete(folder)


def break_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"graqh")


def remove_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def remove_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def cut_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")


def edit(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        break_graph,
        remove_tokenizer,
        remove_manifest,
        cut_manifest,
        edit(format=2),
        edit(surprise=1),
        edit(files={}),
        edit(canary={"words": "x"}),
    ],
)
def test_a_damaged_folder_is_not_complete(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    assert not is_complete(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"model.onnx": "c", "tokenizer.json": "b"}},
        {"dim": 5},
        {"pooling": "cls"},
        {"max_tokens": 9},
        {"prefix": "query: "},
        {"inputs": ("input_ids",)},
        {"output": "other"},
    ],
)
def test_the_digest_covers_all_that_decides_a_vector(change: dict[str, Any]) -> None:
    assert model_digest(**{**DIGEST, **change}) != model_digest(**DIGEST)


def test_the_space_depends_on_weights_but_not_on_their_file_names() -> None:
    space = space_digest(**SPACE, max_tokens=8)
    assert space_digest(**{**SPACE, "weights": {"other": "2", "names": "1"}}, max_tokens=8) == space
    assert space_digest(**{**SPACE, "weights": {"w": "1", "v": "3"}}, max_tokens=8) != space
    assert space_digest(**SPACE, max_tokens=9) != space


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical_sha256({"b": 1, "a": [2]}) == canonical_sha256({"a": [2], "b": 1})
    assert canonical_sha256({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
