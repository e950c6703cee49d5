"""What the arithmetic of a graph costs, and what the card can do: the limit that no software gets past."""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx

from service.encoder.manifest import MODEL_FILE

PRODUCTS = frozenset({"MatMul", "Gemm", "FusedMatMul", "Attention"})
"""Operators whose second input is a matrix of weights."""
SIDE, PRODUCTS_TIMED = 8192, 10


class Arithmetic:
    """Operations that a graph's matrix products take, a multiplication and an addition counting as two.

    Each weight of a product is used once a token. In attention, each token is multiplied with each other one of its
    text twice, for the scores and for the mean. What else there is does not come to a hundredth of these.

    Args:
        weights: entries of the matrices of weights.
        attention: the sum of the widths of all layers of attention.
    """

    def __init__(self, weights: int, attention: int) -> None:
        self.weights = weights
        self.attention = attention

    @classmethod
    def of(cls, folder: Path) -> "Arithmetic":
        """Of an exported, fused graph."""
        graph = onnx.load(str(folder / MODEL_FILE), load_external_data=False).graph
        shapes = {one.name: tuple(one.dims) for one in graph.initializer}
        products = [(node.op_type, shapes.get(node.input[1], ())) for node in graph.node if node.op_type in PRODUCTS]
        matrices = [(kind, shape) for kind, shape in products if len(shape) == 2]
        # Its one matrix makes queries, keys and values: three times as wide as the layer.
        attention = sum(shape[1] // 3 for kind, shape in matrices if kind == "Attention")
        return cls(sum(shape[0] * shape[1] for _, shape in matrices), attention)

    def operations(self, lengths: Sequence[int]) -> float:
        """For texts of so many tokens, without any padding."""
        tokens = np.asarray(lengths, dtype=np.float64)
        return float(2 * self.weights * tokens.sum() + 4 * self.attention * (tokens**2).sum())


def measured_limit() -> dict[str, Any]:
    """Operations a second of a large product of fp16 matrices on this card, by torch; `missing` where there is none."""
    if find_spec("torch") is None:
        return {"missing": "torch is not installed"}
    import torch  # noqa: PLC0415 - not needed, nor there, without a GPU

    if not torch.cuda.is_available():
        return {"missing": "torch sees no GPU"}
    one, other = (torch.randn(SIDE, SIDE, dtype=torch.float16, device="cuda") for _ in range(2))
    seconds = []
    for _ in range(PRODUCTS_TIMED + 3):
        torch.cuda.synchronize()
        began = time.perf_counter()
        one @ other
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "side": SIDE,
        "operations_per_second": 2 * SIDE**3 / median(seconds[3:]),
    }
