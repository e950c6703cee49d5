"""What a statistic finds, and how often it errs.

A statistic is one number a behaviour, larger for more evidence of a change. An alarm is where it exceeds a threshold,
after a warm-up of `MIN_HISTORY` behaviours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection.detector import MIN_HISTORY

Floats = NDArray[np.float64]
Series = Sequence[Floats]
SHARES = (0.05, 0.01)
"""Of untouched users alarmed, at which the planted changes found are counted."""
WITHIN = 20
"""Behaviours within which a planted change should be found."""
FEWEST_ALARMS = 15
"""Below which a run length is not counted but extrapolated."""
RESAMPLES = 1000
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % bootstrap interval over users."""

    value: float
    low: float
    high: float


def highest(series: Series) -> Floats:
    """(users,), each user's highest value after the warm-up; minus infinity where there is none."""
    return np.array([values[MIN_HISTORY:].max(initial=-np.inf) for values in series])


def threshold_at(series: Series, share: float) -> float:
    """The lowest value that at most that share of untouched users ever exceed."""
    return exceeded_by(highest(series), share)


def exceeded_by(values: Floats, share: float) -> float:
    """The lowest of the values that at most that share of them exceed."""
    ordered = np.sort(values)
    return float(ordered[len(ordered) - 1 - int(share * len(ordered) + 1e-9)])


def run_length(series: Series, threshold: float) -> float:
    """Average run length to a false alarm: behaviours up to each user's first alarm, by the number of alarms.

    The maximum-likelihood estimate for alarms at a constant rate, users without one being censored; infinite without
    any alarm.
    """
    watched, alarms = _watched(series, threshold)
    return float(watched.sum() / alarms.sum()) if alarms.any() else np.inf


def run_length_estimate(series: Series, threshold: float, rng: np.random.Generator) -> Estimate:
    """`run_length` with its interval."""
    watched, alarms = _watched(series, threshold)
    drawn = rng.integers(len(watched), size=(RESAMPLES, len(watched)))
    with np.errstate(divide="ignore"):
        resampled = watched[drawn].sum(axis=1) / alarms[drawn].sum(axis=1)
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return Estimate(run_length(series, threshold), float(low), float(high))


def _watched(series: Series, threshold: float) -> tuple[Floats, Floats]:
    """(users,), behaviours up to the first alarm or the end, and 1 where there was an alarm."""
    watched, alarms = np.zeros(len(series)), np.zeros(len(series))
    for user, values in enumerate(series):
        over = values[MIN_HISTORY:] > threshold
        alarms[user] = over.any()
        watched[user] = over.argmax() + 1 if over.any() else len(over)
    return watched, alarms


def threshold_for(series: Series, asked: float) -> float:
    """The lowest threshold with at least the asked average run length.

    Where so long a run length would leave fewer than `FEWEST_ALARMS` alarms to count, the threshold is read off a line
    through the logarithms of shorter run lengths, which grows about so: it lies nearer to the truth then, and
    may be beyond the highest value there is.
    """
    candidates = records(series)
    if sum(max(len(values) - MIN_HISTORY, 0) for values in series) / asked < FEWEST_ALARMS:
        line = _line(series, candidates, asked)
        if line is not None:
            return line
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if run_length(series, candidates[middle]) >= asked else (middle + 1, high)
    return float(candidates[low])


def records(series: Series) -> Floats:
    """Values that were some user's highest so far: the thresholds at which a run length changes, ascending."""
    highs: Floats = np.unique(np.concatenate([np.maximum.accumulate(values[MIN_HISTORY:]) for values in series]))
    return highs[np.isfinite(highs)]


def _line(series: Series, candidates: Floats, asked: float) -> float | None:
    """Where a line through log run lengths reaches the asked one."""
    fitted = run_length_line(series, candidates, asked / 8, asked * 3)
    return None if fitted is None else (float(np.log(asked)) - fitted[1]) / fitted[0]


def run_length_line(series: Series, candidates: Floats, shortest: float, longest: float) -> tuple[float, float] | None:
    """Slope and level of the logarithm of the run length against the threshold; None where it cannot be told.

    Args:
        series: of untouched users.
        candidates: thresholds.
        shortest: run length that is looked at.
        longest: likewise. Points are weighted by the alarms that each was counted from, five at least.
    """
    points = []
    for threshold in np.quantile(candidates, np.linspace(0.0, 1.0, 400)):
        watched, alarms = _watched(series, float(threshold))
        if alarms.sum() >= 5 and shortest <= watched.sum() / alarms.sum() <= longest:
            points.append((threshold, np.log(watched.sum() / alarms.sum()), np.sqrt(alarms.sum())))
    if len(points) < 5:
        return None
    at, logs, weights = np.array(points).T
    slope, level = np.polyfit(at, logs, 1, w=weights)
    return (float(slope), float(level)) if slope > 0 else None


def delays(series: Series, changes: Sequence[int], threshold: float) -> Floats:
    """(users,), behaviours from the planted change to the first alarm at or after it, 1 at once; infinite for none."""
    out = np.full(len(series), np.inf)
    for user, (values, change) in enumerate(zip(series, changes, strict=True)):
        over = values[change:] > threshold
        if over.any():
            out[user] = over.argmax() + 1
    return out


def found_within(delays: Floats, behaviors: int, rng: np.random.Generator) -> Estimate:
    """Share of planted changes found within so many behaviours."""
    return _share(delays <= behaviors, rng)


def share_alarmed(series: Series, threshold: float, rng: np.random.Generator) -> Estimate:
    """Share of users with any alarm."""
    return _share(highest(series) > threshold, rng)


def _share(of: NDArray[np.bool_], rng: np.random.Generator) -> Estimate:
    """The share of users of whom something is true, and its interval."""
    drawn = of[rng.integers(len(of), size=(RESAMPLES, len(of)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(of.mean()), float(low), float(high))
