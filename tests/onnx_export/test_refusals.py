"""What an export refuses, each by its own error, and that nothing is left behind."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.numpy
from onnxruntime.transformers.fusion_options import FusionOptions
from tokenizers import Tokenizer, normalizers

from onnx_export import build, errors, export, graph, is_complete, parity, read_manifest
from onnx_export.reference import Reference
from onnx_export.tokenizer import save_tokenizer

MakeModel = Callable[..., Path]


def refuse(error: type[errors.ExportError], message: str, model: Path, **options: object) -> None:
    """Assert that an export fails by this error, in one line, and leaves nothing behind."""
    out = model.parent / "out"
    with pytest.raises(error, match=message) as caught:
        export(str(model), out, **options)  # type: ignore[arg-type]  # some options are wrong on purpose
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not list(out.parent.glob(".out.export-*"))


def test_unknown_precision(make_model: MakeModel) -> None:
    refuse(errors.UnknownPrecisionError, "'int4'; choose one of fp32, int8, fp16", make_model("bert"), precision="int4")


def test_unknown_pooling(make_model: MakeModel) -> None:
    refuse(errors.UnsupportedPoolingError, "'max'; choose one of mean, cls, last", make_model("bert"), pooling="max")


@pytest.mark.parametrize(
    ("architecture", "asked", "most"), [("bert", 65, 64), ("roberta", 65, 64), ("mpnet", 66, 64), ("gpt2", 65, 64)]
)
def test_more_tokens_than_positions(make_model: MakeModel, architecture: str, asked: int, most: int) -> None:
    refuse(errors.MaxTokensError, f"is {asked}; .* at most {most}", make_model(architecture), max_tokens=asked)


def test_too_few_tokens_for_any_text(make_model: MakeModel) -> None:
    refuse(errors.MaxTokensError, "is 2; .* at least 3", make_model("bert"), max_tokens=2)


def test_unknown_architecture(make_model: MakeModel) -> None:
    model = make_model("bert")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "swervenet"}))
    refuse(errors.UnknownArchitectureError, "does not know this model's type .*swervenet", model)


def test_an_architecture_that_transformers_knows_and_optimum_does_not(make_model: MakeModel) -> None:
    refuse(errors.UnknownArchitectureError, "cannot export models of type fnet; choose a BERT", make_model("fnet"))


def test_an_encoder_with_a_decoder(make_model: MakeModel) -> None:
    refuse(errors.UnknownArchitectureError, "bart is an encoder with a decoder", make_model("bart"))


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "gpt2"])
def test_no_tokenizer(make_model: MakeModel, architecture: str) -> None:
    model = make_model(architecture)
    for path in (*model.glob("tokenizer*"), *model.glob("special_tokens*")):
        path.unlink()
    refuse(errors.NoTokenizerError, "no usable tokenizer in tiny: .*put the model's tokenizer.json", model)


def test_a_tokenizer_larger_than_the_embeddings(make_model: MakeModel) -> None:
    model = make_model("bert", vocab_size=50)
    refuse(errors.TokenizerMismatchError, "the model embeds fewer", model)


def test_a_tokenizer_file_that_gives_other_tokens(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_lowercased(reference: Reference, path: Path) -> None:
        save_tokenizer(reference, path)
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.save(str(path))

    monkeypatch.setattr(build, "save_tokenizer", save_lowercased)
    refuse(errors.TokenizerMismatchError, "exported tokenizer gives", make_model("roberta"))


def test_cut_off_weights(make_model: MakeModel) -> None:
    weights = (model := make_model("bert")) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    refuse(errors.CorruptWeightsError, r"model\.safetensors is cut off or damaged", model)


def test_weights_that_are_no_weights(make_model: MakeModel) -> None:
    model = make_model("bert")
    (model / "model.safetensors").write_bytes(b"<html>not found</html>")
    refuse(errors.CorruptWeightsError, r"model\.safetensors is cut off or damaged", model)


def test_weights_that_are_not_finite(make_model: MakeModel) -> None:
    weights = (model := make_model("bert")) / "model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    tensors["encoder.layer.1.output.dense.weight"][3, 5] = float("nan")
    safetensors.numpy.save_file(tensors, weights, metadata={"format": "pt"})
    refuse(errors.CorruptWeightsError, r"encoder\.layer\.1\.output\.dense\.weight has values that are not", model)


def test_weights_that_are_missing(make_model: MakeModel) -> None:
    weights = (model := make_model("bert")) / "model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    del tensors["encoder.layer.0.output.dense.weight"]
    safetensors.numpy.save_file(tensors, weights, metadata={"format": "pt"})
    refuse(errors.CorruptWeightsError, r"lack encoder\.layer\.0\.output\.dense\.weight", model)


def test_weights_of_other_shapes(make_model: MakeModel) -> None:
    model = make_model("bert")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))
    refuse(errors.CorruptWeightsError, "the weights cannot be loaded", model)


def test_pickled_weights(make_model: MakeModel) -> None:
    model = make_model("bert")
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    refuse(errors.WeightsFormatError, "save the model as safetensors first", model)


def test_a_missing_shard(make_model: MakeModel) -> None:
    model = make_model("bert")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    refuse(errors.CorruptWeightsError, "model-00001-of-00002", model)


@pytest.mark.parametrize(("text", "message"), [(None, "no config.json"), ("{", "config.json cannot be read")])
def test_a_folder_without_a_readable_config(make_model: MakeModel, text: str | None, message: str) -> None:
    model = make_model("bert")
    (model / "config.json").unlink()
    if text is not None:
        (model / "config.json").write_text(text)
    refuse(errors.ModelConfigError, message, model)


def test_a_dense_module(make_model: MakeModel) -> None:
    model = make_model("bert")
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    (model / "modules.json").write_text(json.dumps(modules))
    refuse(errors.UnsupportedModuleError, "has a Dense module after its encoder", model)


def test_a_dense_folder_without_a_list_of_modules(make_model: MakeModel) -> None:
    model = make_model("bert")
    (model / "2_Dense").mkdir()
    refuse(errors.UnsupportedModuleError, "has a Dense module after its encoder", model)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"pooling_mode_max_tokens": True}, "pools by pooling_mode_max_tokens"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "mean_tokens, pooling_mode_cls_token"),
        ({}, "pools by nothing known"),
    ],
)
def test_a_pooling_that_the_graph_does_not_have(make_model: MakeModel, flags: dict[str, bool], message: str) -> None:
    model = make_model("bert")
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text(json.dumps(flags))
    refuse(errors.UnsupportedPoolingError, message, model)


def test_a_bert_that_does_not_fuse(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    known = FusionOptions

    def without_bias_gelu(kind: str) -> object:
        options = known(kind)
        options.enable_bias_gelu = False
        return options

    monkeypatch.setattr("onnx_export.graph.FusionOptions", without_bias_gelu)
    refuse(errors.FusionError, r"fused \{'BiasGelu': 0\}, expected \{'BiasGelu': 2\}", make_model("bert"))


@pytest.mark.parametrize("precision", ["fp32", "int8", "fp16"])
def test_a_graph_that_pools_otherwise_than_the_reference(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setattr(graph, "_mean", graph._cls)
    message = {"fp32": "max abs difference .* is 0", "int8": "mean cosine .* is 0", "fp16": "mean cosine .* is 0"}
    refuse(errors.ParityError, message[precision], make_model("bert"), precision=precision)


def test_a_failed_gate_leaves_an_earlier_model_alone(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = make_model("bert"), tmp_path / "out"
    before = export(str(model), out)
    monkeypatch.setitem(parity.GATES, "int8", parity.Gate(mean_cosine=1.0))

    with pytest.raises(errors.ParityError, match="at least 1 is needed"):
        export(str(model), out, precision="int8")

    assert is_complete(out)
    assert read_manifest(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "out"]
