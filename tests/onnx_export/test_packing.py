"""Several texts in one row: each has the vector that it has alone, whatever stands beside it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import transformers
from onnx import helper

from onnx_export import export, read_manifest
from onnx_export.packing import INPUTS, can_pack

MakeModel = Callable[..., Path]
Texts = list[list[int]]
hugging: Any = transformers  # its loaders are untyped


@pytest.fixture(scope="module", params=["bert", "roberta", "xlm-roberta"])
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run(folder: Path, *rows: Texts, padding: int = 0) -> np.ndarray:
    """Vectors of the texts, numbered through the rows, each row with so many tokens of padding at least."""
    width = max(sum(map(len, row)) for row in rows) + padding
    arrays = {name: np.zeros((len(rows), width), np.int64) for name in INPUTS}
    arrays["input_ids"][:] = read_manifest(folder).pad_token_id
    number = 0
    for place, row in enumerate(rows):
        start = 0
        for ids in row:
            number += 1
            here = place, slice(start, start + len(ids))
            for name, values in zip(INPUTS, (ids, range(len(ids)), [number] * len(ids)), strict=True):
                arrays[name][here] = values
            start += len(ids)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, arrays)[0]
    assert found.shape[0] == number
    return found


def reference(model: Path, ids: list[int], pooling: str) -> np.ndarray:
    """The vector by PyTorch."""
    loaded = hugging.AutoModel.from_pretrained(model)
    with torch.inference_mode():
        hidden = loaded(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))
    states = hidden.last_hidden_state[0].numpy()
    vector = states.mean(axis=0) if pooling == "mean" else states[0]
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_pytorch_wherever_a_text_stands(
    make_model: MakeModel, tmp_path: Path, architecture: str, pooling: str
) -> None:
    model = make_model(architecture)
    out = tmp_path / "out"
    export(str(model), out, pooling=pooling)
    random = np.random.default_rng(0)
    one, two, three, four = (random.integers(10, 300, length).tolist() for length in (5, 1, 11, 3))
    three[4] = read_manifest(out).pad_token_id  # as a text may spell it

    found = run(out, [one, two], [three], [four], padding=2)

    expected = [reference(model, ids, pooling) for ids in (one, two, three, four)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_of_a_neighbour_gets_into_a_vector(make_model: MakeModel, tmp_path: Path, architecture: str) -> None:
    out = tmp_path / "out"
    export(str(make_model(architecture)), out)
    random = np.random.default_rng(1)
    text, other, another = (random.integers(10, 300, 7).tolist() for _ in range(3))

    beside_one, beside_another = run(out, [other, text]), run(out, [another, text])

    np.testing.assert_array_equal(beside_one[1], beside_another[1])
    assert not np.allclose(beside_one[0], beside_another[0], atol=1e-3)
    np.testing.assert_allclose(beside_one[1], run(out, [text])[0], atol=1e-6)


def fused(attention: int, positions: str = "embeddings.position_embeddings.weight") -> onnx.ModelProto:
    """As much of a fused graph as tells its form: one look-up of positions, and so many attentions with a mask."""
    nodes = [helper.make_node("Gather", [positions, "places"], ["embedded"])]
    nodes += [helper.make_node("Attention", ["embedded", "w", "b", "mask"], [f"h{n}"]) for n in range(attention)]
    return helper.make_model(helper.make_graph(nodes, "fused", [], []))


@pytest.mark.parametrize(
    ("model_type", "pooling", "precision", "packs"),
    [
        ("bert", "mean", "fp32", True),
        ("xlm-roberta", "cls", "fp32", True),
        ("bert", "last", "fp32", False),
        ("bert", "mean", "int8", False),
        ("bert", "mean", "fp16", False),
        ("mpnet", "mean", "fp32", False),
    ],
)
def test_which_models_are_packed(model_type: str, pooling: str, precision: str, packs: bool) -> None:
    config = SimpleNamespace(model_type=model_type, num_hidden_layers=2)
    assert can_pack(fused(attention=2), config, pooling, precision) == packs


def test_a_graph_of_another_form_is_left_padded() -> None:
    config = SimpleNamespace(model_type="roberta", num_hidden_layers=2)
    assert not can_pack(fused(attention=1), config, "mean", "fp32")  # one that did not fuse
    assert not can_pack(fused(attention=2, positions="distances"), config, "mean", "fp32")
