"""Kernel, prior, diversity and probes against plain arithmetic, on cases small enough to try everything."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy.diversity import diversify
from service.policy.kernel import SMALLEST, TEMPERATURE, kernel, normalizers
from service.policy.prior import EXPONENT, LEAST, MOST, prior, shape_of
from service.policy.probes import WIDER, middles, probes

from .conftest import DIM, unit

some = settings(max_examples=60, deadline=None)


def vectors(seed: int, n: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, DIM)))


@given(seed=st.integers(0, 2**32 - 1), items=st.integers(0, 9), behaviors=st.integers(0, 9))
@some
def test_the_kernel_is_that_of_each_pair(seed: int, items: int, behaviors: int) -> None:
    x, v = vectors(seed, items), vectors(seed + 1, behaviors)
    expected = np.array([[np.exp((float(a @ b) - 1) / TEMPERATURE) for b in v] for a in x]).reshape(items, behaviors)
    found = kernel(x, v)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@given(seed=st.integers(0, 2**32 - 1), behaviors=st.integers(0, 9), sample=st.integers(1, 9))
@some
def test_densities_are_relative_to_the_sample_by_its_weights(seed: int, behaviors: int, sample: int) -> None:
    v, x = vectors(seed, behaviors), vectors(seed + 1, sample)
    weights = np.random.default_rng(seed).dirichlet(np.ones(sample)).astype(np.float32)
    expected = np.exp((v.astype(float) @ x.astype(float).T - 1) / TEMPERATURE) @ weights.astype(float)
    scale = normalizers(v, x, weights)
    np.testing.assert_allclose(scale, np.maximum(expected, SMALLEST), rtol=1e-3)
    # So the density of each behaviour's kernel has the mean 1 over the sample.
    np.testing.assert_allclose(weights @ (kernel(x, v) / scale), 1.0, rtol=1e-3)


def test_without_a_sample_nothing_is_scaled() -> None:
    scale = normalizers(vectors(0, 3), np.empty((0, DIM), np.float32), np.empty(0, np.float32))
    assert scale.tolist() == [1.0, 1.0, 1.0]


def test_what_is_like_nothing_in_the_sample_has_a_scale_all_the_same() -> None:
    v, x = np.eye(DIM, dtype=np.float32)[:1], -np.eye(DIM, dtype=np.float32)[:1]
    assert normalizers(v, x, np.zeros(1, np.float32))[0] == np.float32(SMALLEST)


@given(users=st.lists(st.integers(0, 10**9), max_size=30), shape=st.floats(LEAST, MOST))
@some
def test_the_prior_grows_with_the_users_and_leaves_the_new_a_chance(users: list[int], shape: float) -> None:
    found = prior(np.array(users, np.int64), shape)
    np.testing.assert_allclose(found, [((n + shape) / shape) ** EXPONENT for n in users], rtol=1e-5)
    assert (found >= 1.0).all()
    order = np.argsort(users, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


@pytest.mark.parametrize("shape", [2.0, 20.0])
def test_the_shape_is_that_of_the_gamma_that_popularities_come_from(shape: float) -> None:
    rng = np.random.default_rng(0)
    users = rng.poisson(rng.gamma(shape, 30 / shape, 20_000))
    assert shape_of(users) == pytest.approx(shape, rel=0.1)
    # Of a sample in which the popular half stands for one item each, the other for ten, the whole is meant.
    halves = np.sort(users)
    weighted = np.concatenate([halves[:10_000:10], halves[10_000:]])
    assert shape_of(weighted, np.repeat([10.0, 1.0], [1000, 10_000])) == pytest.approx(shape_of(users), rel=0.02)


def test_counts_that_differ_by_chance_alone_make_no_difference() -> None:
    users = np.random.default_rng(0).poisson(3.0, 50)
    for alike in (np.array([], np.int64), np.array([4, 4]), np.zeros(9, np.int64), np.array([2, 3, 4, 3])):
        assert shape_of(alike) == MOST
    assert shape_of(users) > 10
    found = prior(np.array([2, 4]), MOST)
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert shape_of(np.array([10**6, 0, 0, 0, 0])) == LEAST


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 9))
@some
def test_middles_are_one_step_of_mean_shift(seed: int, n: int) -> None:
    rng, v = np.random.default_rng(seed), vectors(seed, n)
    memory, chosen = rng.dirichlet(np.ones(n)), rng.permutation(n)[: 1 + n // 2]
    for place, found in zip(chosen, middles(v, memory, chosen), strict=True):
        weights = [memory[j] * np.exp((float(v[place] @ v[j]) - 1) / WIDER) for j in range(n)]
        total = sum(weight * v[j].astype(float) for j, weight in enumerate(weights))
        np.testing.assert_allclose(found, total / np.linalg.norm(total), atol=1e-4)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 8), k=st.integers(0, 9), strength=st.sampled_from([0, 0.3, 1]))
@some
def test_each_item_is_the_best_of_those_left_by_marginal_relevance(seed: int, n: int, k: int, strength: float) -> None:
    x, relevance = vectors(seed, n), np.random.default_rng(seed).random(n)
    chosen: list[int] = []
    for _ in range(min(k, n)):
        values = {}
        for candidate in set(range(n)) - set(chosen):
            nearest = max([0.0, *(float(x[candidate] @ x[other]) for other in chosen)])
            values[candidate] = (1 - strength) * relevance[candidate] / relevance.max() - strength * nearest
        chosen.append(max(sorted(values), key=lambda one: values[one]))
    assert diversify(x, relevance, k, strength=strength).tolist() == chosen


def test_without_strength_relevance_alone_decides_and_with_it_a_copy_comes_last() -> None:
    x = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    relevance = np.array([4.0, 3.9, 2.0, 1.0])
    assert diversify(x, relevance, 4, strength=0.0).tolist() == [0, 1, 2, 3]
    assert diversify(x, relevance, 4, strength=0.5).tolist() == [0, 2, 3, 1]
    assert diversify(x, np.zeros(4), 2, strength=0.5).tolist() == [0, 2]


def covered(likeness: np.ndarray, memory: np.ndarray, chosen: tuple[int, ...]) -> float:
    """Facility location: how much of the memory the chosen stand for."""
    return float(memory @ likeness[:, list(chosen)].max(axis=1)) if chosen else 0.0


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 8), most=st.integers(0, 4))
@some
def test_probes_are_greedy_and_nearly_the_best_choice(seed: int, n: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    likeness = kernel(vectors(seed, n), vectors(seed, n)).astype(float) ** 0.2
    memory = rng.dirichlet(np.ones(n))
    found = tuple(probes(likeness, memory, most).tolist())
    assert len(set(found)) == len(found) <= most
    for at, one in enumerate(found):
        gains = [covered(likeness, memory, (*found[:at], other)) for other in range(n)]
        assert gains[one] == pytest.approx(max(gains))
    best = max(covered(likeness, memory, chosen) for chosen in combinations(range(n), min(most, n)))
    assert covered(likeness, memory, found) >= (1 - 1 / np.e) * best - 1e-9


def test_no_more_probes_than_cover_all_that_counts() -> None:
    likeness = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert probes(likeness, np.array([0.7, 0.3, 0.0]), 3).tolist() == [0]
    assert probes(likeness, np.zeros(3), 3).tolist() == []
    assert probes(np.empty((0, 0)), np.empty(0), 3).tolist() == []
