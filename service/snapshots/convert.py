"""From the detectors' values to what is stored and sent."""

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from service.database.tables import SnapshotRow
from service.detection import explain
from service.detection.detector import Params, Result
from service.detection.rules import Rule
from service.detection.state import State
from service.snapshots.schemas import Change, Interest, Scores, Snapshot, TopicDifference, TopicShare
from service.vectors import Vectors
from service.wire import VectorFormat, to_wire

DIGITS = 6
"""Decimals of figures on the wire: more would be noise of single precision."""

Events = Sequence[tuple[str, datetime]]


def change_of(params: Params, rule: Rule, result: Result, event: tuple[str, datetime] | None) -> Change:
    """The change declared at this result, or the figures as they stand.

    Args:
        params: of the detectors.
        rule: which of them decided.
        result: after the behaviour.
        event: id and time of the first behaviour of the new interest, if a change was declared.
    """
    profile, odds = params.profile, result.log_odds
    calibrated = profile is not None and rule.name == "bayes" and result.threshold == profile.threshold
    return Change(
        probability=None if odds is None else round(_sigmoid(odds), DIGITS),
        log_odds=None if odds is None else round(odds, DIGITS),
        threshold=result.threshold,
        behaviors_per_false_alarm=profile.behaviors_per_false_alarm if profile and calibrated else None,
        detector=rule.name,
        changed_at=event[1] if event else None,
        first_event_id=event[0] if event else None,
        behaviors_since=result.position - result.change.began + 1 if result.change else None,
        kind=result.change.kind if result.change else None,
    )


def scores_of(result: Result) -> Scores:
    """The four distances, rounded."""
    told = result.scores
    return Scores(
        magnitude=round(told.magnitude, DIGITS),
        cosine_distance=round(told.cosine_distance, DIGITS),
        rate_per_day=round(told.rate_per_day, DIGITS),
        window=round(told.window, DIGITS),
    )


def topics_of(params: Params, state: State) -> list[TopicShare]:
    """The leading topics of the present interest; none without a profile."""
    if params.profile is None or state.bayes is None or not state.bayes.age:
        return []
    return [
        TopicShare(topic=item.topic, label=item.label, share=round(item.share, DIGITS))
        for item in explain.leading(params.profile, state.bayes)
    ]


def differences_of(items: Sequence[explain.TopicDifference]) -> list[TopicDifference]:
    """Topics gained or lost, rounded."""
    return [
        TopicDifference(
            topic=item.topic, label=item.label, before=round(item.before, DIGITS), after=round(item.after, DIGITS)
        )
        for item in items
    ]


def interest_of(z: Vectors, z_previous: Vectors | None, encoding: VectorFormat) -> Interest:
    """z, where it came from and which way it went, as vectors on the wire."""
    delta = np.zeros_like(z) if z_previous is None else z - z_previous
    norm = float(np.linalg.norm(delta))
    return Interest(
        dim=len(z),
        z=to_wire(z, encoding),
        z_previous=None if z_previous is None else to_wire(z_previous, encoding),
        delta_z=to_wire(delta, encoding),
        direction=to_wire(delta / norm if norm > 0 else delta, encoding),
    )


def snapshot_of(row: SnapshotRow, vectors: VectorFormat | None) -> Snapshot:
    """A stored row as clients see it; with its vectors if a format for them is given."""
    z = np.frombuffer(row.z, "<f4")
    previous = None if row.z_previous is None else np.frombuffer(row.z_previous, "<f4")
    return Snapshot(
        snapshot_id=row.snapshot_id,
        sequence=row.sequence,
        taken_at=row.taken_at,
        taken_for="change" if row.taken_for == "change" else "request",
        as_of=row.as_of,
        behaviors=row.behaviors,
        status=row.status,
        mutated=row.mutated,
        change=Change.model_validate(row.change),
        scores=Scores.model_validate(row.scores),
        topics=[TopicShare.model_validate(item) for item in row.topics],
        interest=interest_of(z, previous, vectors) if vectors else None,
        model_digest=row.model_digest,
        profile_id=row.profile_id,
    )


def _sigmoid(log_odds: float) -> float:
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-min(log_odds, 700.0)))
    exponential = math.exp(max(log_odds, -700.0))
    return exponential / (1.0 + exponential)
