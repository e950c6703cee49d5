"""From a detector state to the policy as it is told."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from service.detection.detector import MIN_HISTORY, Params
from service.detection.state import State
from service.policy.posterior import Posture, TopicWeight, posture
from service.policy.schemas import Policy, PolicyStatus, TopicFactor

DIGITS = 6
LONGEST_YEARS = 100
"""Who does something once in a year and is expected to do so 200 times more: an end that far away is none."""


def policy_of(params: Params, state: State, since: datetime | None, as_of: datetime | None) -> Policy:
    """The policy that follows from a state.

    Args:
        params: of the detectors.
        state: after the newest behaviour.
        since: time of the first behaviour of the present regime, where known.
        as_of: time of the newest behaviour; None where there is none.
    """
    if params.profile is None or state.behaviors == 0:
        return _without_topics("new" if state.behaviors == 0 else "uncalibrated", state, since)
    found = posture(params.profile, state)
    return Policy(
        status="warming_up" if state.behaviors < MIN_HISTORY else "ok",
        present=round(found.shares.present, DIGITS),
        long_term=round(found.shares.long_term, DIGITS),
        exploration=round(found.shares.exploration, DIGITS),
        learning_rate=round(found.learning_rate, DIGITS),
        boost=_told(found.boost),
        suppress=_told(found.suppress),
        since=since,
        until=_until(found, state, since, as_of),
    )


def _without_topics(status: PolicyStatus, state: State, since: datetime | None) -> Policy:
    """Of a new user all is the domain's prior; without a profile there is no evidence of topics to weigh it against."""
    known = 1.0 if state.behaviors else 0.0
    return Policy(
        status=status,
        present=known,
        long_term=0.0,
        exploration=1.0 - known,
        learning_rate=1.0 / (state.behaviors + 1.0),
        boost=[],
        suppress=[],
        since=since,
        until=None,
    )


def _told(topics: Sequence[TopicWeight]) -> list[TopicFactor]:
    return [
        TopicFactor(
            topic=one.topic,
            label=one.label,
            share=round(one.share, DIGITS),
            usual=round(one.usual, DIGITS),
            factor=round(one.factor, DIGITS),
        )
        for one in topics
    ]


def _until(found: Posture, state: State, since: datetime | None, as_of: datetime | None) -> datetime | None:
    behaviors = state.behaviors - state.began
    if since is None or as_of is None or behaviors < 2 or as_of <= since:
        return None
    lasting = (as_of - since).total_seconds() / (behaviors - 1) * found.remaining
    longest = timedelta(days=365.25 * LONGEST_YEARS)
    if lasting > longest.total_seconds() or as_of > datetime.max.replace(tzinfo=UTC) - longest:
        return None
    return as_of + timedelta(seconds=lasting)
