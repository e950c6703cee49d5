"""Ranks of targets by whatever scores histories, seen items left out. Needs numpy alone.

Inside, an item is known by its place among those that a fit user had, counted from 1; 0 is no item, as padding.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bench.recommend.sequential.exchange import UNKNOWN, Items, Ranks, Work

Score = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""(b, length) places, padded with 0 on the left, to (b, known + 1) scores; column 0 is not looked at."""

BATCH = 256


def known_items(fit: Sequence[Items]) -> Items:
    """Items that a fit user had, in ascending order: an item's place is its index here, plus 1."""
    return np.unique(np.concatenate(fit))


def places(items: Items, known: Items) -> NDArray[np.int64]:
    """Places of items; 0 of those that are not known."""
    at = np.minimum(np.searchsorted(known, items), len(known) - 1)
    return np.where(known[at] == items, at + 1, 0)


def first_times(items: Items) -> NDArray[np.bool_]:
    """Which behaviours of a history are the first with their item."""
    first = np.zeros(len(items), np.bool_)
    first[np.unique(items, return_index=True)[1]] = True
    return first


def first_targets(histories: Sequence[Items]) -> NDArray[np.int64]:
    """(n, 2) every behaviour but a history's first that is the first with its item."""
    rows = [(row, at) for row, items in enumerate(histories) for at in np.flatnonzero(first_times(items)) if at]
    return np.array(rows, np.int64).reshape(-1, 2)


def share_known(work: Work) -> float:
    """Share of the targets whose item a fit user had; 0 where there are no targets."""
    had = set(known_items(work.fit).tolist())
    known = [work.held[who][position] in had for who, position in work.targets]
    return float(np.mean(known)) if known else 0.0


def by_popularity(popular: NDArray[np.float32]) -> Score:
    """A scorer that gives every history the same scores."""
    return lambda before: np.tile(popular, (len(before), 1))


def popularity(fit: Sequence[Items], known: Items) -> NDArray[np.float32]:
    """(known + 1,) number of fit users who had each item, by place."""
    had = np.concatenate([np.unique(history) for history in fit])
    return np.bincount(places(had, known), minlength=len(known) + 1).astype(np.float32)


def ranks(
    score: Score,
    held: Sequence[Items],
    targets: NDArray[np.int64],
    known: Items,
    *,
    length: int,
    otherwise: NDArray[np.float32],
) -> Ranks:
    """Rank of each target, given only the behaviours before it.

    Args:
        score: of histories; the model's.
        held: histories.
        targets: (n, 2), history and position, in ascending order.
        known: what `known_items` gave.
        length: most behaviours that `score` takes; the newest.
        otherwise: (known + 1,) scores where no behaviour before the target is of a known item.

    Returns:
        (n,) how many known and unseen items score higher, equals half; `UNKNOWN` where the target is not known.

    Raises:
        ValueError: a target is an item that the user had before.
    """
    out = np.full(len(targets), UNKNOWN)
    for start in range(0, len(targets), BATCH):
        batch = targets[start : start + BATCH]
        before, target, seen = _batch(held, batch, known, length)
        scores = score(before)
        scores[~before.any(axis=1)] = otherwise
        out[start : start + BATCH] = _among_unseen(scores, target, seen)
    return out


def _batch(
    held: Sequence[Items], targets: NDArray[np.int64], known: Items, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.int64]]]:
    """Padded histories (b, length), targets' places (b,), and all seen places of each."""
    before = np.zeros((len(targets), length), np.int64)
    target = np.zeros(len(targets), np.int64)
    seen = []
    for row, (mine, position) in enumerate(_with_places(held, targets, known)):
        target[row] = mine[position]
        known_before = mine[:position][mine[:position] > 0]
        newest = known_before[-length:]
        before[row, length - len(newest) :] = newest
        seen.append(known_before)
    return before, target, seen


def _with_places(
    held: Sequence[Items], targets: NDArray[np.int64], known: Items
) -> Iterator[tuple[NDArray[np.int64], int]]:
    for history, rows in groupby(targets.tolist(), key=lambda row: row[0]):
        mine = places(held[history], known)
        yield from ((mine, position) for _, position in rows)


def _among_unseen(scores: NDArray[np.float32], target: NDArray[np.int64], seen: list[NDArray[np.int64]]) -> Ranks:
    out = np.full(len(target), UNKNOWN)
    scores[:, 0] = -np.inf
    for row, place in enumerate(target):
        if place:
            if place in seen[row]:
                raise ValueError("a target repeats an item that the user had before: leave it out of the targets")
            mine = scores[row]
            own = mine[place]
            mine[seen[row]] = -np.inf
            out[row] = np.count_nonzero(mine > own) + (np.count_nonzero(mine == own) - 1) / 2
    return out
