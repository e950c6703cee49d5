"""Histories as arrays, and changes planted in them.

A planted change has a known place, which real histories lack. Two kinds are planted: one user's history is joined to
another's, and, where categories are given, a user's behaviours in one set of categories are followed by the same user's
in the others. A third kind is no change at all but a slow one, which must not be taken for an abrupt one.

Times play no part in it: a joined history's times would give the joint away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
BEFORE, AFTER = 20, 20
"""Fewest behaviours on either side of a planted change."""
MOST_HALVES, MOST_TRIES = 800, 5
"""Planted changes between halves of categories: about so many, and at most so many of one user's."""
JOINED, HALVES = "one user's history joined to another's", "one half of a user's categories, then the other"
FOLLOWED = 40
"""Behaviours that are looked at after one."""
DRIFT = 200
"""Behaviours over which one interest turns into another, slowly."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One user's behaviours, oldest first.

    Attributes:
        user: who; a planted one has the name of the user it begins with.
        items: (n,) int64, which text, as a row of the vectors.
        weights: (n,) float32.
        categories: (n,) int64, -1 where there is none.
        change: position, from 0, of the first behaviour after the planted change; None in an untouched history.
    """

    user: str
    items: NDArray[np.int64]
    weights: NDArray[np.float32]
    categories: NDArray[np.int64]
    change: int | None = None

    def __len__(self) -> int:
        return len(self.items)

    def take(self, where: NDArray[np.int64] | slice) -> "Stream":
        """The behaviours at those places."""
        return Stream(self.user, self.items[where], self.weights[where], self.categories[where], self.change)

    def then(self, other: "Stream") -> "Stream":
        """This history and then another's first behaviours, as a planted change."""
        other = other.take(slice(FOLLOWED))
        return Stream(
            self.user,
            np.concatenate([self.items, other.items]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.categories, other.categories]),
            len(self),
        )


def joined(streams: Sequence[Stream], rng: Random) -> list[Stream]:
    """Each user's history, cut at random, joined to the beginning of another's."""
    order, out = rng.permutation(len(streams)), list[Stream]()
    for stream, other in zip(streams, np.roll(order, 1)[np.argsort(order)], strict=True):
        if len(stream) < BEFORE or len(streams[other]) < AFTER or streams[other] is stream:
            continue
        cut = int(rng.integers(BEFORE, len(stream))) if len(stream) > BEFORE else BEFORE
        out.append(stream.take(slice(cut)).then(streams[other]))
    return out


def halves(streams: Sequence[Stream], rng: Random, tries: int = 1) -> list[Stream]:
    """A user's behaviours in a random half of the user's categories, then those in the other half.

    Args:
        streams: histories with categories; behaviours without one are left out.
        rng: which categories go first.
        tries: how many divisions of each user's categories.
    """
    out = []
    for stream in streams:
        for _ in range(tries):
            first, second = _divide(stream, rng)
            if len(first) >= BEFORE and len(second) >= AFTER:
                out.append(stream.take(first).then(stream.take(second)))
    return out


def plant(streams: Sequence[Stream], rng: Random, *, tries: int | None = None) -> dict[str, list[Stream]]:
    """Changes of every kind that the histories allow, by kind.

    Args:
        streams: untouched histories.
        rng: where and between whom.
        tries: divisions of each user's categories; without it, as many as give about `MOST_HALVES`.
    """
    planted = {JOINED: joined(streams, rng)}
    once = halves(streams, rng)
    if once:
        tries = tries or int(np.clip(MOST_HALVES // len(once), 1, MOST_TRIES))
        planted[HALVES] = once + (halves(streams, rng, tries - 1) if tries > 1 else [])
    return {kind: some for kind, some in planted.items() if some}


def _divide(stream: Stream, rng: Random) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the behaviours in either half of a user's categories, of about as many behaviours each."""
    categories, counts = np.unique(stream.categories[stream.categories >= 0], return_counts=True)
    order = rng.permutation(len(categories))
    mine = categories[order[counts[order].cumsum() <= counts.sum() / 2]]
    if not len(mine):
        mine = categories[order[:1]]
    inside = np.isin(stream.categories, mine)
    sides = np.flatnonzero(inside), np.flatnonzero(~inside & (stream.categories >= 0))
    return (sides[1], sides[0]) if rng.random() < 0.5 else sides


def drifting(streams: Sequence[Stream], rng: Random) -> list[Stream]:
    """One user's history turning into another's, linearly over `DRIFT` behaviours: no abrupt change.

    Each behaviour is drawn from the one user's or the other's history, in their order, starting over at its end.
    """
    order, out = rng.permutation(len(streams)), list[Stream]()
    for stream, other in zip(streams, np.roll(order, 1)[np.argsort(order)], strict=True):
        if streams[other] is stream or len(stream) < BEFORE or len(streams[other]) < BEFORE:
            continue
        length = BEFORE + DRIFT + AFTER
        chance = np.clip((np.arange(length) - BEFORE) / DRIFT, 0.0, 1.0)
        turned = rng.random(length) < chance
        mine, theirs = np.cumsum(~turned) - 1, np.cumsum(turned) - 1
        a, b = stream.take(mine % len(stream)), streams[other].take(theirs % len(streams[other]))
        out.append(
            Stream(
                stream.user,
                np.where(turned, b.items, a.items),
                np.where(turned, b.weights, a.weights),
                np.where(turned, b.categories, a.categories),
            )
        )
    return out


def unknown_share(streams: Sequence[Stream], known: Sequence[Stream]) -> float:
    """The share of behaviours about texts that no behaviour of the others is about."""
    items, others = (np.concatenate([stream.items for stream in some]) for some in (streams, known))
    return float(1.0 - np.isin(items, others).mean())


def divide_users(streams: Iterable[Stream], rng: Random, share: float) -> tuple[list[Stream], list[Stream]]:
    """Users at random in two parts, the first with that share of them."""
    everyone = list(streams)
    order = rng.permutation(len(everyone))
    cut = round(share * len(everyone))
    return [everyone[at] for at in order[:cut]], [everyone[at] for at in order[cut:]]
