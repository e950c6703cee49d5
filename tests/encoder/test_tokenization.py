"""Prefix and truncation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.encoder import read_manifest
from service.encoder.tokenization import TextTokenizer

WriteFolder = Callable[..., Path]


@pytest.fixture
def load(write_folder: WriteFolder) -> Callable[..., TextTokenizer]:
    def load(**changes: Any) -> TextTokenizer:
        folder = write_folder(**changes)
        return TextTokenizer.load(folder, read_manifest(folder))

    return load


def test_tokens_of_each_text(load: Callable[..., TextTokenizer], words: list[str]) -> None:
    trail, unknown = load().tokenize(["trail shoes", "越野跑"])
    assert trail.ids == [words.index("trail"), words.index("shoes")]
    assert unknown.ids == [words.index("[UNK]")]
    assert not trail.truncated


def test_prefix_comes_before_every_text(load: Callable[..., TextTokenizer], words: list[str]) -> None:
    first, empty = load(prefix="running ").tokenize(["shoes", ""])
    assert first.ids == [words.index("running"), words.index("shoes")]
    assert empty.ids == [words.index("running")]


@pytest.mark.parametrize(("count", "truncated"), [(3, False), (4, False), (5, True), (400, True)])
def test_truncates_to_max_tokens(load: Callable[..., TextTokenizer], count: int, truncated: bool) -> None:
    (tokens,) = load(max_tokens=4).tokenize(["shoes " * count])
    assert len(tokens) == min(count, 4)
    assert tokens.truncated is truncated


def test_prefix_counts_towards_max_tokens(load: Callable[..., TextTokenizer]) -> None:
    fits, cut = load(max_tokens=2, prefix="running ").tokenize(["shoes", "trail shoes"])
    assert (fits.truncated, cut.truncated) == (False, True)


def test_truncation_and_padding_of_the_file_do_not_matter(
    load: Callable[..., TextTokenizer], write_folder: WriteFolder
) -> None:
    from tokenizers import Tokenizer  # noqa: PLC0415 - only this test makes one

    tokenizer = Tokenizer.from_file(str(write_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=50)
    (tokens,) = load(tokenizer=tokenizer.to_str()).tokenize(["trail running shoes"])
    assert len(tokens) == 3


def test_text_without_tokens_becomes_one_of_padding(load: Callable[..., TextTokenizer]) -> None:
    (tokens,) = load().tokenize([""])
    assert (tokens.ids, tokens.truncated) == ([0], False)


def test_lone_surrogate_does_not_break_the_others(load: Callable[..., TextTokenizer]) -> None:
    broken, whole = load().tokenize(["\ud83d", "shoes"])
    assert len(broken) == len(whole) == 1
