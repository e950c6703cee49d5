"""Which texts are run together."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.encoder import batching
from service.encoder.batching import BatchPolicy, widest_window

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60).map(sorted)


@given(LENGTHS, st.data())
def test_window_holds_the_seed_and_keeps_to_the_policy(lengths: list[int], data: st.DataObject) -> None:
    policy = BatchPolicy(max_tokens=400, free_padding=16)
    seed = data.draw(st.integers(0, len(lengths) - 1))
    start, stop = widest_window(lengths, seed, policy)
    assert 0 <= start <= seed < stop <= len(lengths)
    window = lengths[start:stop]
    if len(window) > 1:
        padded = len(window) * window[-1]
        assert padded <= 400
        assert padded - sum(window) <= max(16, 0.1 * padded)


def test_equal_lengths_fill_the_budget() -> None:
    assert widest_window([10] * 100, 50, BatchPolicy(max_tokens=205, free_padding=0)) == (31, 51)


def test_text_longer_than_the_budget_runs_alone() -> None:
    assert widest_window([5, 500, 500], 1, BatchPolicy(max_tokens=100, free_padding=0)) == (1, 2)


def test_short_texts_do_not_wait_for_long_ones() -> None:
    assert widest_window([4, 5, 5, 200, 210], 0, BatchPolicy(max_tokens=1024, free_padding=16)) == (0, 3)
    assert widest_window([4, 5, 5, 200, 210], 4, BatchPolicy(max_tokens=1024, free_padding=16)) == (3, 5)


def test_few_tokens_of_padding_are_cheaper_than_another_run() -> None:
    lengths = [2, 8]
    assert widest_window(lengths, 0, BatchPolicy(max_tokens=1024, free_padding=16)) == (0, 2)
    assert widest_window(lengths, 0, BatchPolicy(max_tokens=1024, free_padding=0)) == (0, 1)


def test_budget_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_batch_tokens must be at least 1"):
        BatchPolicy(max_tokens=0, free_padding=0)


def test_the_example_in_the_documentation() -> None:
    result = doctest.testmod(batching)
    assert result.attempted > 0
    assert result.failed == 0
