"""What the newest behaviours look like beside all before them, in figures that a change moves.

For the newest w behaviours (w = 5, 10, 15, 20), at two granularities (topics, and groups of similar topics):

* surprise: mean log-ratio to the background of each under the regime before them, clipped to +-3 so that no behaviour
  decides alone. The regime is the Dirichlet of `bayes`, with the same alpha.
* familiar: share of them that the regime before predicts better than the background does.
* coherence: the same log-ratio under the other w - 1, high where they are a new interest and not scattered.
* overlap: cosine of their topic counts with those before.
* focus: squared length of their mean topic shares, high where they are all alike.

A user whose interests are always scattered surprises at every step, so surprise is also taken relative to this user's
own past, windows that ended at least 25 behaviours ago: less their mean (unusual), in their standard deviations
(unusual in deviations), and less the least of them (below least).

All weights count: a behaviour of weight 0 changes nothing but the windows' position.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled
from service.detection.bayes import BayesState
from service.detection.topics import WHOLE

WINDOWS = (5, 10, 15, 20)
"""Behaviours."""
LAG = 25
"""How many behaviours ago a window must have ended to count as this user's past."""
FIGURES = ("surprise", "familiar", "coherence", "overlap", "focus", "unusual", "unusual_deviations", "below_least")
GRANULARITIES = ("topics", "groups")
FEATURES = (
    *(f"{figure}_{window}_{level}" for level in GRANULARITIES for window in WINDOWS for figure in FIGURES),
    "log_age",
    "log_odds",
)
"""Names of the figures in their order. `log_age` is of the regime's length, `log_odds` that of `bayes`."""
DIRECTIONS = {"surprise": -1, "familiar": -1, "coherence": 1, "overlap": -1, "unusual": -1, "unusual_deviations": -1,
              "below_least": -1, "log_odds": 1}  # fmt: skip
"""Which way a figure may move the verdict, where the meaning allows one way only: down with it, or up."""
_CLIP = 3.0
SERIES = len(WINDOWS) * len(GRANULARITIES)


@dataclass(frozen=True, slots=True)
class EvidenceState:
    """A user's own past, to judge the newest behaviours by.

    Attributes:
        recent: (n, 8) float32, surprise after each of the newest n <= 25 behaviours of the regime, newest first;
            columns are the windows at the first granularity, then at the second.
        past: (8, 4) float32, of all surprises that ended at least 25 behaviours ago: count, mean, sum of squared
            deviations from it, least.
    """

    recent: NDArray[np.float32]
    past: NDArray[np.float32]


def empty() -> EvidenceState:
    """Before any behaviour."""
    return EvidenceState(np.empty((0, SERIES), np.float32), np.zeros((SERIES, 4), np.float32))


def restart(state: EvidenceState) -> EvidenceState:
    """For a new regime: how scattered a user's interests usually are stays, the newest surprises go."""
    return EvidenceState(np.empty((0, SERIES), np.float32), state.past)


def step(
    state: EvidenceState,
    regime: BayesState,
    *,
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
    alpha: float,
    log_odds: float,
) -> tuple[EvidenceState, NDArray[np.float64]]:
    """Take in the behaviour that the regime took in last.

    Args:
        state: before it.
        regime: after it.
        background: (k,), p0.
        groups: (k,), the group of each topic.
        group_background: (g,), the groups' shares of the background.
        alpha: strength of a regime's prior.
        log_odds: of `bayes`, after it.

    Returns:
        the state after it, and the figures (len(FEATURES),).
    """
    recent, past = np.empty((min(len(state.recent) + 1, LAG), SERIES), np.float32), state.past.copy()
    features = np.empty(len(FEATURES))
    _figures(
        regime.topics, regime.shares, regime.weights, regime.older, background, groups, group_background, alpha,
        regime.age, log_odds, state.recent, recent, past, features,
    )  # fmt: skip
    return EvidenceState(recent, past), features


@compiled
def _figures(  # noqa: PLR0917 - compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    older: NDArray[np.float32],
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
    alpha: float,
    age: int,
    log_odds: float,
    recent: NDArray[np.float32],
    recent_after: NDArray[np.float32],
    past: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Both granularities' figures into `out`, the surprises into `recent_after` and `past`."""
    topics_alone = np.arange(len(background)).astype(np.uint16)
    half = len(WINDOWS)
    _windows(topics, shares, weights, older, topics_alone, background, alpha, age, recent, recent_after, past, 0, out)
    _windows(
        topics, shares, weights, older, groups, group_background, alpha, age, recent, recent_after, past, half,
        out[half * len(FIGURES) :],
    )  # fmt: skip
    out[-2] = np.log(age)
    out[-1] = log_odds


@compiled
def _windows(  # noqa: PLR0917, C901 - one pass; compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    older: NDArray[np.float32],
    group: NDArray[np.uint16],
    prior: NDArray[np.float32],
    alpha: float,
    age: int,
    recent: NDArray[np.float32],
    recent_after: NDArray[np.float32],
    past: NDArray[np.float32],
    column: int,
    out: NDArray[np.float64],
) -> None:
    """The figures of all windows at one granularity, into `out`; the surprises into `recent_after` and `past`."""
    n, m = topics.shape
    before, window = np.zeros(len(prior)), np.zeros(len(prior))
    total = 0.0
    for k in range(len(older)):
        before[group[k]] += older[k]
        total += older[k]
    for i in range(n):
        for j in range(m):
            before[group[topics[i, j]]] += weights[i] * shares[i, j] / WHOLE
        total += weights[i]
    taken, weight = 0, 0.0
    for at, size in enumerate(WINDOWS):
        while taken < min(size, n):
            for j in range(m):
                k, count = group[topics[taken, j]], weights[taken] * shares[taken, j] / WHOLE
                before[k] = max(before[k] - count, 0.0)
                window[k] += count
            total = max(total - weights[taken], 0.0)
            weight += weights[taken]
            taken += 1
        surprise = familiar = coherence = dot = squares = lengths = 0.0
        for i in range(taken):
            base = old = new = own = 0.0
            for j in range(m):
                k, share = group[topics[i, j]], shares[i, j] / WHOLE
                base += prior[k] * share
                old += before[k] * share
                new += window[k] * share
                own += share * share * weights[i]
            there = np.log((alpha * base + old) / (alpha + total) / base)
            here = np.log((alpha * base + max(new - own, 0.0)) / (alpha + weight - weights[i]) / base)
            surprise += weights[i] * min(max(there, -_CLIP), _CLIP)
            familiar += weights[i] * (there > 0.0)
            coherence += weights[i] * min(max(here, -_CLIP), _CLIP)
            dot += weights[i] * old
            squares += weights[i] * new
        for k in range(len(prior)):
            lengths += before[k] * before[k]
        scale = 1.0 / max(weight, 1e-9)
        surprise *= scale
        series = column + at
        recent_after[0, series] = surprise
        for i in range(1, len(recent_after)):
            recent_after[i, series] = recent[i - 1, series]
        if age > LAG + 10 + size and len(recent) >= LAG:
            _add(past[series], recent[LAG - 1, series])
        first = at * len(FIGURES)
        out[first] = surprise
        out[first + 1] = familiar * scale
        out[first + 2] = coherence * scale
        out[first + 3] = dot / np.sqrt(max(lengths, 1e-9) * max(squares, 1e-9))
        out[first + 4] = squares * scale * scale
        count, mean, deviations, least = past[series]
        known = count > 0
        out[first + 5] = surprise - mean if known else 0.0
        out[first + 6] = (surprise - mean) / np.sqrt((deviations + 0.3) / (count + 1.0)) if known else 0.0
        out[first + 7] = surprise - least if known else 0.0


@compiled
def _add(past: NDArray[np.float32], value: float) -> None:
    """One more value into count, mean, squared deviations (Welford, 1962) and least."""
    past[3] = value if past[0] == 0 else min(past[3], value)
    past[0] += 1
    away = value - past[1]
    past[1] += away / past[0]
    past[2] += away * (value - past[1])
