"""Vectors between real ones: as many as a catalogue needs, as far from their neighbours as real ones are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.recommend.titles import CHUNK, SEED, Titles

SAMPLE = 8_000
"""Vectors among which distances to the nearest neighbour are compared."""
NOISES = tuple(np.round(np.arange(0.2, 1.01, 0.1), 2).tolist())
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """How far made vectors are from their nearest neighbour, beside real ones, among as many of each.

    Attributes:
        noise: length of the noise, in units of a vector; the one of `NOISES` that comes nearest in the median.
        real: cosine distances at `QUANTILES`.
        made: the same of made vectors.
    """

    noise: float
    real: list[float]
    made: list[float]


def fit(titles: Titles) -> Likeness:
    """Choose the noise."""
    generator = np.random.default_rng(SEED)
    chosen = generator.choice(len(titles.vectors), min(SAMPLE, len(titles.vectors)), replace=False)
    real = nearest_distances(titles.vectors[chosen])
    tried = {noise: nearest_distances(_between(titles, len(chosen), noise, generator)[0]) for noise in NOISES}
    noise = min(tried, key=lambda one: abs(float(np.median(tried[one]) - np.median(real))))
    return Likeness(noise, np.quantile(real, QUANTILES).tolist(), np.quantile(tried[noise], QUANTILES).tolist())


def nearest_distances(vectors: Vectors) -> NDArray[np.float32]:
    """Cosine distance (n,) of each unit vector to its nearest neighbour among the others."""
    distances = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), CHUNK):
        products = vectors[start : start + CHUNK] @ vectors.T
        rows = np.arange(len(products))
        products[rows, start + rows] = -np.inf
        distances[start : start + CHUNK] = 1 - products.max(axis=1)
    return distances


def made(titles: Titles, count: int, noise: float) -> Iterator[tuple[Vectors, NDArray[np.int32]]]:
    """Vectors (CHUNK or fewer, dim) of unit length and their topics, `count` in all; the same ones every time."""
    generator = np.random.default_rng(SEED + 1)
    for start in range(0, count, CHUNK):
        yield _between(titles, min(CHUNK, count - start), noise, generator)


def _between(
    titles: Titles, count: int, noise: float, generator: np.random.Generator
) -> tuple[Vectors, NDArray[np.int32]]:
    """Points between two titles of one topic, anywhere between them, and noise in every direction."""
    order = np.argsort(titles.topics, kind="stable")
    starts = np.searchsorted(titles.topics[order], titles.topics)
    sizes = np.bincount(titles.topics)[titles.topics]
    one = generator.integers(len(titles.vectors), size=count)
    other = order[starts[one] + (generator.random(count) * sizes[one]).astype(np.int64)]
    share = generator.random((count, 1), dtype=np.float32)
    vectors = share * titles.vectors[one] + (1 - share) * titles.vectors[other]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    dim = vectors.shape[1]
    vectors += generator.standard_normal(vectors.shape, dtype=np.float32) * np.float32(noise / np.sqrt(dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), titles.topics[one]
