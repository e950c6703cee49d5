"""Ranks of a user's targets by every method at once, items that the user had left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bench.recommend.baselines import MEAN, Method, Seen
from bench.recommend.popularity import PRIORS, Counts, Crowd
from bench.recommend.protocol import Ints, Ranks
from bench.recommend.replay import Moment, Replayed
from bench.recommend.succession import Graph, Steps, hashed
from service.compiled import compiled
from service.policy.kernel import SMALLEST, TEMPERATURE, kernel
from service.policy.succession import ASKED, densities, own_steps
from service.vectors import Vectors

Matrix = NDArray[np.float32]


def ranks(
    replayed: Replayed,
    vectors: Vectors,
    crowd: Crowd,
    steps: Steps,
    methods: Sequence[Method],
    *,
    temperature: float = TEMPERATURE,
) -> Ranks:
    """(methods, targets) ranks from 0 among the items that the user had not had, equals half.

    Args:
        replayed: the user.
        vectors: (items, dim) of the catalogue.
        crowd: everybody.
        steps: everybody's, from item to item.
        methods: those of one `by` are quickest one after the other.
        temperature: of the kernel.
    """
    items = replayed.history.stream.items
    behaviors = vectors[items]
    nearness = kernel(behaviors, vectors, temperature)  # (n, items): row j is K(., v_j), as the kernel is symmetric
    cosines = behaviors @ vectors.T if any(method.by == MEAN for method in methods) else None
    out = np.empty((len(methods), len(replayed.moments)))
    unseen = np.ones(len(vectors), np.bool_)
    done = 0
    asked = replayed.history.times[[moment.position for moment in replayed.moments]]
    for column, (moment, counts) in enumerate(zip(replayed.moments, crowd.before(asked), strict=True)):
        unseen[items[done : moment.position]] = False
        done = moment.position
        graph = steps.before(int(asked[column]))
        scores = list(_scores(replayed, moment, nearness, cosines, counts, graph, methods))
        _rank(np.concatenate(scores), int(items[moment.position]), unseen, out[:, column])
    return out


def _scores(  # noqa: PLR0917  # the whole of what is known at the moment
    replayed: Replayed,
    moment: Moment,
    nearness: Matrix,
    cosines: Matrix | None,
    counts: Counts,
    graph: Graph,
    methods: Sequence[Method],
) -> Iterator[Matrix]:
    """(methods, items) of each group of methods that go by the same."""
    stream, kept, before = replayed.history.stream, moment.kept, moment.position
    followed = _followed(graph, stream.items[kept], replayed.fresh[kept])
    for by, group in groupby(methods, key=lambda method: method.by):
        of = list(group)
        likeness, weights = nearness[:before], np.ones(len(counts), np.float32)
        scale = np.ones(before, np.float32)
        if by == MEAN:
            likeness = cosines[:before] if cosines is not None else likeness
        else:
            weights = PRIORS[by](counts)
            scale = np.maximum(likeness @ (weights / weights.sum()), np.float32(SMALLEST))
        own = (nearness[np.ix_(kept, stream.items[kept])] / scale[kept][:, None]).T
        seen = Seen(moment, stream.weights[kept], replayed.fresh[kept], np.stack([own, followed.own]))
        told = [method.weigh(seen) for method in of]
        memory = np.zeros((len(of), before), np.float32)
        memory[:, kept] = [each[0] for each, _ in told]
        crowd = np.array([domain for _, domain in told], np.float32)[:, None]
        scores = np.asarray((memory / scale) @ likeness, np.float32)
        for row, (each, _) in enumerate(told):
            if each[1].any():
                scores[row] += followed.scores(each[1])
        scores *= 1 - crowd
        scores += crowd
        yield scores * weights


@dataclass(frozen=True, slots=True)
class _Followed:
    """What others took up after a user's behaviours, of which the newest items' is looked at."""

    graph: Graph
    items: Ints
    looked_at: NDArray[np.bool_]
    own: Matrix

    def scores(self, memory: NDArray[np.float64]) -> Matrix:
        """(items,) of the catalogue; of behaviours that are not looked at there is nothing to say."""
        rest = np.float32(memory[~self.looked_at].sum())
        return self.graph.scores(self.items[self.looked_at], memory[self.looked_at]) + rest


def _followed(graph: Graph, items: Ints, fresh: NDArray[np.bool_]) -> _Followed:
    newest = np.array(list(dict.fromkeys(items[::-1].tolist()))[:ASKED], np.int64)
    hashes = hashed(items)
    own = densities(graph.successors(newest), hashes, hashes, own_steps(hashes, fresh))
    return _Followed(graph, items, np.isin(items, newest), own)


@compiled
def _rank(scores: Matrix, wanted: int, unseen: NDArray[np.bool_], out: Ranks) -> None:
    for m in range(len(scores)):
        own = scores[m, wanted]
        above, equal = 0, 0
        for c in range(scores.shape[1]):
            above += unseen[c] & (scores[m, c] > own)
            equal += unseen[c] & (scores[m, c] == own)
        out[m] = above + (equal - 1) / 2
