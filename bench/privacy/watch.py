"""Somebody who sees only the vectors that leave, one after each behaviour, and looks for changes in them."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from service.evaluation.baselines import window_cosine
from service.evaluation.measures import Floats
from service.vectors import Vectors

Rule = Callable[[Vectors], Floats]
"""A statistic (n,) after each of n vectors (n, dim), larger for more evidence of a change."""


def step(vectors: Vectors) -> Floats:
    """Distance between a vector and the one before: what `magnitude` says of exact ones."""
    return _silent(np.linalg.norm(np.diff(vectors, axis=0, prepend=vectors[:1]), axis=1), until=1)


def window_distance(vectors: Vectors, *, window: int) -> Floats:
    """Distance between the mean of the newest w vectors and that of the w before: noise falls by the square root."""
    sums = np.zeros((len(vectors) + 1, vectors.shape[1]))
    np.cumsum(vectors, axis=0, dtype=np.float64, out=sums[1:])
    means = (sums[window:] - sums[:-window]) / window
    out = np.full(len(vectors), -np.inf)
    out[2 * window - 1 :] = np.linalg.norm(means[window:] - means[:-window], axis=1)
    return out


def _cosine(vectors: Vectors, *, window: int) -> Floats:
    return window_cosine(vectors, np.arange(len(vectors), dtype=np.float64), window=window)


RULES: dict[str, Rule] = {
    "step": step,
    "window distance 5": partial(window_distance, window=5),
    "window distance 10": partial(window_distance, window=10),
    "window distance 20": partial(window_distance, window=20),
    "window cosine 10": partial(_cosine, window=10),
    "window cosine 20": partial(_cosine, window=20),
}


def cosines(one: NDArray[np.floating], other: NDArray[np.floating]) -> Floats:
    """Row by row; 0 where a row is zero."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.einsum("ij,ij->i", one, other, dtype=np.float64)
    told: Floats = np.divide(products, norms, out=np.zeros(len(one)), where=norms > 0)
    return told


def _silent(statistic: Floats, *, until: int) -> Floats:
    return np.where(np.arange(len(statistic)) < until, -np.inf, statistic)
