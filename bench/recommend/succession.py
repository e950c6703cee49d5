"""What people took up after each item, as it stood at some moments: never later than what is asked about.

The service counts it from time to time, too; all that it counts lies within the year that the sets span.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench.recommend.protocol import History, Ints
from service.policy.succession import LEAST_USERS, PRIOR, SMOOTHING, WITHIN, Successors, usual
from service.recommendations.successors import MOST

MOMENTS = 48
"""At which it is counted, as many steps between each two."""
FIRST_HASH = 1
"""Here an item's hash is its place in the catalogue, from 1, as 0 is that of none."""


@dataclass(frozen=True)
class Graph:
    """The counts of one moment.

    Attributes:
        edges: (items, items) C of the pairs that are kept, from the item in the row.
        totals: (items,) all of each row, kept or not.
        kept: (items,) what of it is in the edges.
        arrivals: (items,) how often each was gone to.
    """

    edges: csr_array
    totals: Ints
    kept: Ints
    arrivals: Ints

    @property
    def mass(self) -> float:
        """As in `Successors`."""
        return float((self.arrivals[self.arrivals > 0] ** SMOOTHING).sum())

    def successors(self, items: Ints) -> Successors:
        """What the service would read of these items, which are all different."""
        own = self.edges[items]
        row = np.repeat(np.arange(len(items)), np.diff(own.indptr))
        return Successors(
            items=hashed(items),
            totals=self.totals[items],
            kept=self.kept[items],
            row=row,
            hashes=hashed(own.indices),
            counts=own.data.astype(np.int64),
            arrivals=self.arrivals[own.indices],
            place=np.arange(len(row)) - own.indptr[row],
            mass=self.mass,
        )

    def scores(self, items: Ints, memory: NDArray[np.floating]) -> NDArray[np.float32]:
        """(catalogue,) sum of memory times density over these items: the service's own, for the whole catalogue.

        Args:
            items: (n,) of behaviours.
            memory: (n,) what each counts.
        """
        each = memory / (self.totals[items] + PRIOR)
        level = float(each @ (self.totals[items] - self.kept[items] + PRIOR))
        counted = np.asarray(self.edges[items].T @ each)
        arrived = np.maximum(self.arrivals, 1)  # of no edge, anything
        return np.asarray(counted / usual(arrived, self.mass) + level, np.float32)


class Steps:
    """Everybody's steps from item to item.

    Args:
        histories: of the people.
        items: how many the catalogue has.
        moments: at which they are counted.

    Attributes:
        moments: (m,) times, each of which counts what was before it.

    >>> from service.evaluation.streams import Stream
    >>> items = np.array([0, 1, 0, 2])
    >>> people = [History(Stream("one", items, np.ones(4, np.float32), items), np.arange(4)) for _ in range(2)]
    >>> graph = Steps(people, 3, moments=2).before(4)
    >>> graph.edges.toarray().astype(int).tolist(), graph.arrivals.tolist()
    ([[0, 2, 0], [0, 0, 0], [0, 0, 0]], [0, 2, 0])
    """

    def __init__(self, histories: Sequence[History], items: int, moments: int = MOMENTS) -> None:
        steps = [_steps(history) for history in histories]
        source, target, when = (np.concatenate(column) for column in zip(*steps, strict=True))
        order = np.argsort(when, kind="stable")
        source, target, when = source[order], target[order], when[order]
        at = np.linspace(0, len(when), moments + 1).astype(int)[:-1]
        self.moments: Ints = np.unique(when[at]) if len(when) else np.zeros(1, np.int64)
        until = np.searchsorted(when, self.moments)
        self._graphs = [_graph(source[:stop], target[:stop], items) for stop in until]

    def before(self, time: int) -> Graph:
        """As counted last before a time; at the first moment nothing is."""
        return self._graphs[max(int(np.searchsorted(self.moments, time, side="right")) - 1, 0)]


def hashed(items: Ints) -> NDArray[np.uint64]:
    """Hashes of places in the catalogue."""
    return (items + FIRST_HASH).astype(np.uint64)


def _steps(history: History) -> tuple[Ints, Ints, Ints]:
    """From, to and when: in the order in which a person met items."""
    items = history.stream.items
    first = np.sort(np.unique(items, return_index=True)[1])
    own, when = items[first], history.times[first]
    parts = [(own[:-gap], own[gap:], when[gap:]) for gap in range(1, min(WITHIN, len(own) - 1) + 1)]
    nothing = np.empty(0, np.int64)
    source, target, at = ([part[n] for part in parts] or [nothing] for n in range(3))
    return np.concatenate(source), np.concatenate(target), np.concatenate(at)


def _graph(source: Ints, target: Ints, items: int) -> Graph:
    counts = csr_array((np.ones(len(source)), (source, target)), shape=(items, items))
    counts.sum_duplicates()
    totals = np.asarray(counts.sum(axis=1), np.int64)
    counts.data[counts.data < LEAST_USERS] = 0.0
    for start, stop in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
        if stop - start > MOST:
            own = counts.data[start:stop]
            # Of equals, the service keeps the first by id.
            own[np.lexsort((counts.indices[start:stop], -own))[MOST:]] = 0.0
    counts.eliminate_zeros()
    kept = np.asarray(counts.sum(axis=1), np.int64)
    return Graph(counts, totals, kept, np.bincount(target, minlength=items))
