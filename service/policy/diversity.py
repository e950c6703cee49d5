"""Maximal marginal relevance: the next item is good by itself, and unlike those before it.

    next = argmax over x not chosen of  (1 - d) relevance(x) - d max over chosen y of cos(x, y)

Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking for reordering documents and producing
summaries". With relevance scaled to 0..1, d says how much unlikeness may cost.

>>> import numpy as np
>>> vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
>>> diversify(vectors, np.array([1.0, 0.9, 0.5]), 2, strength=0.5).tolist()
[0, 2]
"""

import numpy as np
from numpy.typing import NDArray

from service.vectors import Vectors


def diversify(vectors: Vectors, relevance: NDArray[np.floating], k: int, *, strength: float) -> NDArray[np.int64]:
    """Places of the k items chosen, the first first.

    Args:
        vectors: (c, dim) unit vectors.
        relevance: (c,) at least 0.
        k: how many, if there are so many.
        strength: d, 0 (by relevance alone) to 1.
    """
    scaled = relevance / max(float(relevance.max(initial=0.0)), 1e-12)
    nearest = np.zeros(len(vectors))
    left = np.ones(len(vectors), bool)
    chosen: list[int] = []
    for _ in range(min(k, len(vectors))):
        value = np.where(left, (1.0 - strength) * scaled - strength * nearest, -np.inf)
        best = int(np.argmax(value))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(chosen, np.int64)
