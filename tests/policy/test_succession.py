"""What others took up, against the formulas computed item by item from made-up users' orders."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy.succession import (
    PRIOR,
    SMOOTHING,
    WITHIN,
    Successors,
    densities,
    hash_of,
    hashes_of,
    next_items,
    own_steps,
    unknown,
    votes,
)

some = settings(max_examples=40, deadline=None)
NAMES = [f"item {n}" for n in range(12)]


def orders(seed: int, users: int) -> list[list[str]]:
    """Each user's items in the order in which they were met; some go from each item to the next, most anywhere."""
    rng = np.random.default_rng(seed)
    return [[NAMES[n] for n in rng.permutation(len(NAMES))[: rng.integers(1, len(NAMES))]] for _ in range(users)]


def steps(users: list[list[str]]) -> Counter[tuple[str, str]]:
    """C of every pair."""
    counted = Counter[tuple[str, str]]()
    for order in users:
        for at, item in enumerate(order):
            counted.update((item, after) for after in order[at + 1 : at + 1 + WITHIN])
    return counted


def successors(users: list[list[str]], items: list[str], least: int = 2, most: int = 4) -> Successors:
    """As they are counted, and read for these items."""
    counted = steps(users)
    arrivals = Counter[str]()
    for (_, to), count in counted.items():
        arrivals[to] += count
    rows, edges = [], []
    for row, item in enumerate(items):
        every = sorted((-count, to) for (start, to), count in counted.items() if start == item)
        own = [(-minus, to) for minus, to in every if -minus >= least][:most]
        rows.append((-sum(minus for minus, _ in every), sum(count for count, _ in own)))
        edges += [(row, hash_of(to), count, arrivals[to], place) for place, (count, to) in enumerate(own)]
    starts, counts, arrived, places = (np.array([edge[n] for edge in edges], np.int64) for n in (0, 2, 3, 4))
    hashes = np.array([edge[1] for edge in edges], np.uint64)
    totals, kept = (np.array([each[n] for each in rows], np.int64) for n in range(2))
    mass = sum(count**SMOOTHING for count in arrivals.values())
    return Successors(hashes_of(items), totals, kept, starts, hashes, counts, arrived, places, mass or 1.0)


@given(seed=st.integers(0, 2**32 - 1), users=st.integers(1, 12), n=st.integers(0, 8))
@some
def test_densities_are_what_the_formula_gives(seed: int, users: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    crowd = orders(seed, users)
    counted, read = steps(crowd), NAMES[: n + 1]
    found = successors(crowd, read)
    asked = [NAMES[x] for x in rng.integers(len(NAMES), size=9)]
    behaviors: list[str | None] = [*(NAMES[j] for j in rng.integers(len(NAMES), size=7)), None]
    arrivals = Counter[str]()
    for (_, to), count in counted.items():
        arrivals[to] += count
    mass = sum(count**SMOOTHING for count in arrivals.values())
    got = densities(found, hashes_of(behaviors), hashes_of(asked))
    for column, start in enumerate(behaviors):
        for row, item in enumerate(asked):
            if start is None or start not in read:
                assert got[row, column] == 1.0
                continue
            total, kept = found.totals[read.index(start)], found.kept[read.index(start)]
            edge = (found.row == read.index(start)) & (found.hashes == hash_of(item))
            relative = float(found.counts[edge].sum()) * (mass / arrivals[item] ** SMOOTHING if edge.any() else 0.0)
            assert got[row, column] == pytest.approx((relative + total - kept + PRIOR) / (total + PRIOR), rel=1e-5)
            if not edge.any():
                assert got[row, column] == pytest.approx(unknown(found, hashes_of([start]))[0])
            assert found.counts[edge].sum() in {0, counted[start, item]}


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 8))
@some
def test_votes_are_what_of_the_densities_was_seen(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    found = successors(orders(seed, 12), NAMES[: n + 1])
    behaviors: list[str | None] = [*(NAMES[j] for j in rng.integers(len(NAMES), size=7)), None]
    memory, own = rng.random(len(behaviors)), hashes_of(behaviors)
    expected = (densities(found, own, hashes_of(NAMES)) - unknown(found, own)) @ memory
    np.testing.assert_allclose(votes(found, own, memory, hashes_of(NAMES)), expected, rtol=1e-4, atol=1e-5)


def test_they_are_a_density_where_nothing_is_left_out_and_nothing_smoothed() -> None:
    """Weighted by how often items come at all, they are 1 on average: what nobody does is missing from what many do."""
    crowd = orders(1, 60)
    found = successors(crowd, NAMES, least=1, most=len(NAMES))
    got = densities(found, hashes_of(NAMES), hashes_of(NAMES))
    arrivals = Counter(to for (_, to), count in steps(crowd).items() for _ in range(count))
    usual = np.array([arrivals[name] ** SMOOTHING for name in NAMES]) / found.mass
    np.testing.assert_allclose(usual @ got, 1.0, rtol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 14))
@some
def test_a_users_own_steps_are_those_that_counting_had_counted(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    did = [NAMES[x] for x in rng.integers(6, size=n)]
    fresh = np.array([item not in did[:at] for at, item in enumerate(did)])
    own = own_steps(hashes_of(did), fresh)
    counted = steps([list(dict.fromkeys(did))])
    for t in range(n):
        for j in range(n):
            assert own[t, j] == (fresh[t] and counted[did[j], did[t]] > 0)


def test_behaviors_without_an_item_are_no_steps() -> None:
    hashes, fresh = hashes_of([None, "a", None, "b"]), np.array([True, True, True, True])
    assert own_steps(hashes, fresh).tolist() == [[False] * 4, [False] * 4, [False] * 4, [False, True, False, False]]


def test_who_is_alone_is_not_foretold_by_having_been_counted() -> None:
    """Of three users with the same steps each is foretold by the others; one other alone foretells nobody."""
    did = NAMES[:3]
    others = [order for order in orders(2, 400) if not {*did} & {*order}]
    hashes, fresh = hashes_of(did), np.ones(3, bool)
    own = own_steps(hashes, fresh)
    alone, two, three = (successors([*others, *[did] * users], did) for users in (1, 2, 3))
    assert len(others) > 30
    assert densities(alone, hashes, hashes, own)[1, 0] <= 1.0
    assert densities(two, hashes, hashes, own)[1, 0] <= 1.0
    assert densities(three, hashes, hashes, own)[1, 0] > 1.5
    assert densities(two, hashes, hashes)[1, 0] > 1.5  # what it would be, were it not left out


@given(seed=st.integers(0, 2**32 - 1), most=st.integers(1, 8))
@some
def test_the_most_probable_next_items_come_first_and_once(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    read, crowd = NAMES[:5], orders(seed, 10)
    found = successors(crowd, read)
    behaviors, memory = [*read, "another"], rng.random(6) * (rng.random(6) > 0.3)
    chosen = next_items(found, hashes_of(behaviors), memory, most)
    probable = Counter[int]()
    for row, to, count in zip(found.row, found.hashes, found.counts, strict=True):
        if memory[row] > 0 and to not in found.items:
            probable[int(to)] += memory[row] * count / (found.totals[row] + PRIOR)
    named = [int(found.hashes[(found.row == row) & (found.place == place)][0]) for row, place in chosen]
    assert len(set(named)) == len(named) == min(most, len(probable))
    got = [probable[to] for to in named]
    assert got == pytest.approx(sorted(probable.values(), reverse=True)[:most])


@given(seed=st.integers(0, 2**32 - 1))
@some
def test_items_whose_hashes_end_alike_are_told_apart(seed: int) -> None:
    """Hashes are looked up by their last bits first."""
    rng = np.random.default_rng(seed)
    found = successors(orders(seed, 12), NAMES[:5])
    behaviors, asked, memory = hashes_of(NAMES[:7]), hashes_of(NAMES), rng.random(7)
    alike = {int(one): n << 40 for n, one in enumerate(asked)}

    def again(hashes: np.ndarray) -> np.ndarray:
        return np.array([alike[int(one)] for one in hashes], np.uint64)

    other = replace(found, items=again(found.items), hashes=again(found.hashes))
    likewise, wanted = again(behaviors), again(asked)
    np.testing.assert_array_equal(densities(other, likewise, wanted), densities(found, behaviors, asked))
    np.testing.assert_array_equal(votes(other, likewise, memory, wanted), votes(found, behaviors, memory, asked))
    assert next_items(other, likewise, memory, 9) == next_items(found, behaviors, memory, 9)


def test_of_nobody_there_is_nothing_to_say() -> None:
    none, hashes = Successors.none(), hashes_of(["a", "b"])
    assert densities(none, hashes, hashes).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert densities(none, hashes[:0], hashes).shape == (2, 0)
    assert next_items(none, hashes, np.ones(2), 5) == []
    assert unknown(none, hashes).tolist() == [1.0, 1.0]
