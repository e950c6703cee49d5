"""Which texts are run together."""

import doctest
from collections.abc import Iterator
from itertools import pairwise, product
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.encoder import batching
from service.encoder.batching import BatchPolicy, Pool, cheapest_group
from service.encoder.rows import RowPolicy, fill_rows
from service.encoder.tokenization import Tokens
from service.encoder.work import Call, Work

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60).map(sorted)


def cost(lengths: list[int], bounds: list[tuple[int, int]], policy: BatchPolicy) -> int:
    return sum((stop - start) * lengths[stop - 1] + policy.run_tokens for start, stop in bounds)


def divisions(n: int) -> Iterator[list[tuple[int, int]]]:
    """Every division of n texts into neighbours."""
    for cuts in product([False, True], repeat=n - 1):
        edges = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), n]
        yield list(pairwise(edges))


@settings(deadline=None)  # compiled at its first call
@given(LENGTHS, st.data())
def test_group_holds_the_seed_and_keeps_to_the_budget(lengths: list[int], data: st.DataObject) -> None:
    policy = BatchPolicy(max_tokens=400, run_tokens=16)
    seed = data.draw(st.integers(0, len(lengths) - 1))
    start, stop = cheapest_group(lengths, seed, policy)
    assert 0 <= start <= seed < stop <= len(lengths)
    assert stop - start == 1 or (stop - start) * lengths[stop - 1] <= 400


@settings(deadline=None)
@given(LENGTHS, st.data())
def test_shared_rows_are_within_the_budget_but_for_uneven_filling(lengths: list[int], data: st.DataObject) -> None:
    rows = RowPolicy(row_tokens=96, span=1536.0)
    policy = BatchPolicy(max_tokens=512, run_tokens=16, rows=rows)
    seed = data.draw(st.integers(0, len(lengths) - 1))
    start, stop = cheapest_group(lengths, seed, policy)
    assert 0 <= start <= seed < stop <= len(lengths)
    _, filled, tokens = fill_rows(np.array(lengths[start:stop]), rows.row_tokens, rows.span)
    assert sum(lengths[start:stop]) <= 512 or stop - start == 1
    assert filled * tokens <= 1.5 * max(512, lengths[stop - 1])


def test_few_texts_that_share_rows_run_together() -> None:
    policy = BatchPolicy(max_tokens=512, run_tokens=16, rows=RowPolicy(row_tokens=96, span=1536.0))
    for lengths in ([5, 5, 5, 100], [12, 12, 12, 110], [20, 25, 100], [4, 160]):
        assert cheapest_group(lengths, 0, policy) == (0, len(lengths))


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=9).map(sorted), st.integers(0, 40))
def test_groups_are_the_cheapest_division(lengths: list[int], run_tokens: int) -> None:
    policy = BatchPolicy(max_tokens=120, run_tokens=run_tokens)
    groups = sorted({cheapest_group(lengths, seed, policy) for seed in range(len(lengths))})
    assert [start for start, _ in groups] == [0, *(stop for _, stop in groups[:-1])]
    allowed = (
        bounds
        for bounds in divisions(len(lengths))
        if all(stop - start == 1 or (stop - start) * lengths[stop - 1] <= 120 for start, stop in bounds)
    )
    assert cost(lengths, groups, policy) == min(cost(lengths, bounds, policy) for bounds in allowed)


def test_a_text_far_from_all_its_neighbours_in_a_long_queue() -> None:
    assert cheapest_group([5] * 500 + [300], 500, BatchPolicy(max_tokens=1024, run_tokens=16)) == (500, 501)
    start, stop = cheapest_group([5] * 500, 250, BatchPolicy(max_tokens=1024, run_tokens=16))
    assert stop - start >= 100


def test_text_longer_than_the_budget_runs_alone() -> None:
    assert cheapest_group([5, 500, 500], 1, BatchPolicy(max_tokens=100, run_tokens=0)) == (1, 2)


def test_short_texts_do_not_wait_for_long_ones() -> None:
    assert cheapest_group([4, 5, 5, 200, 210], 0, BatchPolicy(max_tokens=1024, run_tokens=16)) == (0, 3)
    assert cheapest_group([4, 5, 5, 200, 210], 4, BatchPolicy(max_tokens=1024, run_tokens=16)) == (3, 5)


def test_few_tokens_of_padding_are_cheaper_than_another_run() -> None:
    lengths = [2, 8]
    assert cheapest_group(lengths, 0, BatchPolicy(max_tokens=1024, run_tokens=16)) == (0, 2)
    assert cheapest_group(lengths, 0, BatchPolicy(max_tokens=1024, run_tokens=0)) == (0, 1)


def test_budget_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_batch_tokens must be at least 1"):
        BatchPolicy(max_tokens=0, run_tokens=0)


def test_the_example_in_the_documentation() -> None:
    result = doctest.testmod(batching)
    assert result.attempted > 0
    assert result.failed == 0


def test_newcomers_beyond_the_window_wait_their_turn() -> None:
    pool = Pool(BatchPolicy(max_tokens=1024, run_tokens=16, window=4))
    works = [work(n, length) for n, length in enumerate((10, 50, 50, 90, 10, 10, 10))]
    pool.add(works)
    batches = []
    while batch := pool.take_batch():
        batches.append([one.sequence for one in batch])
    assert batches[0] == [0]  # the other short ones came after the four oldest
    assert sorted(at for batch in batches for at in batch) == list(range(7))
    assert [min(batch) for batch in batches] == sorted(min(batch) for batch in batches)


def work(sequence: int, length: int) -> Work:
    tokens = Tokens([0] * length, truncated=False)
    made = Work(text="", key=bytes([sequence]), sequence=sequence, tokens=tokens, length=length)
    made.waiters[cast("Call", object())] = [0]
    return made
