"""The evidence after every behaviour of a whole history, with nothing ever declared.

What `detector.fold` computes step by step for a user who never changes, in one compiled loop over the same functions:
calibration and evaluation look at millions of behaviours.
"""

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled_anew
from service.detection import bayes, evidence
from service.detection.bayes import BayesParams
from service.detection.evidence import FEATURES, LAG, SERIES
from service.detection.topics import Assignment


def trace(
    params: BayesParams,
    behaviors: Assignment,
    weights: NDArray[np.float32],
    *,
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
) -> tuple[NDArray[np.float64], float]:
    """All figures of a history.

    Args:
        params: the model's numbers, `memory` included.
        behaviors: n behaviours' topics, oldest first.
        weights: (n,), of the behaviours.
        background: (k,), p0.
        groups: (k,), the group of each topic.
        group_background: (g,), the groups' shares of the background.

    Returns:
        (n, len(FEATURES)), and the log-likelihood of the history relative to the background's, in nats.
    """
    return _trace(
        np.ascontiguousarray(behaviors.topics[::-1]), np.ascontiguousarray(behaviors.shares[::-1]),
        np.ascontiguousarray(weights[::-1], np.float32), background, groups, group_background,
        params.alpha, params.hazard, params.beta, params.forget, params.epsilon, params.recent, params.memory,
    )  # fmt: skip


_predictive, _reweigh, _spill, _log_odds = bayes._predictive, bayes._reweigh, bayes._spill, bayes._log_odds
_figures = evidence._figures


@compiled_anew
def _trace(  # noqa: PLR0917 - compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
    alpha: float,
    hazard: float,
    beta: float,
    forget: float,
    epsilon: float,
    recent: int,
    memory: int,
) -> tuple[NDArray[np.float64], float]:
    n = len(topics)
    out = np.zeros((n, len(FEATURES)))
    older, older_total = np.zeros(len(background), np.float32), 0.0
    log_run, log_older = np.empty(0, np.float32), -np.inf
    surprises, past = np.empty((0, SERIES), np.float32), np.zeros((SERIES, 4), np.float32)
    likelihood = 0.0
    for t in range(n):
        new = n - 1 - t  # newest first: behaviours new + 1 and on came before
        old = new + 1 + len(log_run)
        ratios, ratio_older = np.empty(0), 0.0
        if t:
            ratios, ratio_older = _predictive(
                topics[new], shares[new], topics[new + 1 : old], shares[new + 1 : old], weights[new + 1 : old],
                older, older_total, background, alpha, forget, epsilon, beta * min(weights[new], 1.0),
            )  # fmt: skip
            seen = np.exp(log_older + ratio_older)
            for i in range(len(ratios)):
                seen += np.exp(log_run[i] + ratios[i])
            likelihood += np.log((1.0 - hazard) * seen + hazard)
        log_run, log_older, spilled = _reweigh(ratios, ratio_older, log_run, log_older, hazard, memory)
        if spilled:
            older, older_total = _spill(
                older, older_total, topics[old - 1], shares[old - 1], float(weights[old - 1]), forget
            )
        kept = new + len(log_run)
        after = np.empty((min(t + 1, LAG), SERIES), np.float32)
        _figures(
            topics[new:kept], shares[new:kept], weights[new:kept], older, background, groups, group_background, alpha,
            t + 1, _log_odds(log_run, log_older, min(recent, t)), surprises, after, past, out[t],
        )  # fmt: skip
        surprises = after
    return out, likelihood
