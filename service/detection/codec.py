"""A state as bytes and back: little-endian, typed, versioned, never pickled.

Layout: a fixed header (format, sizes, scalars), then the arrays in the order of `_arrays`, without padding.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.detection.bayes import BayesState
from service.detection.evidence import SERIES, EvidenceState
from service.detection.interest import InterestState
from service.detection.state import PAST_REGIMES, PAST_TOPICS, PastRegime, State, StateError

FORMAT = 2
_HEADER = np.dtype(
    [
        ("magic", "S4"), ("format", "<u2"), ("dim", "<u2"), ("vectors", "<u2"), ("assignments", "<u2"),
        ("surprises", "<u2"), ("topics", "<u2"), ("nearest", "u1"), ("past", "u1"),
        ("has_reference", "?"), ("has_bayes", "?"),
        ("behaviors", "<i8"), ("older_weight", "<f8"), ("older_time", "<f8"), ("older_count", "<i8"),
        ("reference_time", "<f8"), ("older_total", "<f8"), ("log_older", "<f8"), ("age", "<i8"),
        ("since", "<i8"),
    ]
)  # fmt: skip
_MAGIC = b"SWRV"


def encode(state: State) -> bytes:
    """The state as bytes, at most 16 KiB for a layout from `state.layout`."""
    i, b = state.interest, state.bayes
    header = np.zeros((), _HEADER)
    scalars: dict[str, Any] = {
        "magic": _MAGIC, "format": FORMAT, "dim": i.codes.shape[1], "vectors": len(i.codes), "past": len(state.past),
        "surprises": len(state.evidence.recent),
        "has_reference": i.reference is not None, "has_bayes": b is not None, "behaviors": state.behaviors,
        "older_weight": i.older_weight, "older_time": i.older_time, "older_count": i.older_count,
        "reference_time": i.reference_time,
    }  # fmt: skip
    if b is not None:
        scalars |= {
            "assignments": len(b.weights), "topics": len(b.older), "nearest": b.topics.shape[1],
            "older_total": b.older_total, "log_older": b.log_older, "age": b.age, "since": b.since,
        }  # fmt: skip
    for name, value in scalars.items():
        header[name] = value
    values = _values(state)
    parts = [np.ascontiguousarray(values[name], dtype).tobytes() for name, dtype, _ in _arrays(header)]
    return header.tobytes() + b"".join(parts)


def decode(data: bytes) -> State:
    """The state that `encode` wrote.

    Raises:
        StateError: not a state, of another format, or of the wrong length.
    """
    if len(data) < _HEADER.itemsize or data[:4] != _MAGIC:
        raise StateError("not a detector state")
    header = np.frombuffer(data, _HEADER, 1)[0]
    if header["format"] != FORMAT:
        raise StateError(f"state format {header['format']}, this version reads {FORMAT}")
    values, at = dict[str, NDArray[Any]](), _HEADER.itemsize
    for name, dtype, shape in _arrays(header):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if at + size > len(data):
            raise StateError(f"state cut short in {name}")
        # A copy, for it is writable: compiled code would be compiled once more for arrays that are not.
        values[name] = np.frombuffer(data, dtype, int(np.prod(shape)), at).reshape(shape).copy()
        at += size
    if at != len(data) or header["past"] > PAST_REGIMES:
        raise StateError("state longer than its header says")
    return _assemble(header, values)


def _arrays(header: Any) -> Iterator[tuple[str, DTypeLike, tuple[int, ...]]]:  # noqa: ANN401 - a structured scalar
    """Name, type and shape of each array that follows the header."""
    n, dim = int(header["vectors"]), int(header["dim"])
    yield "codes", "i1", (n, dim)
    yield "scales", "<f4", (n,)
    yield "vector_weights", "<f4", (n,)
    yield "times", "<f8", (n,)
    yield "older_sum", "<f4", (dim,)
    if header["has_reference"]:
        yield "reference", "<f4", (dim,)
    if header["has_bayes"]:
        length, m = int(header["assignments"]), int(header["nearest"])
        yield "topics", "<u2", (length, m)
        yield "shares", "<u2", (length, m)
        yield "weights", "<f4", (length,)
        yield "older", "<f4", (int(header["topics"]),)
        yield "log_run", "<f4", (length,)
    yield "surprises", "<f4", (int(header["surprises"]), SERIES)
    yield "past_surprises", "<f4", (SERIES, 4)
    yield "past_topics", "<u2", (int(header["past"]), PAST_TOPICS)
    yield "past_shares", "<f2", (int(header["past"]), PAST_TOPICS)


def _values(state: State) -> dict[str, Any]:
    """The arrays of a state by the names of `_arrays`."""
    i, b = state.interest, state.bayes
    past = state.past
    values: dict[str, Any] = {
        "codes": i.codes, "scales": i.scales, "vector_weights": i.weights, "times": i.times,
        "older_sum": i.older_sum, "reference": i.reference,
        "surprises": state.evidence.recent, "past_surprises": state.evidence.past,
        "past_topics": [regime.topics for regime in past], "past_shares": [regime.shares for regime in past],
    }  # fmt: skip
    if b is not None:
        values |= {"topics": b.topics, "shares": b.shares, "weights": b.weights, "older": b.older, "log_run": b.log_run}
    return values


def _assemble(header: Any, values: dict[str, NDArray[Any]]) -> State:  # noqa: ANN401 - a structured scalar
    interest = InterestState(
        codes=values["codes"],
        scales=values["scales"],
        weights=values["vector_weights"],
        times=values["times"],
        older_sum=values["older_sum"],
        older_weight=float(header["older_weight"]),
        older_time=float(header["older_time"]),
        older_count=int(header["older_count"]),
        reference=values.get("reference"),
        reference_time=float(header["reference_time"]),
    )
    past = tuple(map(PastRegime, values["past_topics"], values["past_shares"]))
    evidence = EvidenceState(values["surprises"], values["past_surprises"])
    state = State(int(header["behaviors"]), interest, None, evidence, past)
    if not header["has_bayes"]:
        return state
    regime = BayesState(
        topics=values["topics"],
        shares=values["shares"],
        weights=values["weights"],
        older=values["older"],
        older_total=float(header["older_total"]),
        log_run=values["log_run"],
        log_older=float(header["log_older"]),
        age=int(header["age"]),
        since=int(header["since"]),
    )
    return replace(state, bayes=regime)
