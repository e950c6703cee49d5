"""A small made-up population: topics on a sphere, and users who draw from a few of them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from service.detection.bayes import BayesParams
from service.detection.detector import Observation, Params
from service.detection.profile import Profile
from service.detection.topics import Vectors

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
