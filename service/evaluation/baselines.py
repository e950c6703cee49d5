"""The plain rules that the detector is compared with, each a statistic over one user's stream.

A statistic takes (n, dim) unit vectors in time order and their (n,) times in seconds, and gives (n,) float64, larger
for more evidence that the interest has changed up to now. It is online: entry t uses behaviours 0 to t, no later one.
Where a rule cannot judge yet it is minus infinity. It becomes alarms through a threshold that the caller chooses so
that a given share of untouched users ever exceeds it; raising the threshold trades false alarms for detection delay.

>>> unit = np.eye(2, dtype=np.float32)
>>> BASELINES["window cosine 5"](unit[[0] * 6 + [1] * 5], np.arange(11.0))[-2:].round(3)
array([0.757, 1.   ])
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.float32], Floats], Floats]

HALF_LIFE = 10.0
"""Of the naive rules' mean, in behaviours."""
SHORT_HALF_LIFE, LONG_HALF_LIFE = 5.0, 50.0
"""Of the two moving averages, in behaviours."""
SMALLEST_NORM = 1e-9
"""A mean shorter than this is rounding: vectors that cancel have no direction."""


def normalized_delta(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """The rule that write-ups of this method often give: the norm of the step of z, after dividing it by its norm.

    z_t is the exponentially weighted mean, dz = z_t - z_(t-1), the statistic || dz / ||dz|| ||. It is 1 wherever z
    moved at all, and so fires on everything; 0 where z stood still. Exactly 1, lest rounding pass for evidence.

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), 0 or 1; minus infinity at the first behaviour.
    """
    return np.where(np.isfinite(steps := _steps(vectors)), np.sign(steps), -np.inf)


def delta_magnitude(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """The step of z, undivided: ||z_t - z_(t-1)||.

    Before two half-lives it cannot judge: the step shrinks about like 1/t until the mean has its history, and every
    threshold would be that of the first few behaviours.

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), 0 to 2.
    """
    return _silent(_steps(vectors), until=int(2 * HALF_LIFE))


def window_cosine(vectors: NDArray[np.float32], _times: Floats, *, window: int) -> Floats:
    """Cosine distance between the mean of the newest w vectors and that of the w before.

    A short window is quick and noisy, a long one slow and steady.

    Args:
        vectors: (n, dim), of unit length.
        window: w, in behaviours.

    Returns:
        (n,), 0 to 2; minus infinity for the first 2w - 1.
    """
    statistic = np.full(len(vectors), -np.inf)
    if len(vectors) >= 2 * window:
        totals = _running_sums(vectors)
        sums = totals[window:] - totals[:-window]
        statistic[2 * window - 1 :] = _cosine_distances(sums[:-window], sums[window:])
    return statistic


def moving_averages(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """Cosine distance between a short and a long exponentially weighted mean.

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), 0 to 2; minus infinity at the first behaviour.
    """
    short, long = (exponential_means(vectors, half_life) for half_life in (SHORT_HALF_LIFE, LONG_HALF_LIFE))
    return _silent(_cosine_distances(short, long), until=1)


def mmd(vectors: NDArray[np.float32], _times: Floats, *, window: int) -> Floats:
    """Unbiased squared maximum mean discrepancy between the newest w vectors X and the w before, Y.

        sum_(i != j) [k(x_i, x_j) + k(y_i, y_j)] / (w (w - 1)) - 2 sum_ij k(x_i, y_j) / w^2

    with k(a, b) = exp(-||a - b||^2 / (2 s^2)).

    The width s follows the median rule over the user's first 2w vectors, and stays: a width that followed the stream
    would follow the change. Each pair of behaviours is evaluated once: a window's sum over pairs that are k behaviours
    apart is a difference of running sums.

    Source: Gretton et al. (2012), "A Kernel Two-Sample Test", lemma 6.

    Args:
        vectors: (n, dim), of unit length.
        window: w, in behaviours, at least 2.

    Returns:
        (n,), about -2 / w to 2; minus infinity for the first 2w - 1.
    """
    n, w = len(vectors), window
    statistic = np.full(n, -np.inf)
    if n < 2 * w:
        return statistic
    exact = vectors.astype(np.float64)
    width = median_width(exact[: 2 * w])
    ends = np.arange(2 * w, n + 1)  # one after the newest behaviour
    within, across = np.zeros(len(ends)), np.zeros(len(ends))
    for lag in range(1, 2 * w):
        totals = _kernel_sums(exact, lag, width)
        if lag < w:
            within += totals[ends] - totals[ends - w + lag]
            within += totals[ends - w] - totals[ends - 2 * w + lag]
        across += totals[ends - max(w - lag, 0)] - totals[ends - w + max(lag - w, 0)]
    statistic[2 * w - 1 :] = 2.0 * within / (w * (w - 1)) - 2.0 * across / w**2
    return statistic


def never(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """Minus infinity: what a detector that never fires scores."""
    return np.full(len(vectors), -np.inf)


def always(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """Infinity: what a detector that always fires scores."""
    return np.full(len(vectors), np.inf)


BASELINES: dict[str, Statistic] = {
    "normalized delta": normalized_delta,
    "delta magnitude": delta_magnitude,
    "window cosine 5": partial(window_cosine, window=5),
    "window cosine 10": partial(window_cosine, window=10),
    "window cosine 20": partial(window_cosine, window=20),
    "moving averages": moving_averages,
    "mmd 10": partial(mmd, window=10),
    "mmd 20": partial(mmd, window=20),
    "never": never,
    "always, on everyone": always,
}


def distance_to_running_mean(vectors: NDArray[np.float32]) -> Floats:
    """Cosine distance of each vector to the mean of all before it: the series that streaming drift detectors watch.

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), 0 to 2; 0 at the first behaviour.
    """
    return _cosine_distances(vectors.astype(np.float64), _running_sums(vectors)[:-1])


def exponential_means(vectors: NDArray[np.float32], half_life: float) -> Floats:
    """z: at each behaviour the mean of the vectors so far, weighted by 0.5^(age / half-life), age in behaviours.

    Args:
        vectors: (n, dim).
        half_life: in behaviours.

    Returns:
        (n, dim).
    """
    decay = 0.5 ** (1.0 / half_life)
    gains = (1.0 - decay) / (1.0 - decay ** np.arange(1.0, len(vectors) + 1.0))  # of the newest, 1 for the first
    means = np.empty(vectors.shape, np.float64)
    mean = np.zeros(vectors.shape[1])
    for row, vector, gain in zip(means, vectors, gains, strict=True):
        mean += gain * (vector - mean)
        row[:] = mean
    return means


def median_width(vectors: Floats) -> float:
    """Median distance between two of the vectors: the usual width of a kernel.

    Users repeat themselves: where half the pairs are equal the median is over the others, and 1 where all are equal.

    Args:
        vectors: (n, dim), n at least 2.
    """
    one, other = np.triu_indices(len(vectors), 1)
    distances = np.linalg.norm(vectors[one] - vectors[other], axis=1)
    unequal = distances[distances > 0]
    return float(np.median(distances) or (np.median(unequal) if len(unequal) else 1.0))


def _steps(vectors: NDArray[np.float32]) -> Floats:
    """||z_t - z_(t-1)||, minus infinity at the first behaviour."""
    means = exponential_means(vectors, HALF_LIFE)
    steps = np.linalg.norm(np.diff(means, axis=0, prepend=means[:1]), axis=1)
    return _silent(steps, until=1)


def _silent(statistic: Floats, *, until: int) -> Floats:
    """The statistic without its first entries."""
    return np.where(np.arange(len(statistic)) < until, -np.inf, statistic)


def _running_sums(vectors: NDArray[np.float32]) -> Floats:
    """(n + 1, dim): entry t is the sum of the first t."""
    sums = np.zeros((len(vectors) + 1, vectors.shape[1]))
    np.cumsum(vectors, axis=0, dtype=np.float64, out=sums[1:])
    return sums


def _kernel_sums(vectors: Floats, lag: int, width: float) -> Floats:
    """(n + 1,): entry t is the sum of k(x_s, x_(s - lag)) over s < t, in which earlier s without a partner count 0."""
    squares = np.square(vectors[lag:] - vectors[:-lag]).sum(axis=1)
    return np.concatenate([np.zeros(lag + 1), np.cumsum(np.exp(-squares / (2.0 * width**2)))])


def _cosine_distances(one: Floats, other: Floats) -> Floats:
    """Row by row, 0 to 2; 0 where a row has no direction, as in the detector's own scores."""
    norms = np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1)
    known = np.minimum(*norms) > SMALLEST_NORM
    products = np.einsum("ij,ij->i", one, other)
    cosines = np.divide(products, norms[0] * norms[1], out=np.ones(len(one)), where=known)
    return np.asarray(np.clip(1.0 - cosines, 0.0, 2.0), np.float64)
