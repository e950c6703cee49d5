"""Vectors as the database has them, in half precision: pgvector's binary form, and what is passed to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES = 4
"""Before the numbers: the dimension and an unused field, 16 bits each."""


def decode(sent: Sequence[bytes], dim: int) -> NDArray[np.float32]:
    """Vectors (n, dim) float32 from what `halfvec_send` gave, each by itself or several joined.

    Raises:
        ValueError: one has another size.
    """
    row = np.dtype([("dim", ">u2"), ("unused", ">u2"), ("numbers", ">f2", (dim,))])
    joined = b"".join(sent)
    if any(len(one) % row.itemsize for one in sent):
        raise ValueError(f"a stored vector does not have {dim} numbers")
    read = np.frombuffer(joined, row)
    if (read["dim"] != dim).any():
        raise ValueError(f"a stored vector does not have {dim} numbers")
    return read["numbers"].astype(np.float32).reshape(len(read), dim)


def flat(vectors: NDArray[np.float32]) -> list[float]:
    """The numbers of vectors (n, dim) one after the other: a statement cuts them with `cut`."""
    numbers: list[float] = vectors.ravel().tolist()
    return numbers


def cut(n: str, dim: int) -> str:
    """SQL of the n-th vector, from 1, of the numbers bound as `flat`. `dim` is never a client's."""
    return f"(:flat)[({n} - 1) * {dim} + 1 : {n} * {dim}]::halfvec({dim})"
