"""A stored detector state, and what is not in it yet, as people and programs can read it. Nothing is left out."""

import base64
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.detection import bayes, codec, evidence, explain, interest, pending_codec
from service.detection.profile import Profile
from service.detection.reorder import Entry
from service.detection.state import State, StateError

SHARE_UNIT = 65_535.0
"""What shares of topics are stored in units of."""

Json = dict[str, Any]


def readable_state(data: bytes | None, profile: Profile | None, *, half_life: float) -> Json | None:
    """The state that `codec.encode` wrote.

    Args:
        data: its bytes; None where nothing was judged yet.
        profile: that the state was judged by, for labels and shares of topics; None where it is not at hand.
        half_life: of the decay of z, in seconds.

    Returns:
        figures by name, with `data`, the bytes in base64; of a state that this version cannot read, only those.
    """
    if data is None:
        return None
    raw = {"data": base64.b64encode(data).decode("ascii")}
    try:
        state = codec.decode(data)
    except StateError as error:
        return {"unreadable": str(error)} | raw
    return {
        "behaviors": state.behaviors,
        "interest": _interest(state.interest, half_life),
        "regime": None if state.bayes is None else _regime(state.bayes, profile),
        "surprises": _surprises(state.evidence),
        "changes": state.regime,
        "present_began_with_behavior": state.began,
        "earlier_interests": _earlier(state, profile),
    } | raw


def readable_pending(data: bytes | None, profile: Profile | None, *, dim: int) -> Json | None:
    """The behaviours that `pending_codec.encode` wrote.

    They are not in the state yet, since others may come between them.

    Args:
        data: their bytes; None where none was ever kept so.
        profile: that they were judged by; None where there was none, or it is not at hand.
        dim: length of a vector.

    Returns:
        as `readable_state`.
    """
    if data is None:
        return None
    raw = {"data": base64.b64encode(data).decode("ascii")}
    try:
        entries = pending_codec.decode(data, dim, profile.topics if profile else 0)
    except StateError as error:
        return {"unreadable": str(error)} | raw
    return {"behaviors": [_entry(entry) for entry in entries]} | raw


def _entry(entry: Entry) -> Json:
    vector = entry.coded.codes.astype(np.float64) * entry.coded.scale
    return {
        "event_id": entry.event_id,
        "occurred_at": entry.occurred_at.isoformat(),
        "counted_at": entry.counted_at.isoformat(),
        "weight": _number(entry.weight),
        "vector": _numbers(vector),
        "topics": None if entry.topics is None else entry.topics.topics[0].tolist(),
        "shares": None if entry.topics is None else [_number(share / SHARE_UNIT) for share in entry.topics.shares[0]],
        "detector": entry.rule.name,
        "threshold": entry.rule.threshold,
        "alarm": entry.alarm,
        "declared": entry.told,
        "snapshot": entry.snapshot,
    }


def _interest(state: interest.InterestState, half_life: float) -> Json:
    vectors = state.codes.astype(np.float64) * state.scales[:, None]
    has_any = len(state.times) > 0
    return {
        "z": _numbers(interest.vector_of(state, half_life=half_life)) if has_any else None,
        "newest": [
            {"occurred_at": _time(at), "weight": _number(weight), "vector": _numbers(vector)}
            for at, weight, vector in zip(state.times, state.weights, vectors, strict=True)
        ],
        "older": {
            "behaviors": state.older_count,
            "weight": _number(state.older_weight),
            "as_of": _time(state.older_time) if state.older_count else None,
            "sum": _numbers(state.older_sum),
        },
        "z_at_last_snapshot": None if state.reference is None else _numbers(state.reference),
        "last_snapshot_as_of": None if state.reference is None else _time(state.reference_time),
    }


def _regime(state: bayes.BayesState, profile: Profile | None) -> Json:
    return {
        "behaviors": state.age,
        "behaviors_since_declared": state.since,
        "topics": _topics(state, profile),
        "newest": [
            {
                "topics": topics.tolist(),
                "shares": [_number(share / SHARE_UNIT) for share in shares],
                "weight": _number(weight),
                "log_began_here": _number(log_run),
            }
            for topics, shares, weight, log_run in zip(
                state.topics, state.shares, state.weights, state.log_run, strict=True
            )
        ],
        "older": {"counts": _numbers(state.older), "total": _number(state.older_total)},
        "log_began_before": _number(state.log_older),
    }


def _topics(state: bayes.BayesState, profile: Profile | None) -> list[Json] | None:
    if profile is None or len(state.older) != profile.topics:
        return None
    shares = explain.shares(profile, state)
    order = np.argsort(-shares, kind="stable")
    return [{"topic": int(k), "label": profile.labels[k], "share": _number(shares[k])} for k in order]


def _surprises(state: evidence.EvidenceState) -> Json:
    names = [f"surprise_{window}_{level}" for level in evidence.GRANULARITIES for window in evidence.WINDOWS]
    return {
        "newest": [dict(zip(names, _numbers(row), strict=True)) for row in state.recent],
        "usual": {
            name: dict(zip(("count", "mean", "squared_deviations", "least"), _numbers(row), strict=True))
            for name, row in zip(names, state.past, strict=True)
        },
    }


def _earlier(state: State, profile: Profile | None) -> list[Json]:
    return [
        {
            "began_with_behavior": regime.began,
            "ended_before_behavior": regime.ended,
            "topics": [
                {
                    "topic": int(topic),
                    "label": profile.labels[topic] if profile is not None and topic < profile.topics else None,
                    "share": _number(share),
                }
                for topic, share in zip(regime.topics, regime.shares, strict=True)
            ],
        }
        for regime in state.past
    ]


def _numbers(values: NDArray[Any]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    """As JSON can say it: seven significant digits, which is what is stored; null for what is not finite."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).isoformat()
