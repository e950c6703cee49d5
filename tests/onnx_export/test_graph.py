"""The parts written here, beside the model: head, int8 products, and weights in a file of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from onnx_export import errors
from onnx_export.graph import EXTERNAL_DATA, INPUTS, add_head, check_interface, save
from onnx_export.precision import quantise

Floats = np.ndarray


def hidden_model(table: Floats, *extra_inputs: str) -> onnx.ModelProto:
    """A model whose hidden state is a row of a table per token id."""
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    for name in extra_inputs:
        nodes.append(helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Unsqueeze", [f"{name}_float", "axis"], [f"{name}_column"]))
        nodes.append(helper.make_node("Add", [nodes.pop(0).output[0], f"{name}_column"], ["last_hidden_state"]))
    if extra_inputs:
        nodes.insert(0, helper.make_node("Gather", ["table", "input_ids"], ["looked_up"]))
        nodes[-1].input[0] = "looked_up"
    names = ["input_ids", "attention_mask", *extra_inputs]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "s"]) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["b", "s", table.shape[1]])
    constants = [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([-1]), "axis")]
    graph = helper.make_graph(nodes, "hidden", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, **feeds: Floats) -> Floats:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs: Floats = session.run(None, feeds)[0]
    return outputs


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_and_normalisation_are_those_of_pytorch(pooling: str) -> None:
    table = np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32)
    table[8] = np.inf  # stands only where the mask is 0
    ids, mask = np.array([[1, 2, 3, 8], [4, 8, 8, 8]]), np.array([[1, 1, 1, 0], [1, 0, 0, 0]])
    model = hidden_model(table)
    add_head(model, pooling, 5)
    onnx.checker.check_model(model)

    found = run(model, input_ids=ids, attention_mask=mask)

    rows = {"mean": [table[1:4].mean(axis=0), table[4]], "cls": [table[1], table[4]], "last": [table[3], table[4]]}
    expected = torch.nn.functional.normalize(torch.tensor(np.stack(rows[pooling])), dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_a_zero_vector_stays_zero() -> None:
    model = hidden_model(np.zeros((2, 3), dtype=np.float32))
    add_head(model, "mean", 3)
    assert run(model, input_ids=np.array([[1]]), attention_mask=np.array([[1]])).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "added"), [("token_type_ids", [0, 0, 0]), ("position_ids", [0, 1, 2])], ids=["types", "positions"]
)
def test_other_inputs_are_made_inside(name: str, added: list[int]) -> None:
    table = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    model = hidden_model(table, name)
    add_head(model, "last", 3)

    assert [value.name for value in model.graph.input] == ["input_ids", "attention_mask"]
    for length in (1, 2, 3):
        ids = np.array([[1, 2, 3]])
        mask = (np.arange(3) < length).astype(np.int64).reshape(1, 3)
        row = table[length] + added[length - 1]
        found = run(model, input_ids=ids, attention_mask=mask)[0]
        np.testing.assert_allclose(found, row / np.linalg.norm(row), atol=1e-6)


def test_an_interface_that_is_not_promised_is_refused() -> None:
    model = hidden_model(np.ones((2, 3), dtype=np.float32))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with pytest.raises(errors.GraphInterfaceError, match=r"last_hidden_state.*expected.*sentence_embedding"):
        check_interface(session, INPUTS, 3)


def test_many_weights_go_to_a_file_of_their_own(tmp_path: Path) -> None:
    table = np.random.default_rng(0).standard_normal((600, 8)).astype(np.float32)
    feeds = {"input_ids": np.array([[1, 2]]), "attention_mask": np.array([[1, 1]])}
    model = hidden_model(table)
    add_head(model, "mean", 8)
    expected = run(model, **feeds)

    save(model, tmp_path / "model.onnx", external_above=1000)

    assert (tmp_path / EXTERNAL_DATA).stat().st_size >= table.nbytes
    assert (tmp_path / "model.onnx").stat().st_size < table.nbytes
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, feeds)[0], expected)


def test_what_differs_between_runs_is_not_saved(tmp_path: Path) -> None:
    model = hidden_model(np.ones((2, 3), dtype=np.float32))
    model.doc_string = "made at noon"
    model.graph.node[0].doc_string = "line 12 of a file"
    entry = model.metadata_props.add()
    entry.key, entry.value = "folder", "somewhere"

    save(model, tmp_path / "model.onnx")

    content = (tmp_path / "model.onnx").read_bytes()
    assert all(word not in content for word in (b"noon", b"line 12", b"somewhere"))


def product_model(build: Callable[[], list[onnx.NodeProto]], rank: int, **constants: Floats) -> onnx.ModelProto:
    axes = ["a", "b", "c"][:rank]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, axes)
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(build(), "product", inputs, [output], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def by_hand(x: Floats, weight: Floats) -> Floats:
    """The int8 product as the formula has it, in float64."""
    step = np.abs(x).max(axis=-1, keepdims=True) / 127
    scale = np.abs(weight).max(axis=0) / 63
    product: Floats = (np.rint(x / step) @ np.rint(weight / scale)) * step * scale
    return product


def test_an_int8_product_is_the_formula_and_close_to_the_exact_one() -> None:
    random = np.random.default_rng(0)
    weight = (random.standard_normal((24, 10)) * random.uniform(0.01, 10, 10)).astype(np.float32)
    x = (random.standard_normal((2, 5, 24)) * random.uniform(0.01, 100, (2, 5, 1))).astype(np.float32)
    model = product_model(lambda: [helper.make_node("MatMul", ["x", "w"], ["y"])], 3, w=weight)

    quantise(model)
    found = run(model, x=x)

    assert [tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT and
            list(tensor.dims) == [24, 10]] == []  # fmt: skip
    exact = x @ weight
    # Half a step of either may fall to the other side in float32; one step of one product is all it can move.
    assert np.abs(found - by_hand(x, weight)).max() <= np.abs(by_hand(x, weight)).max() * 1e-2
    cosines = (found * exact).sum(-1) / np.linalg.norm(found, axis=-1) / np.linalg.norm(exact, axis=-1)
    assert cosines.min() > 0.999


def test_an_int8_row_does_not_depend_on_the_rows_beside_it() -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((24, 10)).astype(np.float32)
    x = random.standard_normal((1, 3, 24)).astype(np.float32)
    beside = 1000 * random.standard_normal((4, 3, 24)).astype(np.float32)
    model = product_model(lambda: [helper.make_node("MatMul", ["x", "w"], ["y"])], 3, w=weight)
    quantise(model)

    np.testing.assert_array_equal(run(model, x=np.concatenate([x, beside]))[0], run(model, x=x)[0])


def test_an_int8_gemm_keeps_its_bias_and_zeros_are_zero() -> None:
    random = np.random.default_rng(0)
    weight, bias = random.standard_normal((24, 10)).astype(np.float32), random.standard_normal(10).astype(np.float32)
    x = random.standard_normal((3, 24)).astype(np.float32)
    x[1] = 0
    model = product_model(lambda: [helper.make_node("Gemm", ["x", "w", "b"], ["y"])], 2, w=weight, b=bias)

    quantise(model)
    found = run(model, x=x)

    np.testing.assert_array_equal(found[1], bias)
    np.testing.assert_allclose(found, x @ weight + bias, atol=0.3)


@pytest.mark.parametrize("attributes", [{"transB": 1}, {"alpha": 0.5}])
def test_a_graph_with_nothing_to_quantise_is_refused(attributes: dict[str, Any]) -> None:
    weight, bias = np.ones((4, 4), dtype=np.float32), np.ones(4, dtype=np.float32)
    model = product_model(lambda: [helper.make_node("Gemm", ["x", "w", "b"], ["y"], **attributes)], 2, w=weight, b=bias)
    with pytest.raises(errors.QuantisationError, match="export it as fp32"):
        quantise(model)
