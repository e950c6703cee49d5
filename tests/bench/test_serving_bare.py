"""The batches of the bare session."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.serving.__main__ import read_texts
from bench.serving.bare import LIMITS, Limit, split
from bench.serving.encoder import Size, text_sets
from bench.serving.gpu import BUCKETS, bucket


@given(st.lists(st.integers(1, 300), max_size=200).map(sorted), st.sampled_from([*LIMITS, Limit(), Limit(7, 90)]))
def test_batches_hold_every_text_once_in_order_and_are_as_large_as_allowed(lengths: list[int], limit: Limit) -> None:
    batches = list(split(lengths, limit))
    assert [n for batch in batches for n in range(batch.start, batch.stop)] == list(range(len(lengths)))
    for batch in batches:
        texts = batch.stop - batch.start
        assert texts == 1 or limit.allows(texts, lengths[batch.stop - 1])
    for batch, following in pairwise(batches):
        assert not limit.allows(following.start + 1 - batch.start, lengths[following.start])


def test_a_text_longer_than_the_budget_runs_alone() -> None:
    assert list(split([2, 50, 60], Limit(tokens=10))) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_limits_have_names_of_their_own() -> None:
    assert len({str(limit) for limit in LIMITS}) == len(LIMITS)
    assert str(Limit()) == "no limit"


@given(st.integers(1, 600))
def test_buckets_only_pad(length: int) -> None:
    assert bucket(length) >= length
    assert bucket(length) in {*BUCKETS, length}


@pytest.mark.parametrize("texts", [5, 40, 400])
def test_mixed_texts_are_made_of_as_many_as_there_are(texts: int) -> None:
    given_texts = [f"text{n}" for n in range(texts)]
    sets = text_sets(given_texts, Size(short=20, mixed=10, pairs=1), np.random.default_rng(1))
    assert sets["short"] == given_texts[:20]
    words = " ".join(sets["mixed lengths"]).split()
    assert len(words) == len(set(words))
    assert set(words) <= set(given_texts)
    assert all(1 <= len(text.split()) <= 12 for text in sets["mixed lengths"])


def test_texts_are_read_once_each_in_an_order_that_the_seed_fixes(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text('topic,text\na,one\nb,two\na,one\nc," "\nd,three\n', encoding="utf-8")
    assert sorted(read_texts(path, 1)) == ["one", "three", "two"]
    assert read_texts(path, 1) == read_texts(path, 1)
