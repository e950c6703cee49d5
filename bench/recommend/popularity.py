"""How many people had to do with each item so far, at any time: never later than what is asked about."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.recommend.protocol import History, Ints
from service.policy.prior import prior

Counts = NDArray[np.int64]
Prior = Callable[[Counts], NDArray[np.float32]]


class Crowd:
    """The people of a set, and when each had an item for the first time.

    >>> from service.evaluation.streams import Stream
    >>> items = np.array([1, 0, 1])
    >>> stream = Stream("one", items, np.ones(3, np.float32), items)
    >>> crowd = Crowd([History(stream, np.array([10, 20, 30]))], 2)
    >>> [counts.tolist() for counts in crowd.before(np.array([10, 11, 40]))]
    [[0, 0], [0, 1], [1, 1]]
    """

    def __init__(self, histories: Sequence[History], items: int) -> None:
        """Take the people's histories; `items` is how many the catalogue has."""
        firsts = [np.unique(history.stream.items, return_index=True) for history in histories]
        what = np.concatenate([own for own, _ in firsts])
        when = np.concatenate([history.times[at] for history, (_, at) in zip(histories, firsts, strict=True)])
        order = np.argsort(when, kind="stable")
        self._what, self._when, self._items = what[order], when[order], items

    def before(self, times: Ints) -> Iterator[Counts]:
        """(items,) people who had each item before each of the times, which ascend; what is simultaneous is not."""
        counts = np.zeros(self._items, np.int64)
        done = 0
        for until in np.searchsorted(self._when, times, side="left"):
            counts = counts + np.bincount(self._what[done:until], minlength=self._items)
            done = until
            yield counts


def level(counts: Counts) -> NDArray[np.float32]:
    """No prior: every item is as likely."""
    return np.ones(len(counts), np.float32)


def powered(exponent: float, *, added: float = 1.0) -> Prior:
    """The prior (n + added)^exponent."""
    return lambda counts: np.asarray((counts + added) ** exponent, np.float32)


def shrunk(exponent: float) -> Prior:
    """The prior (n + a)^exponent, a being what counts would be worth if they differed by chance alone.

    Counts of items that are all as popular scatter as Poisson's; what they scatter more is genuine. With gamma
    distributed popularities the posterior mean is (n + a) up to a factor, a = mean^2 / (variance - mean) by the method
    of moments: large where there is nothing to be learnt from counts.
    """

    def of(counts: Counts) -> NDArray[np.float32]:
        mean, beyond = float(counts.mean()), float(counts.var() - counts.mean())
        added = np.clip(mean * mean / beyond, 1e-3, 1e6) if beyond > 0 and mean > 0 else 1e6
        return np.asarray(((counts + added) / (mean + added)) ** exponent, np.float32)

    return of


PRIORS: dict[str, Prior] = {
    "shipped": prior,
    "none": level,
    **{f"(n + 1)^{exponent}": powered(exponent) for exponent in (0.25, 0.5, 0.75, 1.0, 1.5)},
    **{f"(n + shape)^{exponent}": shrunk(exponent) for exponent in (0.75, 1.0, 1.25, 1.5)},
}
"""By name; those beside the shipped one are there to be compared."""
