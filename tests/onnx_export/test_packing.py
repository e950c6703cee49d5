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

from onnx_export import errors, export, read_manifest
from onnx_export.packing import INPUTS, pack
from onnx_export.texts import BEHAVIOURS
from service.encoder import OnnxEncoder, session
from service.encoder import read_manifest as service_manifest
from service.encoder.bound import BoundGraph
from service.encoder.session import packed_rows
from service.encoder.tokenization import TextTokenizer

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
    export(str(model), out, rows="shared", pooling=pooling)
    random = np.random.default_rng(0)
    one, two, three, four = (random.integers(10, 300, length).tolist() for length in (5, 1, 11, 3))
    three[4] = read_manifest(out).pad_token_id  # as a text may spell it

    found = run(out, [one, two], [three], [four], padding=2)

    expected = [reference(model, ids, pooling) for ids in (one, two, three, four)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_of_a_neighbour_gets_into_a_vector(make_model: MakeModel, tmp_path: Path, architecture: str) -> None:
    out = tmp_path / "out"
    export(str(make_model(architecture)), out, rows="shared")
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
    ("model_type", "pooling", "precision"),
    [("bert", "last", "fp32"), ("bert", "mean", "int8"), ("bert", "mean", "fp16"), ("mpnet", "mean", "fp32")],
)
def test_what_cannot_share_rows_is_refused(model_type: str, pooling: str, precision: str) -> None:
    config = SimpleNamespace(model_type=model_type, num_hidden_layers=2)
    with pytest.raises(errors.RowsError, match=f"{precision} of a {model_type} with {pooling} pooling.*--rows padded"):
        pack(fused(attention=2), config, pooling, 4, precision=precision)


def test_a_graph_of_another_form_is_refused() -> None:
    config = SimpleNamespace(model_type="roberta", num_hidden_layers=2)
    with pytest.raises(errors.RowsError, match="1 tables of positions and 1 fused attentions in 2 layers"):
        pack(fused(attention=1), config, "mean", 4)
    with pytest.raises(errors.RowsError, match="0 tables of positions and 2 fused attentions in 2 layers"):
        pack(fused(attention=2, positions="distances"), config, "mean", 4)


def test_unknown_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.RowsError, match="unknown rows 'common'; choose one of padded, shared"):
        export("anything", tmp_path / "out", rows="common")


async def encode(encoder: OnnxEncoder, texts: list[str]) -> np.ndarray:
    with encoder.admit(len(texts)) as permit:
        return (await encoder.encode(texts, permit)).vectors


@pytest.mark.anyio
async def test_the_service_runs_few_short_texts_at_once_with_next_to_no_padding(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(str(make_model("bert")), tmp_path / "out", rows="shared")
    as_wide_as_the_default = packed_rows(384)  # in a model as narrow as this one, attention costs more than the rest
    monkeypatch.setattr(session, "packed_rows", lambda _: as_wide_as_the_default)
    encoder = OnnxEncoder.load(tmp_path / "out", cache_texts=0, force_cpu=True)
    try:
        texts = list(BEHAVIOURS[:20])
        together = await encode(encoder, texts)
        stats = encoder.stats
        assert (stats.batches, stats.texts_encoded) == (1, 20)
        assert stats.padding_share < 0.1
        for text, vector in zip(texts, together, strict=True):
            np.testing.assert_allclose(vector, (await encode(encoder, [text]))[0], atol=1e-6)
        assert await encoder.canary()
    finally:
        encoder.close()


@pytest.mark.anyio
async def test_on_a_gpu_each_text_has_a_row_of_its_own(make_model: MakeModel, tmp_path: Path) -> None:
    """As far as a CPU shows it: the same vectors from fixed buffers."""
    out = tmp_path / "out"
    export(str(make_model("bert")), out, rows="shared")
    manifest = service_manifest(out)
    opened = onnxruntime.InferenceSession(str(out / "model.onnx"), providers=["CPUExecutionProvider"])
    plain = OnnxEncoder.load(out, cache_texts=0, force_cpu=True)
    fixed = OnnxEncoder(manifest, TextTokenizer.load(out, manifest), BoundGraph(opened, manifest, "cpu"))
    try:
        texts = [*BEHAVIOURS[:9], "", "long " * 100]
        np.testing.assert_allclose(await encode(plain, texts), await encode(fixed, texts), atol=1e-6)
    finally:
        plain.close()
        fixed.close()
