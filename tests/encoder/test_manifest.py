"""Folders that must not be served: each is refused with a message that says what is wrong and what to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.encoder import ModelFolderError, OnnxEncoder, read_manifest

WriteFolder = Callable[..., Path]
REMEDY = "python -m onnx_export --out"


def edit(folder: Path, **changes: Any) -> None:
    """Change the manifest after the export, without making its digest anew."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFolderError) as refused:
        OnnxEncoder.load(folder, force_cpu=True)
    return str(refused.value)


def test_reads_what_was_exported(write_folder: WriteFolder) -> None:
    manifest = read_manifest(write_folder(prefix="query: ", precision="int8"))
    info = manifest.info("CPUExecutionProvider")
    assert (info.id, info.dim, info.prefix, info.precision) == ("tiny", 8, "query: ", "int8")
    assert info.digest == manifest.digest
    assert info.provider == "CPUExecutionProvider"


def test_missing_folder_names_the_remedy(tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere")
    assert "no model folder" in message
    assert f"{REMEDY} {tmp_path / 'nowhere'}" in message


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "tokenizer.json"])
def test_missing_file(write_folder: WriteFolder, name: str) -> None:
    folder = write_folder()
    (folder / name).unlink()
    message = refusal(folder)
    assert f"{name} is missing" in message
    assert REMEDY in message


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_unreadable_file(write_folder: WriteFolder, name: str) -> None:
    folder = write_folder()
    (folder / name).unlink()
    (folder / name).mkdir()
    assert f"{name} cannot be read: Is a directory" in refusal(folder)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_file_that_was_changed_is_refused(write_folder: WriteFolder, name: str) -> None:
    folder = write_folder()
    with (folder / name).open("ab") as file:
        file.write(b" ")
    message = refusal(folder)
    assert f"{name} is not the file that was exported" in message
    assert "SHA-256" in message


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe\x00"])
def test_manifest_that_is_not_json(write_folder: WriteFolder, raw: bytes) -> None:
    folder = write_folder()
    (folder / "manifest.json").write_bytes(raw)
    assert "is not JSON" in refusal(folder)


@pytest.mark.parametrize("document", [[], {}, {"format": 2}, {"format": "1"}])
def test_unknown_format(write_folder: WriteFolder, document: object) -> None:
    folder = write_folder()
    (folder / "manifest.json").write_text(json.dumps(document))
    assert "where this service reads 1" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dim": 0}, "dim: "),
        ({"dim": 9}, "canary.vector has 8 numbers where dim is 9"),
        ({"digest": "short"}, "digest: "),
        ({"pooling": "max"}, "pooling: "),
        ({"precision": "int4"}, "precision: "),
        ({"pad_side": "middle"}, "pad_side: "),
        ({"max_tokens": "many"}, "max_tokens: "),
        ({"files": {"model.onnx": "0" * 64}}, "files lacks tokenizer.json"),
        ({"files": {"../model.onnx": "0" * 64}}, "files."),
        ({"graph": {"inputs": ["input_ids"], "output": "x"}}, "the inputs must be input_ids and attention_mask, with"),
        ({"graph": {"inputs": ["input_ids", "attention_mask", "pixels"], "output": "x"}}, "graph.inputs.2"),
        ({"canary": {"text": "a", "vector": [float("nan")] * 8}}, "canary.vector.0"),
        ({"canary": None}, "canary: "),
    ],
)
def test_malformed_manifest_names_the_field(write_folder: WriteFolder, changes: dict[str, Any], problem: str) -> None:
    folder = write_folder()
    edit(folder, **changes)
    message = refusal(folder)
    assert "is malformed" in message
    assert problem in message
    assert REMEDY in message


@pytest.mark.parametrize("changes", [{"prefix": "query: "}, {"max_tokens": 4}, {"pooling": "cls"}])
def test_manifest_edited_by_hand_is_refused(write_folder: WriteFolder, changes: dict[str, Any]) -> None:
    folder = write_folder()
    edit(folder, **changes)
    assert "was edited after the export" in refusal(folder)


def test_model_that_is_no_graph(write_folder: WriteFolder) -> None:
    assert "model.onnx cannot be opened" in refusal(write_folder(model=b"not a graph"))


def test_tokenizer_that_is_none(write_folder: WriteFolder) -> None:
    assert "is not a tokenizer" in refusal(write_folder(tokenizer="{}"))


def test_graph_with_other_names(write_folder: WriteFolder) -> None:
    spec = {"inputs": ["input_ids", "attention_mask", "token_type_ids"], "output": "sentence_embedding"}
    assert "the graph takes ['attention_mask', 'input_ids']" in refusal(write_folder(graph=spec))


def test_graph_of_another_dimension(write_folder: WriteFolder) -> None:
    folder = write_folder(dim=2, canary={"text": "trail", "vector": [1.0, 0.0]})
    assert "shape (1, 8) where the manifest says (1, 2)" in refusal(folder)


def test_graph_that_does_not_run(write_folder: WriteFolder) -> None:
    # An id beyond the embedding table.
    folder = write_folder(pad_token_id=1_000_000)
    assert "does not run" in refusal(folder)
