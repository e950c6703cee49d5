"""The three sets: people, catalogue and times."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from bench.detection.sources import SOURCES, Source, in_order, purchases
from bench.recommend.protocol import History, Ints, Set
from service.evaluation.streams import Stream
from service.vectors import Vectors

SHUFFLED = "-shuffled"
"""Of a set's name: what a person did at one time, as a basket, in an order drawn at random instead of the source's."""
SEED = 20
"""That of the detectors' benchmark: the same people are held out."""

NANOSECONDS = 10**9
"""Of a second."""

Times = Callable[[Stream], Ints]


def load(name: str, data: Path, vectors_of: Callable[[Source], Vectors]) -> Set:
    """A set by name.

    Where users are made up, those held out draw from other items than those of the fit: the catalogue is the held-out
    users' items alone for the measures, and the fit users' alone for the choice of numbers, see `fitting`. Else it is
    every item of the set.

    Args:
        name: topics, movietweetings or completejourney, and `SHUFFLED` if so.
        data: folder of the files.
        vectors_of: vectors of a source's texts.
    """
    base = name.removesuffix(SHUFFLED)
    source = SOURCES[base](data, SEED)
    planted = [stream for streams in source.planted.values() for stream in streams]
    held = planted or source.test
    times = TIMES[base](data)
    fit, asked = ([History(stream, times(stream)) for stream in streams] for streams in (source.fit, held))
    if name != base:
        generator = np.random.default_rng(SEED)
        fit, asked = ([_shuffled(history, generator) for history in people] for people in (fit, asked))
    return Set(name, source.texts, vectors_of(source), fit, asked, bool(planted))


def _shuffled(history: History, generator: np.random.Generator) -> History:
    """The same with another order of what was done at one time."""
    order = np.lexsort((generator.random(len(history.times)), history.times))
    return replace(history, stream=history.stream.take(order), times=history.times[order])


def narrowed(some: Set, histories: Sequence[History]) -> tuple[Vectors, list[History]]:
    """Vectors of the items that these people had, and their histories with items counted anew."""
    used = np.unique(np.concatenate([history.stream.items for history in histories]))
    place = np.full(len(some.texts), -1)
    place[used] = np.arange(len(used))
    own = [replace(h, stream=replace(h.stream, items=place[h.stream.items])) for h in histories]
    return some.vectors[used], own


def _positions(_data: Path) -> Times:
    """Made-up people begin at the same time and do one thing at a time."""
    return lambda stream: np.arange(len(stream))


def _ratings(data: Path) -> Times:
    frame = in_order(data / "movietweetings.csv")
    at = frame["occurred_at"].str.to_datetime(time_zone="UTC", strict=False).dt.epoch("s")
    return _by_user(frame["user_id"], at)


def _purchases(_data: Path) -> Times:
    frame = purchases()
    return _by_user(frame["user_id"], frame["occurred_at"] // NANOSECONDS)


def _by_user(users: pl.Series, at: pl.Series) -> Times:
    frame = pl.DataFrame({"user": users, "at": at}).group_by("user", maintain_order=True).agg("at")
    known = {str(user): times.to_numpy() for user, times in zip(frame["user"], frame["at"], strict=True)}
    return lambda stream: known[stream.user]


TIMES: dict[str, Callable[[Path], Times]] = {
    "topics": _positions,
    "movietweetings": _ratings,
    "completejourney": _purchases,
}
