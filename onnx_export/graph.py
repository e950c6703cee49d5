"""From a PyTorch model to one fused ONNX graph: padded token ids and mask in, unit sentence vectors out.

Where texts are to share rows, `packing` puts another head on it.
"""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from optimum.exporters.onnx import export
from optimum.exporters.onnx.model_configs import T5EncoderOnnxConfig
from optimum.exporters.tasks import TasksManager

from onnx_export.errors import ConversionError, FusionError, GraphInterfaceError, UnknownArchitectureError
from onnx_export.reference import T5_TYPES, is_decoder_only

OPSET = 17
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"
_FUSED_DOMAIN = "com.microsoft"
HIDDEN = "last_hidden_state"
_TINY = 1e-12
"""Keeps the normalisation of a zero vector at zero, as in PyTorch's own."""
_EXTERNAL_ABOVE = 1_800_000_000
"""A protobuf file ends at 2 GiB; above this many bytes the weights go to a file of their own."""
EXTERNAL_DATA = "model.onnx_data"


def export_graph(model: Any, config: Any, path: Path) -> None:  # noqa: ANN401  # transformers ships no types
    """Write the raw graph with Optimum's exporter, its output the last hidden state.

    Raises:
        UnknownArchitectureError: Optimum has no export configuration for the model's type.
        ConversionError: it has one, but the export fails.
    """
    wanted = export_config(config)
    with warnings.catch_warnings():
        # What a trace may have missed is for the parity gate to find, with other lengths and batches than the traced.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]  # torch re-exports it
        # Optimum asks for the TorchScript exporter, whose graphs the optimiser's patterns are made for.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"optimum\.exporters|torch\.onnx")
        # On negative indices, which no token position is.
        warnings.filterwarnings("ignore", message="Exporting aten::index operator", category=UserWarning)
        try:
            export(model, wanted, path, opset=OPSET)
        except (RuntimeError, ValueError, TypeError, KeyError, NotImplementedError) as error:
            first = str(error).strip().partition("\n")[0]
            raise ConversionError(f"Optimum cannot export this {config.model_type}: {first}") from error


def export_config(config: Any) -> Any:  # noqa: ANN401  # optimum ships no types
    """Optimum's export configuration for a model's type.

    Raises:
        UnknownArchitectureError: there is none, or it is not one of a text encoder.
    """
    if config.model_type in T5_TYPES:
        return _MaskedT5EncoderOnnxConfig(config, task="feature-extraction")

    try:
        build = TasksManager.get_exporter_config_constructor(
            "onnx", model_type=config.model_type, library_name="transformers", task="feature-extraction"
        )
    except (KeyError, ValueError) as error:
        raise UnknownArchitectureError(
            f"Optimum cannot export models of type {config.model_type}; "
            "choose a BERT, DistilBERT, RoBERTa, XLM-R, MPNet, T5 encoder or a decoder-only embedder"
        ) from error
    wanted = build(config)
    unexpected = set(wanted.inputs) - {*INPUTS, "token_type_ids", "position_ids"}
    if unexpected or HIDDEN not in wanted.outputs:
        raise UnknownArchitectureError(
            f"{config.model_type} is no text encoder: its graph takes {sorted(wanted.inputs)} and gives "
            f"{sorted(wanted.outputs)}"
        )
    return wanted


class _MaskedT5EncoderOnnxConfig(T5EncoderOnnxConfig):  # type: ignore[misc]  # optimum ships no types
    """Optimum's own leaves out the mask, without which padding would change the result."""

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Names of the inputs with the names of their axes."""
        return {name: {0: "batch_size", 1: "sequence_length"} for name in INPUTS}


def fuse(path: Path, config: Any, *, split_attention: bool = False) -> tuple[Any, dict[str, int]]:  # noqa: ANN401  # transformers ships no types
    """Fuse a raw graph with ONNX Runtime's transformer optimiser.

    Args:
        path: the raw graph.
        config: the model's configuration.
        split_attention: fuse each attention without its three projections, which then stay products of their own.

    Returns:
        the optimiser's model, and the count of each fused operator that occurs.

    Raises:
        FusionError: a BERT whose parts did not all fuse.
    """
    options = FusionOptions("bert")  # the T5 one makes operators that only the GPU provider has
    if is_decoder_only(config) or config.model_type in T5_TYPES:
        options.enable_attention = False  # the BERT pattern knows neither causal masks nor position biases
    options.use_multi_head_attention = split_attention
    fused = optimize_model(
        str(path),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        optimization_options=options,
        opt_level=0,
    )
    fused.topological_sort(is_deterministic=True)
    if _FUSED_DOMAIN not in {opset.domain for opset in fused.model.opset_import}:
        fused.model.opset_import.append(helper.make_opsetid(_FUSED_DOMAIN, 1))
    counts = {name: count for name, count in fused.get_fused_operator_statistics().items() if count}
    if config.model_type == "bert":
        _check_bert(counts, config, "MultiHeadAttention" if split_attention else "Attention")
    return fused, counts


def _check_bert(counts: dict[str, int], config: Any, attention: str) -> None:  # noqa: ANN401  # transformers ships no types
    layers = config.num_hidden_layers
    expected = {"EmbedLayerNormalization": 1, attention: layers, "SkipLayerNormalization": 2 * layers}
    if config.hidden_act == "gelu":
        expected["BiasGelu"] = layers
    wrong = {name: counts.get(name, 0) for name, count in expected.items() if counts.get(name, 0) != count}
    if wrong:
        raise FusionError(
            f"the optimiser fused {wrong}, expected { {name: expected[name] for name in wrong} }; "
            "this onnxruntime does not know the graph that this transformers gives: use the pinned versions"
        )


def add_head(model: onnx.ModelProto, pooling: str, dim: int) -> None:
    """Reduce the graph's inputs to ids and mask, and put pooling and L2 normalisation at its end, in place.

    mean: Σₜ mₜ hₜ / Σₜ mₜ;  cls: h₀;  last: h at Σₜ mₜ − 1 (padding on the right);  then v / max(‖v‖₂, 1e-12).
    """
    graph = model.graph
    _feed_constant_inputs(graph)
    pooled = {"mean": _mean, "cls": _cls, "last": _last}[pooling]
    graph.node.extend([*pooled(graph), *normalise(graph)])
    del graph.input[:], graph.output[:]
    axes = ["batch", "sequence"]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in INPUTS)
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dim]))


def constant(graph: onnx.GraphProto, name: str, values: list[int] | list[float], dtype: type[np.generic]) -> str:
    """Add a constant to the graph; its name."""
    graph.initializer.append(numpy_helper.from_array(np.array(values, dtype=dtype), name))
    return name


def _feed_constant_inputs(graph: onnx.GraphProto) -> None:
    """Make token types and positions inside the graph: zeros, and places counted along the mask."""
    names = {value.name for value in graph.input}
    first: list[onnx.NodeProto] = []
    if "token_type_ids" in names:
        first.append(helper.make_node("Shape", ["input_ids"], ["head/ids_shape"]))
        zero = helper.make_tensor("value", TensorProto.INT64, [1], [0])
        first.append(helper.make_node("ConstantOfShape", ["head/ids_shape"], ["token_type_ids"], value=zero))
    if "position_ids" in names:
        axis = constant(graph, "head/sequence_axis", [1], np.int64)
        one = constant(graph, "head/one_position", [1], np.int64)
        zero_name = constant(graph, "head/first_position", [0], np.int64)
        first.append(helper.make_node("CumSum", ["attention_mask", axis], ["head/counted"]))
        first.append(helper.make_node("Sub", ["head/counted", one], ["head/places"]))
        first.append(helper.make_node("Max", ["head/places", zero_name], ["position_ids"]))
    nodes = [*first, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _mean(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    last_axis = constant(graph, "head/last_axis", [-1], np.int64)
    sequence = constant(graph, "head/pool_axis", [1], np.int64)
    zero = constant(graph, "head/zero", [0.0], np.float32)
    yield helper.make_node("Cast", ["attention_mask"], ["head/mask"], to=TensorProto.BOOL)
    yield helper.make_node("Unsqueeze", ["head/mask", last_axis], ["head/mask_column"])
    # A choice, not a product: whatever stands in a padded place, be it infinite, has no part in the mean.
    yield helper.make_node("Where", ["head/mask_column", HIDDEN, zero], ["head/kept"])
    yield helper.make_node("ReduceSum", ["head/kept", sequence], ["head/sum"], keepdims=0)
    yield helper.make_node("Cast", ["head/mask_column"], ["head/weights"], to=TensorProto.FLOAT)
    yield helper.make_node("ReduceSum", ["head/weights", sequence], ["head/count"], keepdims=0)
    yield helper.make_node("Div", ["head/sum", "head/count"], ["head/pooled"])


def _cls(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    graph.initializer.append(numpy_helper.from_array(np.array(0, dtype=np.int64), "head/first"))
    yield helper.make_node("Gather", [HIDDEN, "head/first"], ["head/pooled"], axis=1)


def _last(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    sequence = constant(graph, "head/pool_axis", [1], np.int64)
    one = constant(graph, "head/one", [1], np.int64)
    yield helper.make_node("ReduceSum", ["attention_mask", sequence], ["head/length"], keepdims=1)
    yield helper.make_node("Sub", ["head/length", one], ["head/last"])
    yield helper.make_node("GatherND", [HIDDEN, "head/last"], ["head/pooled"], batch_dims=1)


def normalise(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes that bring pooled vectors to unit length, as the graph's output."""
    tiny = constant(graph, "head/tiny", [_TINY], np.float32)
    yield helper.make_node("ReduceL2", ["head/pooled"], ["head/norm"], axes=[-1], keepdims=1)
    yield helper.make_node("Max", ["head/norm", tiny], ["head/safe_norm"])
    yield helper.make_node("Div", ["head/pooled", "head/safe_norm"], [OUTPUT])


def save(model: onnx.ModelProto, path: Path, *, external_above: int = _EXTERNAL_ABOVE) -> None:
    """Write a graph, free of what differs between runs on equal inputs, its weights apart when they are many."""
    del model.metadata_props[:]
    model.doc_string = ""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    if model.ByteSize() > external_above:
        onnx.save_model(
            model, str(path), save_as_external_data=True, all_tensors_to_one_file=True, location=EXTERNAL_DATA
        )
    else:
        onnx.save_model(model, str(path))


def check_interface(session: Any, inputs: Sequence[str], dim: int) -> None:  # noqa: ANN401  # onnxruntime ships no types
    """Compare a loaded graph's inputs and output with what the manifest will promise.

    Raises:
        GraphInterfaceError: a name, type or rank differs.
    """
    found = [(value.name, value.type, len(value.shape)) for value in session.get_inputs()]
    found += [(value.name, value.type, value.shape[-1]) for value in session.get_outputs()]
    expected: list[tuple[str, str, int]] = [(name, "tensor(int64)", 2) for name in inputs]
    expected.append((OUTPUT, "tensor(float)", dim))
    if found != expected:
        raise GraphInterfaceError(f"the finished graph has {found}, expected {expected}")
