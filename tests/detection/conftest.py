"""A small made-up population: topics on a sphere, and users who draw from a few of them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from service.detection.bayes import BayesParams
from service.detection.detector import Observation, Params
from service.detection.fusion import Fusion
from service.detection.profile import Profile
from service.vectors import Vectors

TOPICS, DIM = 40, 64
Draw = Callable[[Sequence[int], int, int], list[Observation]]


@pytest.fixture(scope="session")
def profile() -> Profile:
    rng = np.random.default_rng(0)
    prototypes = rng.normal(size=(TOPICS, DIM)).astype(np.float32)
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    background = rng.dirichlet(np.full(TOPICS, 5.0)).astype(np.float32)
    return Profile(
        id="made-up",
        space="made-up",
        center=np.zeros(DIM, np.float32),
        projection=np.zeros((DIM, 0), np.float32),
        mix=0.0,
        prototypes=prototypes,
        groups=(np.arange(TOPICS) // 5).astype(np.uint16),
        background=background,
        labels=tuple(f"topic {k}" for k in range(TOPICS)),
        temperature=0.05,
        nearest=5,
        threshold=4.0,
        behaviors_per_false_alarm=1000.0,
        params=BayesParams(),
    )


@pytest.fixture(scope="session")
def params(profile: Profile) -> Params:
    return Params(DIM, profile)


@pytest.fixture(scope="session")
def draw(profile: Profile) -> Draw:
    """`draw(topics, n, seed)`: n behaviours, a day apart, each near a prototype drawn from the given ones."""

    def behaviours(topics: Sequence[int], n: int, seed: int) -> list[Observation]:
        rng = np.random.default_rng(seed)
        out = []
        for day in range(n):
            vector: Vectors = profile.prototypes[rng.choice(topics)] + 0.05 * rng.normal(size=DIM)
            out.append(Observation((vector / np.linalg.norm(vector)).astype(np.float32), 1.0, 86_400.0 * day))
        return out

    return behaviours


def later(observations: list[Observation], days: int) -> list[Observation]:
    """The same behaviours, that many days later."""
    return [Observation(o.vector, o.weight, o.time + 86_400.0 * days) for o in observations]


def one_figure(index: int) -> Fusion:
    """A verdict that is one figure, by 400 steps of a hundredth: trees of one question each."""
    cuts = np.arange(-20.0, 20.0, 0.01)
    n = len(cuts)
    roots = np.arange(n, dtype=np.int32) * 3
    nodes = {"feature": np.int16, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float64}
    flat = {name: np.zeros(3 * n, dtype) for name, dtype in nodes.items()}
    flat["feature"][:] = np.tile([index, -1, -1], n)
    flat["threshold"][::3] = cuts
    flat["left"][::3], flat["right"][::3] = roots + 1, roots + 2
    flat["value"][2::3] = 0.01
    return Fusion(**flat, roots=roots, scale=1.0, offset=-20.0)
