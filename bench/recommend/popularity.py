"""How many people had to do with each item so far, at any time: never later than what is asked about."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.recommend.protocol import History, Ints
from service.policy.prior import EXPONENT, prior, shape_of

Counts = NDArray[np.int64]
Prior = Callable[[Counts], NDArray[np.float32]]


class Crowd:
    """The people of a set, and when each had to do with which item.

    Args:
        histories: of the people.
        items: how many the catalogue has.
        lately: for how long a behaviour counts, in the units of the times; without it, for ever.

    >>> from service.evaluation.streams import Stream
    >>> items = np.array([1, 0, 1])
    >>> stream = Stream("one", items, np.ones(3, np.float32), items)
    >>> crowd = Crowd([History(stream, np.array([10, 20, 30]))], 2)
    >>> [counts.tolist() for counts in crowd.before(np.array([10, 11, 40]))]
    [[0, 0], [0, 1], [1, 1]]
    """

    def __init__(self, histories: Sequence[History], items: int, lately: int | None = None) -> None:
        who = np.concatenate([np.full(len(history.stream), n) for n, history in enumerate(histories)])
        what = np.concatenate([history.stream.items for history in histories])
        when = np.concatenate([history.times for history in histories])
        order = np.lexsort((when, what, who))
        who, what, when = who[order], what[order], when[order]
        anew = np.r_[True, (np.diff(who) != 0) | (np.diff(what) != 0)]
        if lately is not None:
            anew |= np.r_[True, np.diff(when) > lately]
        self._items = items
        self._begun = _by_time(what[anew], when[anew])
        last = np.r_[anew[1:], True] if lately is not None else np.zeros(len(anew), np.bool_)
        self._over = _by_time(what[last], when[last] + (lately or 0))

    def before(self, times: Ints) -> Iterator[Counts]:
        """(items,) people to whom each item counts just before each of the times, which ascend."""
        counts = np.zeros(self._items, np.int64)
        begun, over = 0, 0
        for time in times:
            until, gone = (int(np.searchsorted(when, time, side="left")) for _, when in (self._begun, self._over))
            counts = counts + np.bincount(self._begun[0][begun:until], minlength=self._items)
            counts -= np.bincount(self._over[0][over:gone], minlength=self._items)
            begun, over = until, gone
            yield counts


def _by_time(what: Ints, when: Ints) -> tuple[Ints, Ints]:
    order = np.argsort(when, kind="stable")
    return what[order], when[order]


def level(counts: Counts) -> NDArray[np.float32]:
    """No prior: every item is as likely."""
    return np.ones(len(counts), np.float32)


def powered(exponent: float, *, added: float = 1.0) -> Prior:
    """The prior (n + added)^exponent."""
    return lambda counts: np.asarray((counts + added) ** exponent, np.float32)


def shaped(exponent: float) -> Prior:
    """The shipped prior to another exponent."""
    return lambda counts: shipped(counts) ** np.float32(exponent / EXPONENT)


def shipped(counts: Counts) -> NDArray[np.float32]:
    """The service's own, with its shape by the counts of the whole catalogue."""
    return prior(counts, shape_of(counts))


PRIORS: dict[str, Prior] = {
    "shipped": shipped,
    "none": level,
    **{f"(n + 1)^{exponent}": powered(exponent) for exponent in (0.5, 0.75, 1.0)},
    **{f"(n + a)^{exponent}": shaped(exponent) for exponent in (0.25, 0.5, 1.0, 1.5)},
}
"""By name, a being the shape; those beside the shipped one are there to be compared."""
