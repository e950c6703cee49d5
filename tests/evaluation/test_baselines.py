"""Each rule against its formula written out at every prefix, and on streams with one clear change."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.evaluation import baselines
from service.evaluation.baselines import BASELINES, Floats

Vectors = NDArray[np.float32]

LENGTH, CHANGED, DIM = 90, 60, 16
SILENT = {
    "normalized delta": 1,
    "delta magnitude": 20,
    "window cosine 5": 9,
    "window cosine 10": 19,
    "window cosine 20": 39,
    "moving averages": 1,
    "mmd 10": 19,
    "mmd 20": 39,
    "never": LENGTH,
    "always, on everyone": 0,
}
"""How many behaviours pass before a rule judges."""
SENSIBLE = sorted(set(BASELINES) - {"normalized delta", "never", "always, on everyone"})


def draw(seed: int, *lengths: int) -> Vectors:
    """Noisy unit vectors around one random direction a regime."""
    numbers = np.random.default_rng(seed)
    regimes = [2.0 * numbers.normal(size=DIM) + numbers.normal(size=(length, DIM)) for length in lengths]
    rows = np.concatenate(regimes)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def judge(name: str, vectors: Vectors) -> Floats:
    return BASELINES[name](vectors, np.arange(float(len(vectors))))


def distance(one: Floats, other: Floats) -> float:
    return float(1.0 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def weighted_mean(vectors: Vectors, half_life: float) -> Floats:
    ages = np.arange(len(vectors) - 1.0, -1.0, -1.0)
    return np.average(vectors.astype(np.float64), axis=0, weights=0.5 ** (ages / half_life))


def plain_delta(vectors: Vectors) -> float:
    return float(np.linalg.norm(weighted_mean(vectors, 10.0) - weighted_mean(vectors[:-1], 10.0)))


def plain_window_cosine(window: int) -> Callable[[Vectors], float]:
    def statistic(vectors: Vectors) -> float:
        exact = vectors.astype(np.float64)
        return distance(exact[-2 * window : -window].mean(axis=0), exact[-window:].mean(axis=0))

    return statistic


def plain_mmd(window: int) -> Callable[[Vectors], float]:
    """The formula pair by pair."""

    def statistic(vectors: Vectors) -> float:
        exact = vectors.astype(np.float64)
        first = exact[: 2 * window]
        width = np.median([np.linalg.norm(a - b) for a, b in combinations(first, 2)])
        kernel = np.exp(-np.square(exact[:, None] - exact).sum(axis=2) / (2 * width**2))
        y, x = slice(-2 * window, -window), slice(-window, None)
        within = sum(kernel[s, s].sum() - window for s in (x, y)) / (window * (window - 1))
        return float(within - 2 * kernel[x, y].mean())

    return statistic


PLAIN: dict[str, Callable[[Vectors], float]] = {
    "normalized delta": lambda vectors: float(plain_delta(vectors) > 0),
    "delta magnitude": plain_delta,
    "window cosine 5": plain_window_cosine(5),
    "window cosine 10": plain_window_cosine(10),
    "window cosine 20": plain_window_cosine(20),
    "moving averages": lambda vectors: distance(weighted_mean(vectors, 5.0), weighted_mean(vectors, 50.0)),
    "mmd 10": plain_mmd(10),
    "mmd 20": plain_mmd(20),
    "never": lambda _: -np.inf,
    "always, on everyone": lambda _: np.inf,
}


@pytest.mark.parametrize("name", BASELINES)
def test_a_statistic_follows_its_formula_at_every_prefix(name: str) -> None:
    vectors = draw(1, CHANGED, LENGTH - CHANGED)
    expected = [-np.inf if t < SILENT[name] else PLAIN[name](vectors[: t + 1]) for t in range(LENGTH)]
    np.testing.assert_allclose(judge(name, vectors), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", BASELINES)
def test_a_statistic_sees_no_later_behaviour(name: str) -> None:
    vectors = draw(2, CHANGED, LENGTH - CHANGED)
    whole = judge(name, vectors)
    for length in range(LENGTH + 1):
        np.testing.assert_allclose(judge(name, vectors[:length]), whole[:length], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("length", [0, 1, 2, 10, 39, 40])
def test_short_streams_have_a_number_a_behaviour(name: str, length: int) -> None:
    statistic = judge(name, draw(3, length))
    assert statistic.shape == (length,)
    assert statistic.dtype == np.float64
    assert not np.isnan(statistic).any()


@pytest.mark.parametrize("name", SENSIBLE)
def test_a_clear_change_is_seen(name: str) -> None:
    statistic = judge(name, draw(4, CHANGED, LENGTH - CHANGED))
    assert statistic[CHANGED:].max() > 2 * statistic[:CHANGED].max()


@pytest.mark.parametrize("name", SENSIBLE)
def test_the_same_behaviour_over_and_over_is_no_change(name: str) -> None:
    statistic = judge(name, np.repeat(draw(5, 1), LENGTH, axis=0))
    np.testing.assert_allclose(statistic[SILENT[name] :], 0.0, atol=1e-12)


@pytest.mark.parametrize("name", SENSIBLE)
def test_vectors_that_cancel_give_no_evidence_out_of_rounding(name: str) -> None:
    there = draw(6, 1)
    vectors = np.concatenate([there, -there] * (LENGTH // 2))
    assert np.isfinite(judge(name, vectors)[SILENT[name] :]).all()


def test_the_normalized_rule_fires_on_everything_that_moves() -> None:
    still = np.repeat(draw(7, 1), 5, axis=0)
    statistic = judge("normalized delta", np.concatenate([still, draw(8, 20)]))
    assert statistic.tolist() == [-np.inf] + [0.0] * 4 + [1.0] * 20


def test_windows_are_exact_on_a_small_example() -> None:
    east, north = np.eye(2, dtype=np.float32)
    vectors = np.array([east, east, north, north, east])
    statistic = baselines.window_cosine(vectors, np.arange(5.0), window=2)
    # east east | north north, then east north | north east
    np.testing.assert_allclose(statistic, [-np.inf, -np.inf, -np.inf, 1.0, 0.0], atol=1e-15)


def test_mmd_is_exact_on_a_small_example() -> None:
    east, north = np.eye(2, dtype=np.float32)
    vectors = np.array([east, east, north, north, north])
    statistic = baselines.mmd(vectors, np.arange(5.0), window=2)
    # Four of the first six pairs are sqrt(2) apart, so that is the width, and two unlike vectors have k = exp(-1/2).
    unlike = np.exp(-0.5)
    expected = [1 + 1 - 2 * unlike, 1 + unlike - (1 + unlike)]
    np.testing.assert_allclose(statistic[3:], expected, atol=1e-15)


def test_the_width_of_a_kernel_is_the_median_distance() -> None:
    assert baselines.median_width(np.array([[0.0], [1.0], [3.0]])) == 2.0
    assert baselines.median_width(np.array([[0.0], [0.0], [0.0], [0.0], [3.0]])) == 3.0  # most pairs are equal
    assert baselines.median_width(np.zeros((4, 1))) == 1.0


def test_the_distance_to_the_running_mean_follows_its_formula() -> None:
    vectors = draw(9, 40)
    exact = vectors.astype(np.float64)
    expected = [0.0] + [distance(exact[t], exact[:t].mean(axis=0)) for t in range(1, 40)]
    np.testing.assert_allclose(baselines.distance_to_running_mean(vectors), expected, rtol=1e-9, atol=1e-12)


def test_the_distance_to_the_running_mean_of_nothing_is_empty() -> None:
    assert baselines.distance_to_running_mean(np.empty((0, DIM), np.float32)).shape == (0,)
