"""Soft topics: a behaviour's vector as sparse shares over the profile's prototypes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Sparse topic shares of n behaviours.

    Attributes:
        topics: (n, m) uint16, the m nearest topics of each behaviour, nearest first.
        shares: (n, m) float16, their shares; each row sums to 1 within half precision. Stored and computed in half
            precision alike, so that a state that went through the database is the state that did not.
    """

    topics: NDArray[np.uint16]
    shares: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.topics)


def assign(vectors: Vectors, *, center: Vectors, prototypes: Vectors, temperature: float, nearest: int) -> Assignment:
    """Softmax of cos(e - center, prototype) / temperature over each vector's `nearest` prototypes.

    Vectors are centred on the background's mean first: some encoders put everything into one narrow cone, in which
    cosines hardly differ. A lower temperature makes assignments harder.

    Args:
        vectors: (n, dim), unit vectors.
        center: (dim,), the background's mean.
        prototypes: (k, dim), unit vectors in the centred space.
        temperature: tau > 0.
        nearest: m, at most k.

    Returns:
        the assignment of the n vectors.
    """
    centred = np.atleast_2d(vectors).astype(np.float32) - center
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(norms, 1e-12)
    # Row by row: one matrix product rounds differently for different n, and streaming must equal batch to the bit.
    cosines = np.stack([prototypes @ row for row in unit])
    rows = np.arange(len(cosines))[:, None]
    some = np.argpartition(cosines, -nearest, axis=1)[:, -nearest:]
    top = some[rows, np.argsort(-cosines[rows, some], axis=1, kind="stable")]
    scaled = cosines[rows, top].astype(np.float64) / temperature
    weights = np.exp(scaled - scaled[:, :1])
    shares = weights / weights.sum(axis=1, keepdims=True)
    return Assignment(topics=top.astype(np.uint16), shares=shares.astype(np.float16))
