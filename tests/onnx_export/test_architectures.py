"""Every architecture through the whole pipeline, gate included, on a tiny model with random weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import transformers
from tokenizers import Tokenizer

from onnx_export import Manifest, export, is_complete, read_manifest
from onnx_export.texts import SUITE

MakeModel = Callable[..., Path]
hugging: Any = transformers  # its loaders are untyped

BERT_FUSED = {"EmbedLayerNormalization": 1, "SkipLayerNormalization": 4, "BiasGelu": 2}
EXPECTED = {
    # architecture: pooling, max tokens, padding token, operators that must be fused
    "bert": ("mean", 64, 0, {**BERT_FUSED, "Attention": 2}),
    "distilbert": ("mean", 64, 0, {"SkipLayerNormalization": 4, "BiasGelu": 2}),
    "roberta": ("mean", 64, 1, {"Attention": 2, "SkipLayerNormalization": 4, "BiasGelu": 2}),
    "xlm-roberta": ("mean", 64, 1, {"Attention": 2, "SkipLayerNormalization": 4, "BiasGelu": 2}),
    "mpnet": ("mean", 64, 1, {"SkipLayerNormalization": 5, "BiasGelu": 2}),
    "t5": ("mean", 512, 1, {"SkipSimplifiedLayerNormalization": 3}),
    "qwen2": ("last", 64, 1, {"SkipSimplifiedLayerNormalization": 4, "RotaryEmbedding": 4}),
    "llama": ("last", 64, 1, {"SkipSimplifiedLayerNormalization": 4, "RotaryEmbedding": 4}),
    "gpt2": ("last", 64, 1, {"SkipLayerNormalization": 4, "FastGelu": 2}),
}


def encode(folder: Path, text: str, padding: int = 0) -> np.ndarray:
    """Run the exported folder as a stranger would who knows only its manifest."""
    manifest = read_manifest(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(manifest.max_tokens)
    ids = tokenizer.encode(manifest.prefix + text).ids or [manifest.pad_token_id]
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    feed = {
        "input_ids": np.array([ids + [manifest.pad_token_id] * padding]),
        "attention_mask": np.array([[1] * len(ids) + [0] * padding]),
    }
    vector: np.ndarray = session.run([manifest.graph.output], feed)[0][0]
    return vector


@pytest.mark.parametrize("architecture", EXPECTED)
def test_fp32_matches_the_reference_with_and_without_padding(
    make_model: MakeModel, tmp_path: Path, architecture: str
) -> None:
    pooling, max_tokens, pad, fused = EXPECTED[architecture]
    out = tmp_path / "out"

    manifest = export(str(make_model(architecture)), out)

    assert (manifest.architecture, manifest.pooling, manifest.max_tokens) == (architecture, pooling, max_tokens)
    assert (manifest.pad_token_id, manifest.pad_side) == (pad, "right")
    assert {name: manifest.graph.fused.get(name) for name in fused} == fused
    assert manifest.parity.texts == len(SUITE) >= 200
    assert manifest.parity.max_abs_diff <= 1e-5
    assert manifest.parity.batch_single_max_abs_diff <= 1e-5
    assert manifest == read_manifest(out)
    assert is_complete(out)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "model.onnx", "tokenizer.json"]
    alone, padded = encode(out, "trail running shoes"), encode(out, "trail running shoes", padding=9)
    np.testing.assert_allclose(alone, manifest.canary.vector, atol=1e-6)
    np.testing.assert_allclose(padded, alone, atol=1e-6)
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-6)
    assert alone @ encode(out, "tax return deadline") < 0.9999  # texts are told apart at all


@pytest.mark.parametrize("precision", ["int8", "fp16"])
@pytest.mark.parametrize("architecture", EXPECTED)
def test_smaller_precisions_pass_their_gates(
    make_model: MakeModel, tmp_path: Path, architecture: str, precision: str
) -> None:
    manifest = export(str(make_model(architecture)), tmp_path / "out", precision=precision)

    figures = manifest.parity
    assert manifest.precision == precision
    assert figures.mean_cosine >= {"int8": 0.985, "fp16": 0.9999}[precision]
    assert figures.neighbour_overlap >= {"int8": 0.8, "fp16": 0.98}[precision]
    assert figures.batch_single_min_cosine >= 0.9999
    assert figures.max_abs_diff > 1e-5  # it is not the fp32 graph under another name


def test_precisions_share_a_space_but_no_digest(make_model: MakeModel, tmp_path: Path) -> None:
    model = str(make_model("bert"))

    manifests = [export(model, tmp_path / precision, precision=precision) for precision in ("fp32", "int8", "fp16")]

    assert len({manifest.space for manifest in manifests}) == 1
    assert len({manifest.digest for manifest in manifests}) == 3
    sizes = {m.precision: (tmp_path / m.precision / "model.onnx").stat().st_size for m in manifests}
    assert sizes["fp16"] < sizes["fp32"]


def test_the_gate_agrees_with_a_hand_written_mean(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model("bert")
    export(str(model), tmp_path / "out")
    tokens = hugging.AutoTokenizer.from_pretrained(model)("espresso machine", return_tensors="pt")
    with torch.inference_mode():
        hidden = hugging.AutoModel.from_pretrained(model)(**tokens).last_hidden_state[0].numpy()
    mean = hidden.mean(axis=0)

    np.testing.assert_allclose(encode(tmp_path / "out", "espresso machine"), mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize("pooling", ["cls", "last"])
def test_other_poolings_of_an_encoder(make_model: MakeModel, tmp_path: Path, pooling: str) -> None:
    model = make_model("bert")
    export(str(model), tmp_path / "out", pooling=pooling)
    tokens = hugging.AutoTokenizer.from_pretrained(model)("espresso machine", return_tensors="pt")
    with torch.inference_mode():
        hidden = hugging.AutoModel.from_pretrained(model)(**tokens).last_hidden_state[0].numpy()
    row = hidden[{"cls": 0, "last": -1}[pooling]]

    found = encode(tmp_path / "out", "espresso machine", padding=3)

    np.testing.assert_allclose(found, row / np.linalg.norm(row), atol=1e-6)


def test_a_models_own_wishes_are_kept(make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model("roberta")
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (model / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24, "do_lower_case": True}))
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}, "default_prompt_name": None}
    (model / "config_sentence_transformers.json").write_text(json.dumps(prompts))

    manifest = export(str(model), tmp_path / "out")

    assert (manifest.pooling, manifest.max_tokens, manifest.prefix) == ("cls", 24, "query: ")
    upper, lower = encode(tmp_path / "out", "RUNNING SHOES"), encode(tmp_path / "out", "running shoes")
    np.testing.assert_allclose(upper, lower, atol=1e-6)
    bare: Manifest = export(str(model), tmp_path / "bare", prefix="", pooling="mean", max_tokens=16)
    assert (bare.pooling, bare.max_tokens, bare.prefix) == ("mean", 16, "")
    assert bare.space != manifest.space
