"""What is asked of a recommender, and how its answers are measured.

A target is each behaviour of a held-out user that is the first with its item, but the user's very first. A method sees
the behaviours before the target, and of other people's only what lies before it in time; it scores every item of the
catalogue; items that the user had before are left out. A rank counts from 0 the items that score higher, equals half.
Whether an item is in the catalogue does not depend on time: one that nobody has had yet is known by its text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.evaluation.streams import Stream
from service.vectors import Vectors

Ints = NDArray[np.int64]
Ranks = NDArray[np.float64]

TOP = 20
AFTER = 20
"""Behaviours after a change that count as just after it."""
BEFORE, JUST_AFTER, LATER = "before", "after", "later"
PHASES = (BEFORE, JUST_AFTER, LATER)
RESAMPLES = 500


@dataclass(frozen=True)
class History:
    """A user's behaviours and their times.

    Attributes:
        stream: items are places in the catalogue.
        times: (n,) int64, ascending; seconds, or behaviours where changes are planted.
    """

    stream: Stream
    times: Ints


@dataclass(frozen=True)
class Set:
    """One set of users.

    Attributes:
        name: of it.
        texts: of the catalogue's items.
        vectors: (items, dim) float32, their unit vectors.
        fit: users whom numbers are chosen on.
        held: users whom nothing was chosen on.
        planted: whether changes are planted, at `stream.change`; else those that the detector declares count.
    """

    name: str
    texts: list[str]
    vectors: Vectors
    fit: list[History]
    held: list[History]
    planted: bool


def targets(items: Ints) -> Ints:
    """Positions of the behaviours that are the first with their item, without the very first.

    >>> targets(np.array([5, 5, 7, 5, 9]))
    array([2, 4])
    """
    first = np.unique(items, return_index=True)[1]
    return np.sort(first[first > 0])


def phases(length: int, changes: Sequence[int]) -> NDArray[np.str_]:
    """(length,) the phase of each position, changes being positions of first behaviours after one.

    >>> [str(phase) for phase in phases(4, [1])]
    ['before', 'after', 'after', 'after']
    """
    out = np.full(length, BEFORE, dtype="<U6")
    for change in sorted(changes):
        out[change:] = LATER
    for change in changes:
        out[change : change + AFTER] = JUST_AFTER
    return out


def gains(ranks: Ranks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hit (0 or 1) and NDCG of each rank at 20; with one target its ideal gain is 1.

    >>> gains(np.array([0.0, 1.0, 20.0]))[1].round(3)
    array([1.   , 0.631, 0.   ])
    """
    hit = ranks < TOP
    return hit.astype(np.float64), np.where(hit, 1.0 / np.log2(ranks + 2.0), 0.0)


@dataclass(frozen=True)
class Asked:
    """All targets of a set's held-out users, in order of user and position.

    Attributes:
        user: (n,) index of the user.
        position: (n,) of the target in the user's history.
        phase: (n,) one of `PHASES`.
    """

    user: Ints
    position: Ints
    phase: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.user)


def asked(histories: Sequence[History], changes: Sequence[Sequence[int]]) -> Asked:
    """The targets of some users, with their phases.

    Args:
        histories: the users'.
        changes: of each user, positions of changes.
    """
    rows = list(_targets_of(histories, changes))
    user = np.concatenate([np.full(len(at), n) for n, (at, _) in enumerate(rows)])
    return Asked(user, np.concatenate([at for at, _ in rows]), np.concatenate([phase for _, phase in rows]))


def _targets_of(
    histories: Sequence[History], changes: Sequence[Sequence[int]]
) -> Iterator[tuple[Ints, NDArray[np.str_]]]:
    for history, at in zip(histories, changes, strict=True):
        where = targets(history.stream.items)
        yield where, phases(len(history.stream), at)[where]


def measure(ranks: Ranks, questions: Asked, seed: int = 0) -> dict[str, Any]:
    """Hit rate and NDCG at 20 over all targets and by phase, with 95 % bootstrap intervals over users.

    Args:
        ranks: (n,) of the targets, from 0; `inf` for what was not ranked.
        questions: the same n targets.
        seed: of the bootstrap.
    """
    hit, gain = gains(ranks)
    out = {}
    for name, mask in parts(questions).items():
        out[name] = {
            "targets": int(mask.sum()),
            "hit_rate": interval(hit[mask], questions.user[mask], seed),
            "ndcg": interval(gain[mask], questions.user[mask], seed),
        }
    return out


def parts(questions: Asked) -> dict[str, NDArray[np.bool_]]:
    """Which targets belong to all, and to each phase."""
    return {"all": np.ones(len(questions), np.bool_), **{name: questions.phase == name for name in PHASES}}


def interval(values: NDArray[np.float64], user: Ints, seed: int) -> list[float]:
    """Mean over targets, and its 95 % bootstrap interval with users drawn anew; nan where there are no targets."""
    if not len(values):
        return [float("nan")] * 3
    _, own = np.unique(user, return_inverse=True)
    totals, counts = np.bincount(own, values), np.bincount(own)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    low, high = np.quantile(totals[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return [round(float(value), 5) for value in (values.mean(), low, high)]
