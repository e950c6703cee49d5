"""Why a change was declared: which behaviours carry it, and which topics were gained and lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection.bayes import BayesState, counts, predictive
from service.detection.profile import Profile
from service.detection.topics import Assignment

SMALLEST_DIFFERENCE = 0.01
"""Differences of a topic's share below this are noise to a reader."""
MOST_TOPICS = 5


@dataclass(frozen=True, slots=True)
class TopicShare:
    """A topic and its share of the present regime, 0 to 1."""

    topic: int
    label: str
    share: float


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """A topic's share, 0 to 1, in the regime before and in the one after."""

    topic: int
    label: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one behaviour adds to the log-odds of a change.

    Attributes:
        position: of the behaviour in the user's stream, from 0; None for what no behaviour adds: the prior (the
            hazard), how sharply the beginning is known, and what the fusion makes of the other evidence.
        log_odds: in nats. All contributions of a change add up to its log-odds.
    """

    position: int | None
    log_odds: float


def contributions(profile: Profile, state: BayesState, run: int, log_odds: float, newest: int) -> list[Contribution]:
    """Split the log-odds of a change over the behaviours of the new run.

    With A_i the evidence of all runs that began before the change, after behaviour i, and B_i that of the run that
    began with it, behaviour i contributes (log B_i - log B_{i-1}) - (log A_i - log A_{i-1}): a log-ratio of two
    predictives. What is left of the log-odds is no behaviour's.

    Args:
        profile: the topics and numbers.
        state: after the newest behaviour, its older hypotheses not yet dropped.
        run: length of the new run in behaviours.
        log_odds: of the change.
        newest: position of the newest behaviour.

    Returns:
        the part that is no behaviour's, then one a behaviour, oldest first.
    """
    old_logs = np.append(state.log_run[run:].astype(np.float64), state.log_older)
    ratios = [_ratios(profile, state, index) for index in range(run)]
    # Entry j - i - 1 of i's predictive is that of a run which began with kept behaviour j.
    before = old_logs - sum(ratios[index][run - index - 1 :] for index in range(run))
    parts: list[Contribution] = []
    for index in reversed(range(run)):
        after = before + ratios[index][run - index - 1 :]
        old = np.logaddexp.reduce(after) - np.logaddexp.reduce(before)
        new = 0.0 if index == run - 1 else ratios[index][run - index - 2]
        parts.append(Contribution(newest - index, float(new - old)))
        before = after
    prior = log_odds - sum(part.log_odds for part in parts)
    return [Contribution(None, prior), *parts]


def _ratios(profile: Profile, state: BayesState, index: int) -> NDArray[np.float64]:
    """Log-ratio of kept behaviour `index` under each run that began before it, the oldest last."""
    kept, older = predictive(
        profile.params,
        profile.background,
        state,
        Assignment(state.topics[index : index + 1], state.shares[index : index + 1]),
        float(state.weights[index]),
        skip=index + 1,
    )
    return np.append(kept, older)


def shares(profile: Profile, state: BayesState, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
    """Posterior mean shares (k,) of a regime made of kept behaviours start to stop, newest first."""
    evidence = counts(profile.params, state, start, stop)
    alpha = profile.params.alpha
    return np.asarray((alpha * profile.background + evidence) / (alpha + evidence.sum()), np.float64)


def leading(profile: Profile, state: BayesState) -> list[TopicShare]:
    """The topics with the largest shares of the present regime, by how much they exceed the background."""
    present = shares(profile, state)
    order = np.argsort(profile.background - present, kind="stable")[:MOST_TOPICS]
    return [
        TopicShare(int(k), profile.labels[k], float(present[k]))
        for k in order
        if present[k] - profile.background[k] > SMALLEST_DIFFERENCE
    ]


def differences(
    profile: Profile, before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[list[TopicDifference], list[TopicDifference]]:
    """Topics gained and topics lost between two regimes' shares (k,), the largest differences first."""
    change = after - before
    order = np.argsort(-np.abs(change), kind="stable")
    told = [
        TopicDifference(int(k), profile.labels[k], float(before[k]), float(after[k]))
        for k in order
        if abs(change[k]) > SMALLEST_DIFFERENCE
    ]
    gained = [item for item in told if item.after > item.before]
    lost = [item for item in told if item.after < item.before]
    return gained[:MOST_TOPICS], lost[:MOST_TOPICS]
