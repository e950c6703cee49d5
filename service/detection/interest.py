"""The interest vector z of the current regime, and the distances that the simple rules judge.

z is the weighted mean of the unit vectors of the regime's behaviours, weighted by behaviour type and by exponential
time decay. The newest vectors are kept one by one (8 bits a component), so that a new regime can be cut off at its
start and the newest w can be compared with those before; all older ones are one sum.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.detection.topics import Vectors

SECONDS_PER_DAY = 86_400.0
SHORTEST_ELAPSED_DAYS = 1.0 / 24.0
"""Rates are taken over at least an hour: behaviours seconds apart would give astronomic figures."""


@dataclass(frozen=True, slots=True)
class InterestState:
    """What is kept for z. Arrays have their storage types: a stored and restored state computes the same.

    Attributes:
        codes: (n, dim) int8, the newest vectors, newest first, each divided by its scale.
        scales: (n,) float32.
        weights: (n,) float32, behaviour weights.
        times: (n,) float64, seconds since the epoch.
        older_sum: (dim,) float32, weighted sum of the regime's vectors before those, decayed to `older_time`.
        older_weight: float, the sum of their weights, decayed likewise.
        older_time: float, seconds since the epoch.
        older_count: int, how many behaviours that is.
        reference: (dim,) float32 or None, z at the last snapshot.
        reference_time: float, time of the newest behaviour at the last snapshot.
    """

    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    weights: NDArray[np.float32]
    times: NDArray[np.float64]
    older_sum: NDArray[np.float32]
    older_weight: float
    older_time: float
    older_count: int
    reference: NDArray[np.float32] | None
    reference_time: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How far the interest moved since the last snapshot, in four units. All 0 where there is nothing to compare.

    Attributes:
        magnitude: Euclidean norm of z - z_previous, 0 to 2.
        cosine_distance: 1 - cos(z, z_previous), 0 to 2.
        rate_per_day: magnitude by elapsed days (of behaviour time, at least an hour).
        window: Euclidean distance between the mean of the newest w vectors and that of those before, 0 to 2.
    """

    magnitude: float
    cosine_distance: float
    rate_per_day: float
    window: float


def empty(dim: int) -> InterestState:
    """The state before any behaviour."""
    return InterestState(
        codes=np.empty((0, dim), np.int8),
        scales=np.empty(0, np.float32),
        weights=np.empty(0, np.float32),
        times=np.empty(0, np.float64),
        older_sum=np.zeros(dim, np.float32),
        older_weight=0.0,
        older_time=0.0,
        older_count=0,
        reference=None,
        reference_time=0.0,
    )


def push(
    state: InterestState, vector: Vectors, weight: float, time: float, *, keep: int, half_life: float
) -> InterestState:
    """Take one more behaviour in.

    Args:
        state: the state before.
        vector: (dim,), of unit length.
        weight: of the behaviour, at least 0.
        time: seconds since the epoch. Time never runs backwards: a late behaviour counts as of the newest one.
        keep: how many vectors to keep one by one.
        half_life: of the decay, in seconds.
    """
    time = max(time, float(state.times[0])) if len(state.times) else time
    scale = np.float32(max(float(np.abs(vector).max()), 1e-12) / 127.0)
    code = np.rint(vector / scale).astype(np.int8)
    state = replace(
        state,
        codes=np.concatenate([code[None], state.codes]),
        scales=np.concatenate([[scale], state.scales]).astype(np.float32),
        weights=np.concatenate([[weight], state.weights]).astype(np.float32),
        times=np.concatenate([[time], state.times]),
    )
    return _spill(state, half_life) if len(state.codes) > keep else state


def _spill(state: InterestState, half_life: float) -> InterestState:
    """Add the oldest kept vector to the sum of the older ones."""
    leaving, time = len(state.codes) - 1, float(state.times[-1])
    decay = 0.5 ** ((time - state.older_time) / half_life) if state.older_weight else 0.0
    vector = state.codes[leaving] * state.scales[leaving]
    weight = float(state.weights[leaving])
    return replace(
        _newest(state, leaving),
        older_sum=(state.older_sum * decay + vector * weight).astype(np.float32),
        older_weight=float(np.float32(state.older_weight * decay + weight)),
        older_time=time,
        older_count=state.older_count + 1,
    )


def restart(state: InterestState, behaviors: int) -> InterestState:
    """Begin a new regime with the newest `behaviors` (those of them that are kept one by one)."""
    return replace(
        _newest(state, behaviors),
        older_sum=np.zeros_like(state.older_sum),
        older_weight=0.0,
        older_time=0.0,
        older_count=0,
    )


def _newest(state: InterestState, n: int) -> InterestState:
    """The state with only the newest n of the vectors that are kept one by one."""
    return replace(
        state, codes=state.codes[:n], scales=state.scales[:n], weights=state.weights[:n], times=state.times[:n]
    )


def mark(state: InterestState, *, half_life: float) -> InterestState:
    """Make the present z the one that later movement is measured from, as a snapshot does."""
    if not len(state.times):
        return state
    return replace(state, reference=vector_of(state, half_life=half_life), reference_time=float(state.times[0]))


def vector_of(state: InterestState, *, half_life: float) -> Vectors:
    """z: (dim,) float32, norm at most 1; zeros when every weight is 0."""
    kept, kept_weight = _kept_sum(state, 0, len(state.codes), half_life)
    older, older_weight = _older_sum(state, half_life)
    return _mean(kept + older, kept_weight + older_weight)


def scores_of(state: InterestState, z: Vectors, *, window: int, half_life: float) -> Scores:
    """The four distances, for the present z.

    Args:
        state: after the newest behaviour.
        z: `vector_of(state)`.
        window: w, how many of the newest behaviours are compared with those before.
        half_life: of the decay, in seconds.
    """
    moved = _window_distance(state, window, half_life)
    if state.reference is None:
        return Scores(0.0, 0.0, 0.0, moved)
    magnitude = float(np.linalg.norm(z - state.reference))
    norms = float(np.linalg.norm(z) * np.linalg.norm(state.reference))
    cosine = float(z @ state.reference) / norms if norms > 0 else 1.0
    days = max((float(state.times[0]) - state.reference_time) / SECONDS_PER_DAY, SHORTEST_ELAPSED_DAYS)
    return Scores(magnitude, min(max(1.0 - cosine, 0.0), 2.0), magnitude / days, moved)


def best_split(state: InterestState, *, window: int, half_life: float) -> int:
    """How many of the newest w behaviours differ most from all before them.

    The two-sample statistic ||mean_new - mean_before|| sqrt(r (n - r) / n), maximised over r: the usual estimate of
    where a mean has shifted. At least 1.
    """
    n = len(state.codes)
    total = n + state.older_count
    older, older_weight = _older_sum(state, half_life)
    best, best_statistic = 1, -1.0
    for r in range(1, min(window, n) + 1):
        newest, newest_weight = _kept_sum(state, 0, r, half_life)
        before, before_weight = _kept_sum(state, r, n, half_life)
        difference = _mean(newest, newest_weight) - _mean(before + older, before_weight + older_weight)
        statistic = float(np.linalg.norm(difference)) * (r * (total - r) / total) ** 0.5
        if statistic > best_statistic:
            best, best_statistic = r, statistic
    return best


def _window_distance(state: InterestState, window: int, half_life: float) -> float:
    """Distance between the means of the newest w and of the rest; 0 while fewer than w came before."""
    n = len(state.codes)
    w = min(window, n)
    if n - w + state.older_count < w:
        return 0.0
    before, before_weight = _kept_sum(state, w, n, half_life)
    older, older_weight = _older_sum(state, half_life)
    newest, newest_weight = _kept_sum(state, 0, w, half_life)
    return float(np.linalg.norm(_mean(newest, newest_weight) - _mean(before + older, before_weight + older_weight)))


def _kept_sum(state: InterestState, start: int, stop: int, half_life: float) -> tuple[NDArray[np.float64], float]:
    if start >= stop:
        return np.zeros(state.codes.shape[1]), 0.0
    decay = 0.5 ** ((state.times[0] - state.times[start:stop]) / half_life)
    weights = state.weights[start:stop] * decay
    return (weights * state.scales[start:stop]) @ state.codes[start:stop].astype(np.float64), float(weights.sum())


def _older_sum(state: InterestState, half_life: float) -> tuple[NDArray[np.float64], float]:
    if not state.older_weight:
        return np.zeros(state.codes.shape[1]), 0.0
    decay = 0.5 ** ((float(state.times[0]) - state.older_time) / half_life)
    return state.older_sum.astype(np.float64) * decay, state.older_weight * decay


def _mean(total: NDArray[np.float64], weight: float) -> Vectors:
    return (total / weight if weight > 0 else np.zeros_like(total)).astype(np.float32)
