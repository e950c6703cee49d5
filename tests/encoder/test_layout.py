"""Padded and packed rows: every token where it belongs, and as few of the others as may be."""

import doctest
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.encoder import Manifest, layout, read_manifest
from service.encoder.layout import Feeds, as_packed, pack, pad
from service.encoder.rows import RowPolicy, cost_of_rows, fill_rows, rows_for
from service.encoder.tokenization import Tokens

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)
POLICY = RowPolicy(row_tokens=96, span=1536.0)
PAD = 7


@pytest.fixture
def manifest(write_folder: Callable[..., Path]) -> Callable[[str], Manifest]:
    return lambda side: read_manifest(write_folder(pad_side=side, pad_token_id=PAD))


def texts_of(lengths: list[int]) -> list[Tokens]:
    """Texts of such lengths, no id of which occurs twice or is the padding's."""
    ids = iter(range(100, 100 + sum(lengths)))
    return [Tokens([next(ids) for _ in range(length)], truncated=False) for length in lengths]


def unpacked(feeds: Feeds) -> Iterator[tuple[list[int], list[int]]]:
    """Ids and positions of each text, in order of their numbers."""
    for number in range(1, feeds["segment_ids"].max() + 1):
        rows, columns = np.nonzero(feeds["segment_ids"] == number)
        assert len(set(rows.tolist())) == 1, "a text is within one row"
        assert columns.tolist() == list(range(columns[0], columns[-1] + 1)), "and in one piece"
        yield feeds["input_ids"][rows, columns].tolist(), feeds["position_ids"][rows, columns].tolist()


@settings(deadline=None)  # compiled at its first call
@given(LENGTHS)
def test_each_text_is_in_one_piece_with_its_own_number_and_positions(lengths: list[int]) -> None:
    batch = texts_of(lengths)
    feeds = pack(batch, POLICY, pad_token_id=PAD)
    assert list(unpacked(feeds)) == [(tokens.ids, list(range(len(tokens)))) for tokens in batch]
    padding = feeds["segment_ids"] == 0
    assert (feeds["input_ids"][padding] == PAD).all()
    assert (feeds["position_ids"][padding] == 0).all()
    assert {array.dtype for array in feeds.values()} == {np.dtype(np.int64)}


@settings(deadline=None)
@given(LENGTHS)
def test_rows_cost_no_more_than_a_row_for_each_text_and_are_not_longer_than_need_be(lengths: list[int]) -> None:
    rows, tokens = pack(texts_of(lengths), POLICY, pad_token_id=PAD)["input_ids"].shape
    assert cost_of_rows(rows, tokens, POLICY.span) <= cost_of_rows(len(lengths), max(lengths), POLICY.span)
    assert rows * tokens >= sum(lengths)
    # The emptiest row took the text that made the fullest one so long.
    assert tokens <= sum(lengths) / rows + max(lengths)


def test_short_texts_share_rows_almost_without_padding() -> None:
    random = np.random.default_rng(0)
    lengths = [int(length) for length in random.integers(5, 30, 60)]
    shape = pack(texts_of(lengths), POLICY, pad_token_id=PAD)["input_ids"].shape
    assert math.prod(shape) <= 1.03 * sum(lengths)
    assert max(lengths) * len(lengths) > 1.6 * sum(lengths)  # what a row each would take


def test_texts_of_one_length_have_rows_of_their_own_where_that_saves_attention() -> None:
    assert pack(texts_of([30] * 17), POLICY, pad_token_id=PAD)["input_ids"].shape == (17, 30)


@settings(deadline=None)
@given(LENGTHS.map(sorted), st.sampled_from([POLICY, RowPolicy()]))
def test_what_is_told_beforehand_is_at_most_what_it_comes_to(lengths: list[int], policy: RowPolicy) -> None:
    before = np.concatenate([[0], np.cumsum(lengths)])
    rows, tokens, cost = rows_for(before, 0, len(lengths), policy.row_tokens, policy.span)
    assert cost == cost_of_rows(rows, tokens, policy.span)
    assert max(lengths) <= tokens
    if not policy.packs:
        assert (rows, tokens) == (len(lengths), max(lengths))
    else:
        _, filled, long = fill_rows(np.array(lengths), policy.row_tokens, policy.span)
        assert cost <= cost_of_rows(filled, long, policy.span)


@pytest.mark.parametrize(("side", "mask"), [("right", [[1, 1, 1], [1, 0, 0]]), ("left", [[1, 1, 1], [0, 0, 1]])])
def test_padding(manifest: Callable[[str], Manifest], side: str, mask: list[list[int]]) -> None:
    feeds = pad(texts_of([3, 1]), manifest(side))
    assert feeds["attention_mask"].tolist() == mask
    assert feeds["input_ids"].tolist()[1] == [103 if attended else PAD for attended in mask[1]]
    assert {array.dtype for array in feeds.values()} == {np.dtype(np.int64)}


def test_a_row_of_no_text_has_a_token_to_attend_to(manifest: Callable[[str], Manifest]) -> None:
    feeds = pad(texts_of([2]), manifest("right"), (3, 4))
    assert feeds["input_ids"].tolist() == [[100, 101, PAD, PAD], [PAD] * 4, [PAD] * 4]
    assert feeds["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_padded_batch_as_packed_rows(manifest: Callable[[str], Manifest], side: str) -> None:
    batch = texts_of([3, 1, 2])
    feeds = as_packed(pad(batch, manifest(side), (4, 5)))
    assert list(unpacked(feeds)) == [
        *((tokens.ids, list(range(len(tokens)))) for tokens in batch),
        ([PAD], [0]),
    ]


def test_the_example_in_the_documentation() -> None:
    result = doctest.testmod(layout)
    assert result.attempted > 0
    assert result.failed == 0
