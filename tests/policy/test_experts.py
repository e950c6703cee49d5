"""The mixture of memories against the formulas it states, computed anew for every prefix, slowly."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy.experts import (
    ETA,
    EXPERTS,
    FLOOR,
    RELATIONS,
    SHARE,
    Expert,
    Mixture,
    Remembered,
    chances,
    mix,
    over_runs,
    returning,
)
from service.policy.kernel import kernel, normalizers

from .conftest import DIM, around, remembered, unit

E = len(EXPERTS)
LIKENESS, SUCCESSION = (RELATIONS.index(relation) for relation in ("likeness", "succession"))
PLACE = {expert.name: place for place, expert in enumerate(EXPERTS)}
DOMAINS = [PLACE["domain"], PLACE["returning"]]
some = settings(max_examples=40, deadline=None)


def prefix(memory: Remembered, n: int) -> Remembered:
    """The memory as it was after n behaviours, as far as regimes are concerned."""
    cut = {field.name: getattr(memory, field.name)[:n] for field in fields(memory)}
    return Remembered(**cut | {"densities": memory.densities[:, :n, :n]})


def slow_returning(memory: Remembered) -> np.ndarray:
    """Bayes' rule over "the return of g" for each earlier regime g, and "of none", by products of densities."""
    n = len(memory.weights)
    present = [t for t in range(n) if memory.regimes[t] == memory.regimes[-1]]
    earlier = sorted(set(memory.regimes.tolist()) - {memory.regimes[-1]}) if n else []
    likelihoods = []
    for number in earlier:
        own = [j for j in range(n) if memory.regimes[j] == number]
        likelihood = 1.0
        for t in present:
            likelihood *= FLOOR + (1 - FLOOR) * sum(float(memory.densities[LIKENESS, t, j]) for j in own) / len(own)
        likelihoods.append(likelihood)
    total = 1.0 + sum(likelihoods)
    found = dict(zip(earlier, likelihoods, strict=True))
    return np.array([found.get(number, 0.0) / total for number in memory.regimes.tolist()])


def held(expert: Expert, memory: Remembered, recall: np.ndarray, newest: int) -> np.ndarray:
    """What each of the behaviours up to `newest` counts under an expert, by its weight and age."""
    ages = memory.positions[newest] - memory.positions[: newest + 1]
    counts = memory.weights[: newest + 1].astype(np.float64) * 0.5 ** (ages / expert.half_life)
    if expert.scope == "recall":
        counts = counts * recall[: newest + 1]
    return np.zeros_like(counts) if expert.scope == "domain" else counts


def slow_over_runs(counts: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Run by run: the probability that it is the present one, times what its behaviours count among themselves."""
    total = np.zeros_like(counts)
    for first, probability in enumerate(np.diff(inclusion, prepend=0.0)):
        own = np.where(np.arange(len(counts)) >= first, counts, 0.0)
        if own.sum() > 0:
            total += probability * own / own.sum()
    return total


def slow_mix(memory: Remembered) -> Mixture:
    """The fixed-share forecaster as the module's docstring states it, all weights computed anew each time."""
    n, recall = len(memory.weights), slow_returning(memory)
    learnt = chances()
    for t in range(1, n):
        if not memory.fresh[t]:
            continue
        predicted = np.ones(E)
        for e, expert in enumerate(EXPERTS):
            counts = held(expert, memory, recall, t - 1)
            if expert.scope == "regime":
                counts = counts * (memory.regimes[:t] == memory.regimes[t])
            if counts.sum() > 0:
                density = memory.densities[RELATIONS.index(expert.relation), t, :t]
                predicted[e] = counts @ density / counts.sum()
        learnt = learnt * (FLOOR + (1 - FLOOR) * predicted) ** ETA
        learnt = (1 - SHARE) * learnt / learnt.sum() + SHARE * chances()
    total = np.zeros((len(RELATIONS), n))
    for e, expert in enumerate(EXPERTS):
        counts = held(expert, memory, recall, n - 1) if n else np.zeros(0)
        if expert.scope == "regime":
            counts = slow_over_runs(counts, memory.inclusion)
        certainty = recall.max(initial=0.0) if expert.scope == "recall" else 1.0
        if counts.sum() > 0:
            total[RELATIONS.index(expert.relation)] += learnt[e] * certainty * counts / counts.sum()
    # What no expert remembers anything with is foretold by what everybody does.
    return Mixture(learnt, total / total.sum() if total.sum() > 0 else total, 1.0 - total.sum())


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 24), regimes=st.integers(1, 5))
@some
def test_the_mixture_is_what_its_formulas_give_at_every_prefix(seed: int, n: int, regimes: int) -> None:
    memory = remembered(np.random.default_rng(seed), n, regimes)
    for length in range(n + 1):
        found, expected = mix(prefix(memory, length)), slow_mix(prefix(memory, length))
        np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-6)
        np.testing.assert_allclose(found.memory, expected.memory, rtol=1e-6, atol=1e-12)
        assert found.domain == pytest.approx(expected.domain, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 24), regimes=st.integers(1, 5))
@some
def test_returning_is_bayes_rule(seed: int, n: int, regimes: int) -> None:
    memory = remembered(np.random.default_rng(seed), n, regimes)
    np.testing.assert_allclose(returning(memory), slow_returning(memory), rtol=1e-6, atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40))
@some
def test_weights_add_up_and_no_expert_is_ever_lost(seed: int, n: int) -> None:
    memory = remembered(np.random.default_rng(seed), n, 3)
    memory.densities[:] **= 8  # as sure as anything: some experts are ruined at once
    mixture = mix(memory)
    assert mixture.weights.sum() == pytest.approx(1.0)
    assert (mixture.weights >= SHARE * chances() * (1 - 1e-9)).all()
    assert (mixture.memory >= 0).all()
    assert mixture.memory.sum() == pytest.approx(1.0 if memory.weights.any() else 0.0)
    assert 0.0 <= mixture.domain <= 1.0


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))
@some
def test_the_mean_over_runs_counts_each_run_by_its_probability(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    counts, inclusion = rng.uniform(0.1, 2.0, n), np.sort(rng.random(n))
    found = over_runs(counts, inclusion)
    np.testing.assert_allclose(found, slow_over_runs(counts, inclusion), rtol=1e-9)
    assert found.sum() == pytest.approx(inclusion[-1])
    certain = over_runs(counts, np.ones(n))
    np.testing.assert_allclose(certain, counts / counts.sum(), err_msg="one run is that run")


def test_runs_without_anything_to_count_say_nothing() -> None:
    counts = np.array([1.0, 1.0, 0.0])
    np.testing.assert_allclose(over_runs(counts, np.array([0.5, 0.5, 1.0])), [0.25, 0.25, 0.0])
    assert not over_runs(np.zeros(3), np.ones(3)).any()
    assert not len(over_runs(np.zeros(0), np.zeros(0)))


def test_the_surer_the_detector_is_of_a_change_the_more_its_few_behaviours_count() -> None:
    """Nobody has declared it: all are of one regime, and what was learnt is the same."""
    memory = of_vectors([(A, 60), (B, 3)])
    memory.regimes[:] = 0
    found = []
    for sure in (0.0, 0.25, 0.5, 0.75, 1.0):
        memory.inclusion[:60], memory.inclusion[60:] = 1.0 - sure, 1.0
        mixture = mix(memory)
        found.append(float(mixture.memory[LIKENESS, 60:].sum()))
        assert mixture.memory.sum() == pytest.approx(1.0)
    assert found == sorted(found)
    assert found[2] == pytest.approx((found[0] + found[4]) / 2), "in proportion"
    assert found[4] > found[0] + 0.3


def test_nothing_is_learnt_of_items_that_were_not_new() -> None:
    memory = remembered(np.random.default_rng(0), 30)
    memory.fresh[1:] = False
    np.testing.assert_allclose(mix(memory).weights, chances())


def test_without_any_weight_everybody_is_followed() -> None:
    memory = remembered(np.random.default_rng(0), 12, 3)
    memory.weights[:] = 0.0
    mixture = mix(memory)
    assert mixture.domain == 1.0
    assert not mixture.memory.any()


def of_vectors(parts: list[tuple[np.ndarray, int]]) -> Remembered:
    """A memory of behaviours around these centres, n of each, whose regimes are these; what is usual is anything."""
    rng = np.random.default_rng(1)
    vectors = np.concatenate([around(rng, centre, n) for centre, n in parts])
    sample = unit(rng.normal(size=(400, DIM)))
    scale = normalizers(vectors, sample, np.full(400, 1 / 400, np.float32))
    regimes = np.repeat(np.arange(len(parts)), [n for _, n in parts])
    n = len(vectors)
    return Remembered(
        densities=np.stack([kernel(vectors, vectors) / scale, np.ones((n, n), np.float32)]),
        weights=np.ones(n, np.float32),
        positions=np.arange(n),
        regimes=regimes,
        inclusion=(regimes == regimes[-1]).astype(np.float64),
        fresh=np.ones(n, bool),
    )


CENTRES = np.eye(DIM)
A, B, C = CENTRES[:3]


def test_an_interest_that_comes_back_is_recognised() -> None:
    memory = of_vectors([(A, 30), (B, 30), (A, 3)])
    found = returning(memory)
    assert (found[:30] > 0.99).all()
    assert (found[30:60] < 0.01).all()
    assert not found[60:].any(), "the present regime is not its own return"
    mixture = mix(memory)
    assert mixture.memory[:, :30].sum() > 3 * mixture.memory[:, 30:60].sum()
    another = of_vectors([(A, 30), (B, 30), (C, 3)])
    assert (returning(another) < 0.05).all()
    assert mix(another).memory[:, :30].sum() < 0.2 * mixture.memory[:, :30].sum()


def test_the_mixture_follows_a_change_and_trusts_the_long_term_without_one() -> None:
    """Within a few behaviours of it, though nobody has told that there was one: all are of one regime."""
    steady = of_vectors([(A, 60)])
    changed = of_vectors([(A, 60), (B, 8)])
    changed.regimes[:] = 0
    changed.inclusion[:] = 1.0
    before, after = mix(steady).weights, mix(changed).weights
    short, long = PLACE["regime_newest_3"], PLACE["regime"]
    assert after[short] > 2 * after[long]
    assert before[short] < 1.2 * before[long]
    assert mix(changed).memory[LIKENESS, 60:].sum() > 0.7
    # Told of the change, the regime's memory is the best from its second behaviour on.
    told = mix(of_vectors([(A, 60), (B, 8)]))
    assert told.weights[long] > 2 * after[long]
    assert told.memory[LIKENESS, 60:].sum() > 0.85


def test_who_goes_where_others_went_is_foretold_by_them() -> None:
    """Items that are nothing like each other, each of which others took up after the one before."""
    memory = remembered(np.random.default_rng(5), 40)
    memory.weights[:] = 1.0
    memory.fresh[:] = True
    memory.densities[LIKENESS] = 0.5
    memory.densities[SUCCESSION] = 0.5 + 30.0 * np.eye(40, k=-1)
    mixture = mix(memory)
    assert mixture.weights[PLACE["others_after_newest_3"]] > 0.7
    assert mixture.memory[SUCCESSION].sum() > 0.6
    memory.densities[:] = memory.densities[::-1].copy()
    assert mix(memory).memory[SUCCESSION].sum() < 0.1


def test_somebody_like_nobody_before_is_foretold_by_what_everybody_does() -> None:
    memory = remembered(np.random.default_rng(2), 60)
    memory.weights[:] = 1.0
    memory.fresh[:] = True
    memory.densities[:] = 0.05
    mixture = mix(memory)
    # Who could recall earlier regimes has none to recall, and says the same as who follows everybody.
    grown = mixture.weights / chances()
    assert grown[PLACE["domain"]] == pytest.approx(grown[PLACE["returning"]]) == grown.max()
    assert mixture.weights[PLACE["returning"]] == mixture.weights.max()
    assert mixture.domain == pytest.approx(mixture.weights[DOMAINS].sum())
    assert mixture.domain > 0.9
    memory.densities[:] = 20.0
    assert mix(memory).domain == pytest.approx(SHARE * chances()[DOMAINS].sum(), rel=0.2)


def test_a_share_of_nothing_is_plain_bayes() -> None:
    """Without redistribution and floor effects aside, weights are products of what each foretold."""
    memory = remembered(np.random.default_rng(3), 6)
    memory.fresh[:] = True
    sequence = [mix(prefix(memory, n), share=0.0).weights for n in range(1, 7)]
    ratios = [mix(prefix(memory, n), share=0.0, eta=2.0).weights for n in range(1, 7)]
    for plain, twice in zip(sequence, ratios, strict=True):
        expected = plain**2 / chances()
        np.testing.assert_allclose(twice, expected / expected.sum(), rtol=1e-9)
