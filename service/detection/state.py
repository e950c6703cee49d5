"""A user's detector state as one immutable value, and how much of it is kept."""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.detection import bayes, evidence, interest

MAX_BYTES = 16 * 1024
MAX_DIM = 1024
PAST_REGIMES = 4
PAST_TOPICS = 16

_HEADER_BYTES = 128
_VECTOR_EXTRA_BYTES = 16  # scale, weight and time
_ASSIGNMENT_EXTRA_BYTES = 8  # weight and log posterior
_EVIDENCE_BYTES = 4 * 8 * (evidence.LAG + 4)


class StateError(ValueError):
    """A state that cannot be kept or read; the message says why."""


@dataclass(frozen=True, slots=True)
class PastRegime:
    """What is remembered of an earlier interest, to recognise its return.

    Attributes:
        topics: (16,) uint16, its leading topics.
        shares: (16,) float16, their shares of its evidence; zeros where no topics are known.
        began: position, from 0, of its first behaviour in the user's stream.
        ended: position of the first behaviour after it.
    """

    topics: NDArray[np.uint16]
    shares: NDArray[np.float16]
    began: int
    ended: int

    @classmethod
    def without_topics(cls, began: int, ended: int) -> Self:
        """One of which only the time is known."""
        return cls(np.zeros(PAST_TOPICS, np.uint16), np.zeros(PAST_TOPICS, np.float16), began, ended)


@dataclass(frozen=True, slots=True)
class State:
    """Everything the detectors keep of one user.

    Attributes:
        behaviors: how many behaviours were taken in.
        interest: for z and the distance rules.
        bayes: for the Bayesian detector; None without a profile.
        evidence: this user's own past, which the newest behaviours are judged by.
        past: earlier regimes, newest first, at most 4.
        regime: number of the present regime, from 0: how many have ended.
        began: position, from 0, of its first behaviour.
    """

    behaviors: int
    interest: interest.InterestState
    bayes: bayes.BayesState | None
    evidence: evidence.EvidenceState
    past: tuple[PastRegime, ...]
    regime: int = 0
    began: int = 0

    @property
    def known_from(self) -> int:
        """Position of the first behaviour whose regime is remembered: of more than four earlier ones, not all are."""
        return self.past[-1].began if self.past else 0

    def regimes_at(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers (n,) of the regimes that the behaviours at these positions, from `known_from` on, belong to.

        Raises:
            ValueError: a position before those.
        """
        begins = [*(earlier.began for earlier in reversed(self.past)), self.began]
        ended = np.searchsorted(begins, positions, side="right") - 1
        if self.past and (ended < 0).any():
            raise ValueError(f"the regime of behaviour {positions.min()} is no longer remembered")
        return np.asarray(self.regime - len(self.past) + np.maximum(ended, 0), np.int64)


@dataclass(frozen=True, slots=True)
class Layout:
    """How many behaviours are kept one by one, so that the state stays within its bound.

    Attributes:
        vectors: newest vectors, for the window and for cutting off a new regime.
        assignments: L, newest topic assignments.
    """

    vectors: int
    assignments: int


@cache
def layout(dim: int, topics: int, nearest: int) -> Layout:
    """The largest layout within 16 KiB.

    Args:
        dim: length of a vector, at most 1,024.
        topics: K, 0 without a profile.
        nearest: m, shares kept a behaviour.

    Raises:
        StateError: no layout fits.
    """
    fixed = _HEADER_BYTES + _EVIDENCE_BYTES + PAST_REGIMES * (PAST_TOPICS * 4 + 16) + 8 * dim + 4 * topics
    for vectors in (16, 12, 10, 8, 6, 5, 4):
        for assignments in (256, 192, 160, 128, 96, 64, 48):
            size = vectors * (dim + _VECTOR_EXTRA_BYTES) + assignments * (4 * nearest + _ASSIGNMENT_EXTRA_BYTES)
            if fixed + size <= MAX_BYTES:
                return Layout(vectors, assignments)
    raise StateError(
        f"{dim} dimensions with {topics} topics do not fit a state of {MAX_BYTES} bytes; use at most {MAX_DIM}"
    )


def empty(dim: int, topics: int | None, nearest: int) -> State:
    """The state before any behaviour; `topics` is None where there is no profile."""
    regime = None if topics is None else bayes.empty(topics, nearest)
    return State(0, interest.empty(dim), regime, evidence.empty(), ())
