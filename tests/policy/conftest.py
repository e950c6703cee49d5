"""Made-up memories, and the small population of the detector's tests."""

from collections.abc import Sequence

import numpy as np

from service.policy.experts import RELATIONS, Remembered
from service.policy.memory import Memory
from service.policy.succession import hashes_of
from service.vectors import Vectors
from tests.detection import conftest as detection

profile, params, draw = detection.profile, detection.params, detection.draw
DIM = 16


def unit(vectors: np.ndarray) -> Vectors:
    """Scaled to length 1, as rows."""
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def around(rng: np.random.Generator, centre: np.ndarray, n: int, spread: float = 0.1) -> Vectors:
    """n unit vectors near to a unit vector."""
    return unit(centre + spread * rng.normal(size=(n, len(centre))))


def remembered(rng: np.random.Generator, n: int, regimes: int = 1) -> Remembered:
    """Any memory of n behaviours: gaps in the stream, weights of which some are 0, and regimes one after the other."""
    return Remembered(
        densities=rng.gamma(0.7, 1.5, size=(len(RELATIONS), n, n)).astype(np.float32),
        weights=(rng.uniform(0.2, 2.0, n) * (rng.random(n) > 0.2)).astype(np.float32),
        positions=np.cumsum(rng.integers(1, 4, n)).astype(np.int64),
        regimes=np.sort(rng.integers(0, regimes, n)).astype(np.int64),
        inclusion=np.sort(rng.random(n)),
        fresh=rng.random(n) > 0.3,
    )


def memory_of(vectors: Vectors, regimes: Sequence[int], *, first: int = 0) -> Memory:
    """A memory of behaviours on items of their own, the present regime certain."""
    n = len(vectors)
    numbers = np.array(regimes, np.int64)
    return Memory(
        vectors=vectors,
        weights=np.ones(n, np.float32),
        positions=np.arange(first, first + n, dtype=np.int64),
        regimes=numbers,
        inclusion=(numbers == numbers[-1]).astype(np.float64) if n else np.zeros(0),
        fresh=np.ones(n, bool),
        event_ids=tuple(f"e{k}" for k in range(n)),
        item_ids=tuple(f"i{k}" for k in range(n)),
        hashes=hashes_of([f"i{k}" for k in range(n)]),
    )
