"""Behaviours taken into the Bayesian detector's state, one after the other in one compiled loop: see `kernels`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection import kernels
from service.detection.bayes import BayesParams, BayesState
from service.detection.evidence import FEATURES, EvidenceState
from service.detection.fusion import Fusion
from service.detection.topics import Assignment, Topics

Floats = NDArray[np.float64]

_NO_TREES = Fusion(
    feature=np.empty(0, np.int16),
    threshold=np.empty(0),
    left=np.empty(0, np.int32),
    right=np.empty(0, np.int32),
    value=np.empty(0),
    roots=np.empty(0, np.int32),
    scale=1.0,
    offset=0.0,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of behaviours.

    Attributes:
        taken: how many of them were taken in, the first ones.
        regime: after those.
        evidence: after those.
        log_odds: (taken,) of a recent change, after each.
        figures: (taken, len(FEATURES)), the evidence after each; without rows where none was taken in.
        log_likelihood: of the behaviours relative to the background's, in nats.
    """

    taken: int
    regime: BayesState
    evidence: EvidenceState
    log_odds: Floats
    figures: Floats
    log_likelihood: float


def judge(  # noqa: PLR0917 - as the loop takes them
    params: BayesParams,
    topics: Topics,
    regime: BayesState,
    evidence: EvidenceState,
    behaviors: Assignment,
    weights: NDArray[np.float64],
    *,
    fusion: Fusion | None,
    figures: bool,
    alarm: float = np.inf,
    quiet: int = 0,
) -> Judged:
    """Take behaviours in, oldest first, up to the first with log-odds above `alarm`.

    Args:
        params: the model's numbers.
        topics: of the population.
        regime: before the behaviours; not altered.
        evidence: before the behaviours; not altered.
        behaviors: n behaviours' topics.
        weights: (n,), each at least 0; counts as that fraction of one behaviour. 0 leaves the evidence as it is.
        fusion: gives the log-odds; None leaves them to `bayes`.
        figures: whether evidence is taken in without a fusion, too, which always needs it.
        alarm: where to stop.
        quiet: how many of the first behaviours are never stopped at.
    """
    trees = fusion or _NO_TREES
    n, seen = len(behaviors), figures or fusion is not None
    told, log_odds = np.empty((n if seen else 0, len(FEATURES))), np.empty(n)
    taken, kept, shares, weighed, older, older_total, log_run, log_older, recent, past, likelihood = kernels.judge(
        behaviors.topics, behaviors.shares, weights,
        regime.topics, regime.shares, regime.weights, regime.older, regime.older_total, regime.log_run,
        regime.log_older, regime.age, regime.since, evidence.recent, evidence.past,
        topics.background, topics.groups, topics.group_background,
        params.alpha, params.hazard, params.beta, params.forget, params.epsilon, params.recent, params.memory,
        trees.feature, trees.threshold, trees.left, trees.right, trees.value, trees.roots, trees.scale, trees.offset,
        alarm, quiet, told, log_odds,
    )  # fmt: skip
    after = BayesState(
        topics=kept,
        shares=shares,
        weights=weighed,
        older=older,
        older_total=older_total,
        log_run=log_run,
        log_older=log_older,
        age=regime.age + taken,
        since=regime.since + taken if regime.age else taken - 1,
    )
    seen_after = EvidenceState(recent, past) if seen else evidence
    return Judged(taken, after, seen_after, log_odds[:taken], told[:taken], likelihood)
