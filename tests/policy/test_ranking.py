"""Which items are picked and because of what, on memories and catalogues small enough to check by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy.kernel import kernel
from service.policy.prior import EXPONENT, prior
from service.policy.ranking import WIDE, Learnt, Pick, learn, questions, rank
from service.policy.succession import PRIOR, SMOOTHING, Successors, hashes_of
from service.vectors import Vectors

from .conftest import DIM, around, memory_of, unit

some = settings(max_examples=40, deadline=None)
A, B, C = np.eye(DIM)[:3]
EMPTY = memory_of(np.empty((0, DIM), np.float32), [])


def sample(seed: int = 9, n: int = 200) -> tuple[Vectors, np.ndarray]:
    return unit(np.random.default_rng(seed).normal(size=(n, DIM))), np.full(n, 1 / n, np.float32)


def someone(*parts: tuple[np.ndarray, int], seed: int = 0, successors: Successors | None = None) -> Learnt:
    """Behaviours around these centres one after the other, each part a regime."""
    rng = np.random.default_rng(seed)
    vectors = np.concatenate([around(rng, centre, n) for centre, n in parts])
    regimes = np.repeat(np.arange(len(parts)), [n for _, n in parts]).tolist()
    return learn(memory_of(vectors, regimes), *sample(), successors)


def ranked(learnt: Learnt, vectors: Vectors, users: list[int] | None = None, k: int = 5, **how: float) -> list[Pick]:
    counts = np.zeros(len(vectors), np.int64) if users is None else np.array(users)
    ids = [f"candidate {n}" for n in range(len(vectors))]
    return rank(learnt, ids, vectors, counts, k, **({"shape": 1.0, "explore": 0.0, "diversity": 0.0} | how))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), candidates=st.integers(0, 20), k=st.integers(1, 8))
@some
def test_scores_are_prior_times_density_relative_to_the_best(seed: int, n: int, candidates: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    others = Successors(  # who went from the first two behaviours' items to the first candidate, among others
        items=hashes_of(["i0", "i1"]), totals=np.array([40, 9]), kept=np.array([30, 4]), row=np.array([0, 1]),
        hashes=hashes_of(["candidate 0", "candidate 0"]), counts=np.array([30, 4]), arrivals=np.array([60, 60]),
        place=np.zeros(2, np.int64), mass=200.0,
    )  # fmt: skip
    learnt = someone((A, n), (B, n), seed=seed, successors=others)
    vectors, users = unit(rng.normal(size=(candidates, DIM))), rng.integers(0, 50, candidates)
    memory, mixture = learnt.memory, learnt.mixture
    after = np.ones((candidates, len(memory)))
    after[:, 0], after[:, 1] = (10 + PRIOR) / (40 + PRIOR), (5 + PRIOR) / (9 + PRIOR)
    after[:1, 0] += 30 * 200.0 / 60**SMOOTHING / (40 + PRIOR)
    after[:1, 1] += 4 * 200.0 / 60**SMOOTHING / (9 + PRIOR)
    densities = [
        mixture.domain
        + (1 - mixture.domain)
        * sum(
            mixture.memory[0, j] * float(kernel(vectors[x][None], memory.vectors[j][None])[0, 0]) / learnt.scale[j]
            + mixture.memory[1, j] * after[x, j]
            for j in range(len(memory))
        )
        for x in range(candidates)
    ]
    scores = np.array([density * (users[x] + 3.0) ** EXPONENT for x, density in enumerate(densities)])
    found = ranked(learnt, vectors, users.tolist(), k, shape=3.0)
    assert [pick.place for pick in found] == np.argsort(-scores, kind="stable")[:k].tolist()
    for pick in found:
        assert pick.score == pytest.approx(scores[pick.place] / scores.max(), rel=1e-3)
        # What behaviours add, and what the domain does, is all of it.
        assert pick.parts.sum() + learnt.domain / densities[pick.place] == pytest.approx(1.0, rel=1e-3)
        assert (pick.parts >= 0).all()


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12), explore=st.floats(0, 1), n=st.integers(0, 30))
@some
def test_a_share_of_the_items_is_to_explore(seed: int, k: int, explore: float, n: int) -> None:
    """Rounded down, they come last, by the prior alone, and nothing comes twice."""
    rng = np.random.default_rng(seed)
    learnt, vectors, users = someone((A, 20)), unit(rng.normal(size=(n, DIM))), rng.permutation(n)
    found = ranked(learnt, vectors, users.tolist(), k, explore=explore, diversity=0.2)
    places = [pick.place for pick in found]
    assert len(set(places)) == len(places) == min(k, n)
    followed = min(k - int(explore * k), n)
    assert [pick.source == "exploration" for pick in found] == [False] * followed + [True] * (len(found) - followed)
    others = sorted(set(range(n)) - set(places[:followed]), key=lambda x: -users[x])
    assert places[followed:] == others[: len(found) - followed]


def test_of_somebody_new_all_goes_by_the_prior() -> None:
    learnt = learn(EMPTY, *sample())
    assert learnt.shares == {"present": 0.0, "long_term": 0.0, "domain": 1.0}
    vectors, users = sample(1, 6)[0], [3, 0, 9, 1, 4, 2]
    found = ranked(learnt, vectors, users, 4)
    assert [pick.place for pick in found] == [2, 4, 0, 5]
    assert {pick.source for pick in found} == {"domain"}
    expected = prior(np.array(users), 1.0)
    assert [pick.score for pick in found] == pytest.approx([expected[place] / expected[2] for place in (2, 4, 0, 5)])
    assert questions(learnt, 5).shape == (0, DIM)


def test_without_a_catalogue_there_is_something_to_learn_all_the_same() -> None:
    """What is usual is then what is usual for the user."""
    rng = np.random.default_rng(0)
    memory = memory_of(around(rng, A, 20), [0] * 20)
    learnt = learn(memory, np.empty((0, DIM), np.float32), np.empty(0, np.float32))
    np.testing.assert_allclose(learnt.scale, kernel(memory.vectors, memory.vectors).mean(axis=1), rtol=1e-3)
    assert sum(learnt.shares.values()) == pytest.approx(1.0)
    assert learn(EMPTY, np.empty((0, DIM), np.float32), np.empty(0, np.float32)).mixture.domain == 1.0
    assert ranked(learnt, np.empty((0, DIM), np.float32)) == []


def test_every_item_says_where_it_comes_from() -> None:
    rng = np.random.default_rng(3)
    near = np.concatenate([around(rng, A, 1), around(rng, B, 1), unit(-A - B - C)[None]])
    sources = {pick.place: pick.source for pick in ranked(someone((A, 60)), near)}
    assert (sources[0], sources[2]) == ("present", "domain")
    changed = someone((A, 60), (B, 30))
    sources = {pick.place: pick.source for pick in ranked(changed, near)}
    assert (sources[0], sources[1]) == ("long_term", "present")
    assert 0 < changed.shares["long_term"] < changed.shares["present"]
    back = someone((A, 60), (B, 30), (A, 2))
    back.memory.inclusion[:60] = 0.0
    sources = {pick.place: pick.source for pick in ranked(back, near)}
    assert sources[1] == "long_term"
    assert back.returned[0] > 0.99
    # An item that the first interest's behaviours speak for more than the two of now do.
    first = unit(back.memory.vectors[:60].mean(axis=0))[None]
    (pick,) = ranked(back, first)
    present = float(pick.parts[90:].sum())
    assert pick.source == ("present" if present >= pick.parts[:90].sum() else "returning")
    assert pick.source == "returning"


def test_diversity_is_among_the_best_only() -> None:
    """An item that is nothing to the user is not recommended for being different, of many that are."""
    rng = np.random.default_rng(4)
    k = 3
    near, far = around(rng, A, WIDE * k, 0.02), unit(rng.normal(size=(5, DIM)) - 3 * A)
    found = ranked(someone((A, 30)), np.concatenate([near, far]), k=k, diversity=0.9)
    assert all(pick.place < len(near) for pick in found)


def test_questions_are_asked_near_to_each_interest_that_counts() -> None:
    rng = np.random.default_rng(6)
    mixed = np.stack([around(rng, A, 40, 0.03), around(rng, B, 40, 0.03)], axis=1).reshape(80, DIM)
    learnt = learn(memory_of(mixed, [0] * 80), *sample())
    asked = questions(learnt, 2)
    cosines = asked @ np.stack([A, B]).T.astype(np.float32)
    assert sorted(np.argmax(cosines, axis=1).tolist()) == [0, 1]
    assert (cosines.max(axis=1) > 0.95).all()
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), 1.0, rtol=1e-5)
    assert len(questions(learnt, 5)) <= 5
