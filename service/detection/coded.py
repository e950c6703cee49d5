"""Vectors in 8 bits a component, as they are kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled
from service.vectors import Vectors


@dataclass(frozen=True, slots=True)
class Coded:
    """A vector in the 8 bits a component in which it is kept.

    Attributes:
        codes: (dim,) int8.
        scale: float32, what a code of 1 stands for.
    """

    codes: NDArray[np.int8]
    scale: np.float32

    @property
    def vector(self) -> Vectors:
        """(dim,) float32, as near to the vector that was coded as 8 bits allow."""
        return self.codes * self.scale


def code(vector: Vectors) -> Coded:
    """A vector (dim,) of unit length as it is kept."""
    (coded,) = code_all(vector[None])
    return coded


def code_all(vectors: Vectors) -> tuple[Coded, ...]:
    """Vectors (n, dim) of unit length as they are kept."""
    codes, scales = _code(np.ascontiguousarray(vectors, np.float32))
    return tuple(Coded(one, scale) for one, scale in zip(codes, scales, strict=True))


@compiled
def _code(vectors: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    n, dim = vectors.shape
    codes, scales = np.empty((n, dim), np.int8), np.empty(n, np.float32)
    for i in range(n):
        largest = 1e-12
        for d in range(dim):
            largest = max(largest, abs(vectors[i, d]))
        scales[i] = largest / 127.0
        for d in range(dim):
            codes[i, d] = np.rint(vectors[i, d] / scales[i])
    return codes, scales
