"""Smaller numbers for the same graph: int8 matrix products for the CPU, fp16 for the GPU."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from onnx_export.errors import QuantisationError

_LEVELS = 127
"""Steps of an activation on each side of zero."""
_WEIGHT_LEVELS = 63
"""Steps of a weight on each side of zero. Seven bits, not eight: x86 processors without VNNI instructions add the
products of two neighbours in sixteen bits, which eight-bit weights would overflow."""
_MICROSOFT = "com.microsoft"


def halve(fused: Any) -> None:  # noqa: ANN401  # onnxruntime ships no types
    """Convert a fused model to fp16 in place, its inputs and its output left as they are."""
    fused.convert_float_to_float16(keep_io_types=True)


def quantise(model: onnx.ModelProto) -> None:
    """Turn every product with a constant matrix into an int8 one, in place.

    Weights get a symmetric scale per column (channel), now; activations get one per row (token), at run time:

        y = (rₜ / 127) · Σₖ round(127 xₜₖ / rₜ) · w̃ₖⱼ · sⱼ,   rₜ = maxₖ |xₜₖ|,   w ≈ w̃ s

    ONNX Runtime's own dynamic quantiser has one activation scale for the whole batch. With it a text's vector depends
    on the other texts of its batch (down to a cosine of 0.947 with itself alone on the default model), and one
    outlying token costs all others their precision. Here each token has its own, so batch equals single.
    Embeddings are left alone.

    Raises:
        QuantisationError: the graph has no product with a constant matrix.
    """
    rewriter = _Rewriter({tensor.name: tensor for tensor in model.graph.initializer})
    for node in model.graph.node:
        rewriter.rewrite(node)
    if not rewriter.weights:
        raise QuantisationError("the graph has no matrix product that could be quantised; export it as fp32")
    used = {name for node in rewriter.nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(rewriter.nodes)
    model.graph.initializer.extend([*kept, *rewriter.constants])


@dataclass
class _Rewriter:
    """Walks a graph in its order, copying its nodes or writing their int8 form.

    Attributes:
        initializers: the graph's constants by name.
        nodes: the new graph's nodes.
        constants: the new graph's additional constants.
        weights: names of the constant matrices already quantised.
        activations: names of the activations already quantised, so that queries, keys and values share one.
    """

    initializers: dict[str, onnx.TensorProto]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    weights: set[str] = field(default_factory=set)
    activations: set[str] = field(default_factory=set)

    def rewrite(self, node: onnx.NodeProto) -> None:
        matrix = self.initializers.get(node.input[1]) if node.op_type in {"MatMul", "Gemm"} else None
        if matrix is None or len(matrix.dims) != 2 or matrix.data_type != TensorProto.FLOAT or not _is_plain(node):
            self.nodes.append(node)
            return
        activation, weight = node.input[0], node.input[1]
        self._quantise_weight(weight, numpy_helper.to_array(matrix))
        self._quantise_activation(activation, int(matrix.dims[0]))
        self._multiply(node, activation, weight, int(matrix.dims[1]))

    def _quantise_weight(self, name: str, values: NDArray[np.float32]) -> None:
        if name in self.weights:
            return
        self.weights.add(name)
        scale = np.maximum(np.abs(values).max(axis=0), np.finfo(np.float32).tiny) / _WEIGHT_LEVELS
        self._constant(f"{name}/int8", np.rint(values / scale).astype(np.int8))
        self._constant(f"{name}/scale", scale.astype(np.float32))
        self._constant(f"{name}/zero", np.zeros(len(scale), dtype=np.int8))

    def _quantise_activation(self, name: str, width: int) -> None:
        if name in self.activations:
            return
        if not self.activations:
            self._shared_constants()
        self.activations.add(name)
        rows = self._constant(f"{name}/rows_shape", np.array([-1, width], dtype=np.int64))
        here = f"{name}/"
        zero = helper.make_tensor("value", TensorProto.UINT8, [1], [_LEVELS + 1])
        self._node("Reshape", [name, rows], here + "rows")
        self._node("Abs", [here + "rows"], here + "size")
        self._node("ReduceMax", [here + "size"], here + "largest", axes=[1], keepdims=1)
        self._node("Max", [here + "largest", "int8/tiny"], here + "range")
        self._node("Mul", [here + "range", "int8/step"], here + "scale")
        self._node("Reshape", [here + "scale", "int8/flat"], here + "scales")
        self._node("Shape", [here + "scales"], here + "count")
        self._node("ConstantOfShape", [here + "count"], here + "zeros", value=zero)
        self._node("QuantizeLinear", [here + "rows", here + "scales", here + "zeros"], here + "uint8", axis=0)
        self._node("Shape", [name], here + "shape")
        self._node("Slice", [here + "shape", "int8/first", "int8/last"], here + "outer")

    def _multiply(self, node: onnx.NodeProto, activation: str, weight: str, width: int) -> None:
        output, here = node.output[0], f"{node.output[0]}/"
        inputs = [
            f"{activation}/uint8",
            f"{weight}/int8",
            "int8/one",
            f"{weight}/scale",
            "int8/middle",
            f"{weight}/zero",
        ]
        self._node("MatMulIntegerToFloat", inputs, here + "product", domain=_MICROSOFT)
        self._node("Mul", [here + "product", f"{activation}/scale"], here + "rows")
        columns = self._constant(here + "width", np.array([width], dtype=np.int64))
        self._node("Concat", [f"{activation}/outer", columns], here + "shape", axis=0)
        biased = len(node.input) > 2
        self._node("Reshape", [here + "rows", here + "shape"], here + "unbiased" if biased else output)
        if biased:
            self._node("Add", [here + "unbiased", node.input[2]], output)

    def _shared_constants(self) -> None:
        self._constant("int8/tiny", np.array([np.finfo(np.float32).tiny * _LEVELS], dtype=np.float32))
        self._constant("int8/step", np.array([1 / _LEVELS], dtype=np.float32))
        self._constant("int8/one", np.array(1, dtype=np.float32))
        self._constant("int8/middle", np.array(_LEVELS + 1, dtype=np.uint8))
        self._constant("int8/flat", np.array([-1], dtype=np.int64))
        self._constant("int8/first", np.array([0], dtype=np.int64))
        self._constant("int8/last", np.array([-1], dtype=np.int64))

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> None:  # noqa: ANN401  # as make_node takes them
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))


def _is_plain(node: onnx.NodeProto) -> bool:
    """Whether a Gemm is A·B + C and no more."""
    neutral = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    return all(helper.get_attribute_value(attribute) == neutral[attribute.name] for attribute in node.attribute)
