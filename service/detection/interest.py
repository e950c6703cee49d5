"""The interest vector z of the current regime, and the distances that the simple rules judge.

z is the weighted mean of the unit vectors of the regime's behaviours, weighted by behaviour type and by exponential
time decay. The newest vectors are kept one by one (8 bits a component), so that a new regime can be cut off at its
start and the newest w can be compared with those before; all older ones are one sum.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled
from service.detection.batch import Batch
from service.vectors import Vectors

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


def push(state: InterestState, batch: Batch, *, keep: int, half_life: float) -> InterestState:
    """Take more behaviours in.

    Args:
        state: the state before; not altered.
        batch: the behaviours. Time never runs backwards: a late behaviour counts as of the newest one.
        keep: how many vectors to keep one by one.
        half_life: of the decay, in seconds.
    """
    codes, scales, weights, times, older_sum, older_weight, older_time, older_count = _push(
        state.codes, state.scales, state.weights, state.times, state.older_sum, state.older_weight, state.older_time,
        state.older_count, batch.codes, batch.scales, batch.weights, batch.times, keep, half_life,
    )  # fmt: skip
    return InterestState(
        codes=codes,
        scales=scales,
        weights=weights,
        times=times,
        older_sum=older_sum,
        older_weight=older_weight,
        older_time=older_time,
        older_count=older_count,
        reference=state.reference,
        reference_time=state.reference_time,
    )


@compiled
def _push(  # noqa: PLR0917 - compiled functions take no keywords
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    weights: NDArray[np.float32],
    times: NDArray[np.float64],
    older_sum: NDArray[np.float32],
    older_weight: float,
    older_time: float,
    older_count: int,
    new_codes: NDArray[np.int8],
    new_scales: NDArray[np.float32],
    new_weights: NDArray[np.float64],
    new_times: NDArray[np.float64],
    keep: int,
    half_life: float,
) -> tuple[
    NDArray[np.int8],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float64],
    NDArray[np.float32],
    float,
    float,
    int,
]:
    n, (kept, dim) = len(new_codes), codes.shape
    # Newest first: the new ones before those that were kept.
    all_codes, all_scales = np.empty((n + kept, dim), np.int8), np.empty(n + kept, np.float32)
    all_weights, all_times = np.empty(n + kept, np.float32), np.empty(n + kept, np.float64)
    all_codes[n:], all_scales[n:], all_weights[n:], all_times[n:] = codes, scales, weights, times
    older_sum = older_sum.copy()
    end = n + kept
    for i in range(n):
        at = n - 1 - i
        time = new_times[i]
        if at + 1 < end:
            time = max(time, all_times[at + 1])
        all_codes[at], all_scales[at], all_weights[at], all_times[at] = (
            new_codes[i],
            new_scales[i],
            new_weights[i],
            time,
        )
        if end - at > keep:  # the oldest kept vector joins the sum of the older ones
            end -= 1
            decay = 0.5 ** ((all_times[end] - older_time) / half_life) if older_weight else 0.0
            for d in range(dim):
                older_sum[d] = older_sum[d] * decay + all_codes[end, d] * all_scales[end] * all_weights[end]
            older_weight = float(np.float32(older_weight * decay + all_weights[end]))
            older_time = float(all_times[end])
            older_count += 1
    return (
        all_codes[:end].copy(), all_scales[:end].copy(), all_weights[:end].copy(), all_times[:end].copy(),
        older_sum, older_weight, older_time, older_count,
    )  # fmt: skip


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
    return _means(state, 0, half_life)[0]


def scores_of(state: InterestState, *, window: int, half_life: float) -> tuple[Vectors, Scores]:
    """The interest vector z (dim,) float32, and the four distances.

    Args:
        state: after the newest behaviour.
        window: w, how many of the newest behaviours are compared with those before.
        half_life: of the decay, in seconds.
    """
    n = len(state.codes)
    w = min(window, n)
    enough = n - w + state.older_count >= w
    z, moved = _means(state, w if enough else 0, half_life)
    if state.reference is None:
        return z, Scores(0.0, 0.0, 0.0, moved)
    magnitude, cosine = _distances(z, state.reference)
    days = max((float(state.times[0]) - state.reference_time) / SECONDS_PER_DAY, SHORTEST_ELAPSED_DAYS)
    return z, Scores(magnitude, min(max(1.0 - cosine, 0.0), 2.0), magnitude / days, moved)


def _means(state: InterestState, window: int, half_life: float) -> tuple[Vectors, float]:
    """z, and the distance between the means of the newest `window` and of the rest; 0 without a window."""
    return _weighted_means(
        state.codes, state.scales, state.weights, state.times, state.older_sum, state.older_weight, state.older_time,
        window, half_life,
    )  # fmt: skip


@compiled
def _weighted_means(  # noqa: PLR0917 - compiled functions take no keywords
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    weights: NDArray[np.float32],
    times: NDArray[np.float64],
    older_sum: NDArray[np.float32],
    older_weight: float,
    older_time: float,
    window: int,
    half_life: float,
) -> tuple[Vectors, float]:
    n, dim = codes.shape
    newest, rest = np.zeros(dim), np.zeros(dim)
    newest_weight = rest_weight = 0.0
    for i in range(n):
        factor = weights[i] * 0.5 ** ((times[0] - times[i]) / half_life)
        total = newest if i < window else rest
        for d in range(dim):
            total[d] += factor * scales[i] * codes[i, d]
        if i < window:
            newest_weight += factor
        else:
            rest_weight += factor
    if older_weight:
        factor = 0.5 ** ((times[0] - older_time) / half_life)
        rest_weight += factor * older_weight
        for d in range(dim):
            rest[d] += factor * older_sum[d]
    z = np.zeros(dim, np.float32)
    squares, weight = 0.0, newest_weight + rest_weight
    for d in range(dim):
        if weight > 0.0:
            z[d] = (newest[d] + rest[d]) / weight
        difference = 0.0
        if newest_weight > 0.0:
            difference += newest[d] / newest_weight
        if rest_weight > 0.0:
            difference -= rest[d] / rest_weight
        squares += difference * difference
    return z, np.sqrt(squares) if window else 0.0


@compiled
def _distances(z: Vectors, reference: Vectors) -> tuple[float, float]:
    """Euclidean distance and cosine; 1 where either is zero."""
    squares = dot = own = other = 0.0
    for d in range(len(z)):
        squares += (z[d] - reference[d]) ** 2
        dot += z[d] * reference[d]
        own += z[d] * z[d]
        other += reference[d] * reference[d]
    norms = np.sqrt(own * other)
    return np.sqrt(squares), dot / norms if norms > 0.0 else 1.0


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
