"""Several texts in one row of a batch, so that short texts need no padding.

In a padded batch each text is a row as long as the longest one, and what fills it up costs as much as what is read.
Here texts stand one behind the other, and the graph is told where each begins: its attention goes from a token to those
of the same text only, positions are counted from each text's beginning, and each text is pooled for itself (sequence
packing, Krell et al. 2021, "Efficient sequence packing without cross-contamination"). Another text's token has the
weight exp(mask) = 0 in float32, so that nothing of it gets into a vector. Only sums end in another last bit where a
text stands elsewhere in a row.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_export.errors import RowsError
from onnx_export.graph import HIDDEN, OUTPUT, constant, normalise

INPUTS = ("input_ids", "position_ids", "segment_ids")
_ATTENTION_MASK = 3
"""Which input of Attention is the mask."""
_EMBED = "EmbedLayerNormalization"
_EMBED_TYPES, _EMBED_MASK, _EMBED_POSITIONS = 1, 7, 8
"""Which of its inputs are the token types, the mask and the positions."""
_POSITIONS, _TYPES = "position_embeddings.weight", "token_type_embeddings.weight"
"""How the tables' names end that a graph looks up in by itself, where that is not fused."""
_SKIPS_PADDING = {"bert": False, "roberta": True, "xlm-roberta": True}
"""Model types whose attention fuses, and whether the padding token has no place where it stands in a text."""
_POOLINGS = ("mean", "cls")


def pack(model: onnx.ModelProto, config: Any, pooling: str, dim: int, *, precision: str = "fp32") -> None:  # noqa: ANN401  # transformers ships no types
    """Make a fused graph take packed rows, and put pooling and L2 normalisation at its end, in place.

    Its inputs become int64 (rows, tokens): `input_ids`, `position_ids` (each token's place in its text, from 0) and
    `segment_ids` (1 for each token of the first text, 2 of the second, up to n; 0 for padding). A text is within one
    row. The output is (n, dim), one unit vector for each text in the order of their numbers.

    mean: Σₜ hₜ / n;  cls: h₀;  then v / max(‖v‖₂, 1e-12).

    Args:
        model: a fused one with the output `last_hidden_state`.
        config: of the model.
        pooling: mean or cls.
        dim: length of a vector.
        precision: of the model.

    Raises:
        RowsError: this model cannot, in this form, or should not.
    """
    graph = model.graph
    _check(graph, config, pooling, precision)
    for node in graph.node:
        _redirect(node)
    body = list(graph.node)
    del graph.node[:]
    graph.node.extend([*_prepare(graph, config), *body, *_pool(graph, pooling, dim), *normalise(graph)])
    del graph.input[:], graph.output[:]
    axes = ["rows", "tokens"]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in INPUTS)
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["texts", dim]))
    _drop_unused(graph)


def _check(graph: onnx.GraphProto, config: Any, pooling: str, precision: str) -> None:  # noqa: ANN401  # transformers ships no types
    """Refuse what cannot share rows or should not.

    fp16 is for GPUs, whose attention is fastest without such a mask, and whose batches are of a few fixed shapes. In
    int8 a text's vector would depend on where in the row it stands: sums end in another last bit there, and a
    rounding that falls to the other side is then a whole step (on the default model, cosines down to 0.996 with the
    text alone, below 0.9999 for one text in fifteen).
    """
    if config.model_type not in _SKIPS_PADDING or pooling not in _POOLINGS or precision != "fp32":
        raise RowsError(
            f"texts cannot share rows in {precision} of a {config.model_type} with {pooling} pooling, only in fp32 of "
            f"{', '.join(_SKIPS_PADDING)} with {' or '.join(_POOLINGS)}; export it with --rows padded"
        )
    places = [node for node in graph.node if _looks_up(node, _POSITIONS) or node.op_type == _EMBED]
    attentions = [node for node in graph.node if _is_masked(node)]
    if (len(places), len(attentions)) != (1, config.num_hidden_layers):
        raise RowsError(
            f"texts cannot share rows in this {config.model_type}: {len(places)} tables of positions and "
            f"{len(attentions)} fused attentions in {config.num_hidden_layers} layers; export it with --rows padded"
        )


def _looks_up(node: onnx.NodeProto, table: str) -> bool:
    return bool(node.op_type == "Gather" and node.input[0].endswith(table))


def _is_masked(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Attention" and len(node.input) > _ATTENTION_MASK and node.input[_ATTENTION_MASK])


def _redirect(node: onnx.NodeProto) -> None:
    """Have a node take positions, token types or mask from `_prepare`."""
    if node.op_type == _EMBED:
        inputs = [*node.input, *[""] * (_EMBED_POSITIONS + 1 - len(node.input))]
        inputs[_EMBED_TYPES], inputs[_EMBED_MASK], inputs[_EMBED_POSITIONS] = (
            "pack/types_int32",
            "",
            "pack/places_int32",
        )
        del node.input[:]
        node.input.extend(inputs)
    elif _looks_up(node, _POSITIONS):
        node.input[1] = "pack/places"
    elif _looks_up(node, _TYPES):
        node.input[1] = "pack/types"  # else cut from a constant as long as the longest text, which a row may exceed
    elif _is_masked(node):
        node.input[_ATTENTION_MASK] = "pack/mask"


def _prepare(graph: onnx.GraphProto, config: Any) -> Iterator[onnx.NodeProto]:  # noqa: ANN401  # transformers ships no types
    """Token types, all 0; places in the table of positions; the mask (rows, tokens, tokens), 1 within a text.

    And the texts' numbers, here because a GPU has to be waited for to know how many: before the long work.
    """
    zero = helper.make_tensor("value", TensorProto.INT64, [1], [0])
    first, step = (_scalar(graph, f"pack/{name}", 1) for name in ("first", "step"))
    yield helper.make_node("ReduceMax", ["segment_ids"], ["pack/texts"], keepdims=0)
    yield helper.make_node("Add", ["pack/texts", step], ["pack/end"])
    yield helper.make_node("Range", [first, "pack/end", step], ["pack/numbers"])
    yield helper.make_node("Shape", ["input_ids"], ["pack/shape"])
    yield helper.make_node("ConstantOfShape", ["pack/shape"], ["pack/types"], value=zero)
    if _SKIPS_PADDING[config.model_type]:
        yield from _places_without_padding(graph, config.pad_token_id)
    else:
        yield helper.make_node("Identity", ["position_ids"], ["pack/places"])
    for name in ("types", "places"):
        yield helper.make_node("Cast", [f"pack/{name}"], [f"pack/{name}_int32"], to=TensorProto.INT32)
    column, row = (constant(graph, f"pack/axis_{axis}", [axis], np.int64) for axis in (2, 1))
    yield helper.make_node("Unsqueeze", ["segment_ids", column], ["pack/segment_column"])
    yield helper.make_node("Unsqueeze", ["segment_ids", row], ["pack/segment_row"])
    yield helper.make_node("Equal", ["pack/segment_column", "pack/segment_row"], ["pack/same"])
    yield helper.make_node("Cast", ["pack/same"], ["pack/mask"], to=TensorProto.INT32)


def _places_without_padding(graph: onnx.GraphProto, pad_token_id: int) -> Iterator[onnx.NodeProto]:
    """As RoBERTa counts: p + 1, p + 2, … for tokens that are not padding's id p, and p for those, even within a text.

    Along the row tokens are counted up to each, and taken away those that were counted before its text began.
    """
    pad = constant(graph, "pack/pad", [pad_token_id], np.int64)
    axis = _scalar(graph, "pack/row_axis", 1)
    zero, one = _scalar(graph, "pack/no_place", 0), _scalar(graph, "pack/one_place", 1)
    second = _scalar(graph, "pack/second", 1)
    yield helper.make_node("Equal", ["input_ids", pad], ["pack/is_pad"])
    yield helper.make_node("Not", ["pack/is_pad"], ["pack/counts"])
    yield helper.make_node("Cast", ["pack/counts"], ["pack/counted"], to=TensorProto.INT64)
    yield helper.make_node("CumSum", ["pack/counted", axis], ["pack/up_to"])
    yield helper.make_node("CumSum", ["pack/counted", axis], ["pack/up_to_before"], exclusive=1)
    yield helper.make_node("Gather", ["pack/shape", second], ["pack/width"])
    yield helper.make_node("Range", [zero, "pack/width", one], ["pack/columns"])
    yield helper.make_node("Sub", ["pack/columns", "position_ids"], ["pack/begin"])
    yield helper.make_node("GatherElements", ["pack/up_to_before", "pack/begin"], ["pack/before_text"], axis=1)
    yield helper.make_node("Sub", ["pack/up_to", "pack/before_text"], ["pack/within_text"])
    yield helper.make_node("Mul", ["pack/within_text", "pack/counted"], ["pack/without_padding"])
    yield helper.make_node("Add", ["pack/without_padding", pad], ["pack/places"])


def _pool(graph: onnx.GraphProto, pooling: str, dim: int) -> Iterator[onnx.NodeProto]:
    """One vector (n, dim) for each segment: who belongs where (n, rows x tokens), by the hidden state."""
    width = constant(graph, "pack/hidden_shape", [-1, dim], np.int64)
    flat = constant(graph, "pack/flat", [1, -1], np.int64)
    column = constant(graph, "pack/last_axis", [1], np.int64)
    yield helper.make_node("Unsqueeze", ["pack/numbers", column], ["pack/number_column"])
    yield helper.make_node("Reshape", ["segment_ids", flat], ["pack/flat_segments"])
    yield helper.make_node("Equal", ["pack/number_column", "pack/flat_segments"], ["pack/all_members"])
    members = "pack/all_members"
    if pooling == "cls":
        zero = constant(graph, "pack/zero_position", [0], np.int64)
        yield helper.make_node("Reshape", ["position_ids", flat], ["pack/flat_positions"])
        yield helper.make_node("Equal", ["pack/flat_positions", zero], ["pack/begins"])
        yield helper.make_node("And", [members, "pack/begins"], ["pack/first_members"])
        members = "pack/first_members"
    yield helper.make_node("Cast", [members], ["pack/members"], to=TensorProto.FLOAT)
    yield helper.make_node("Reshape", [HIDDEN, width], ["pack/hidden"])
    yield helper.make_node("MatMul", ["pack/members", "pack/hidden"], ["pack/sum"])
    yield helper.make_node("ReduceSum", ["pack/members", column], ["pack/count"], keepdims=1)
    yield helper.make_node("Div", ["pack/sum", "pack/count"], ["head/pooled"])


def _scalar(graph: onnx.GraphProto, name: str, value: int) -> str:
    graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [], [value]))
    return name


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Take out what nothing depends on any more: the old mask, positions counted along it, and their constants."""
    wanted = {value.name for value in graph.output}
    for place in reversed(range(len(graph.node))):
        if wanted.intersection(graph.node[place].output):
            wanted.update(name for name in graph.node[place].input if name)
        else:
            del graph.node[place]
    for place in reversed(range(len(graph.initializer))):  # not copied: those that stay are the weights
        if graph.initializer[place].name not in wanted:
            del graph.initializer[place]
