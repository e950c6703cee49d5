"""A state as bytes and back: little-endian, typed, versioned, never pickled.

Layout: a fixed header (format, sizes, scalars), then the arrays in the order of `_arrays`, without padding.

States of format 2 are read, too. They do not know when earlier regimes began and ended: the time before the present
one is divided among them evenly.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.detection.bayes import BayesState
from service.detection.evidence import LAG, SERIES, EvidenceState
from service.detection.interest import InterestState
from service.detection.state import PAST_REGIMES, PAST_TOPICS, PastRegime, State, StateError

FORMAT = 3
WITHOUT_BOUNDS = 2
_FIELDS = [
    ("magic", "S4"), ("format", "<u2"), ("dim", "<u2"), ("vectors", "<u2"), ("assignments", "<u2"),
    ("surprises", "<u2"), ("topics", "<u2"), ("nearest", "u1"), ("past", "u1"),
    ("has_reference", "?"), ("has_bayes", "?"),
    ("behaviors", "<i8"), ("older_weight", "<f8"), ("older_time", "<f8"), ("older_count", "<i8"),
    ("reference_time", "<f8"), ("older_total", "<f8"), ("log_older", "<f8"), ("age", "<i8"),
    ("since", "<i8"),
]  # fmt: skip
_HEADER = np.dtype([*_FIELDS, ("regime", "<i8"), ("began", "<i8")])
_HEADERS = {WITHOUT_BOUNDS: np.dtype(_FIELDS), FORMAT: _HEADER}
_NAMES = _HEADER.names or ()
_MAGIC = b"SWRV"
_PREFIX_BYTES = 6  # magic and format
_COUNTS = ("behaviors", "older_count", "age", "since", "regime", "began")

Header = Mapping[str, Any]


def encode(state: State) -> bytes:
    """The state as bytes, at most 16 KiB for a layout from `state.layout`."""
    i, b = state.interest, state.bayes
    scalars: dict[str, Any] = {
        "magic": _MAGIC, "format": FORMAT, "dim": i.codes.shape[1], "vectors": len(i.codes), "past": len(state.past),
        "surprises": len(state.evidence.recent),
        "has_reference": i.reference is not None, "has_bayes": b is not None, "behaviors": state.behaviors,
        "older_weight": i.older_weight, "older_time": i.older_time, "older_count": i.older_count,
        "reference_time": i.reference_time, "regime": state.regime, "began": state.began,
    }  # fmt: skip
    if b is not None:
        scalars |= {
            "assignments": len(b.weights), "topics": len(b.older), "nearest": b.topics.shape[1],
            "older_total": b.older_total, "log_older": b.log_older, "age": b.age, "since": b.since,
        }  # fmt: skip
    header = dict.fromkeys(_NAMES, 0) | scalars
    values = _values(state)
    parts = [np.ascontiguousarray(values[name], dtype).tobytes() for name, dtype, _ in _arrays(header)]
    return np.array(tuple(header.values()), _HEADER).tobytes() + b"".join(parts)


def decode(data: bytes) -> State:
    """The state that `encode` wrote.

    Raises:
        StateError: not a state, of another format, of the wrong length, or with figures that no state can have.
    """
    header, at = _read_header(data)
    values = dict[str, NDArray[Any]]()
    for name, dtype, shape in _arrays(header):
        count = math.prod(shape)
        end = at + count * np.dtype(dtype).itemsize
        if end > len(data):
            raise StateError(f"state cut short in {name}")
        # A copy, for it is writable: compiled code would be compiled once more for arrays that are not.
        values[name] = np.frombuffer(data, dtype, count, at).reshape(shape).copy()
        at = end
    if at != len(data) or header["past"] > PAST_REGIMES or header["surprises"] > LAG:
        raise StateError("state longer than its header says")
    if header["format"] == WITHOUT_BOUNDS:
        header, bounds = _estimated(header)
        values["past_bounds"] = bounds
    _check_ranges(header, values)
    return _assemble(header, values)


def _read_header(data: bytes) -> tuple[Header, int]:
    """The header, and where the arrays begin."""
    if len(data) < _PREFIX_BYTES or data[:4] != _MAGIC:
        raise StateError("not a detector state")
    written = int.from_bytes(data[4:_PREFIX_BYTES], "little")
    layout = _HEADERS.get(written)
    if layout is None:
        raise StateError(f"state format {written}, this version reads {WITHOUT_BOUNDS} to {FORMAT}")
    if len(data) < layout.itemsize:
        raise StateError("state cut short in its header")
    values = np.frombuffer(data, layout, 1)[0].item()
    return dict(zip(layout.names or (), values, strict=True)), layout.itemsize


def _estimated(header: Header) -> tuple[Header, NDArray[np.int64]]:
    """What format 2 does not say: number and beginning of the present regime, and the bounds of the earlier ones.

    As many have ended as are remembered, and the time before the present one was theirs in equal parts.
    """
    past = header["past"]
    began = max(header["behaviors"] - header["age"], 0) if past and header["has_bayes"] else 0
    edges = [began * n // max(past, 1) for n in range(past, -1, -1)]
    bounds = np.array(list(zip(edges[1:], edges[:-1], strict=True)), np.int64).reshape(past, 2)
    return {**header, "regime": past, "began": began}, bounds


def _check_ranges(header: Header, values: Mapping[str, NDArray[Any]]) -> None:
    """Refuse what compiled code would take for granted: it looks topics up without asking whether they exist."""
    if min(header[name] for name in _COUNTS) < 0:
        raise StateError("state with a negative count")
    if "topics" in values and values["topics"].size and values["topics"].max() >= header["topics"]:
        raise StateError("state with a topic that does not exist")


def _arrays(header: Header) -> Iterator[tuple[str, DTypeLike, tuple[int, ...]]]:
    """Name, type and shape of each array that follows the header."""
    n, dim = header["vectors"], header["dim"]
    yield "codes", "i1", (n, dim)
    yield "scales", "<f4", (n,)
    yield "vector_weights", "<f4", (n,)
    yield "times", "<f8", (n,)
    yield "older_sum", "<f4", (dim,)
    if header["has_reference"]:
        yield "reference", "<f4", (dim,)
    if header["has_bayes"]:
        length, m = header["assignments"], header["nearest"]
        yield "topics", "<u2", (length, m)
        yield "shares", "<u2", (length, m)
        yield "weights", "<f4", (length,)
        yield "older", "<f4", (header["topics"],)
        yield "log_run", "<f4", (length,)
    yield "surprises", "<f4", (header["surprises"], SERIES)
    yield "past_surprises", "<f4", (SERIES, 4)
    yield "past_topics", "<u2", (header["past"], PAST_TOPICS)
    yield "past_shares", "<f2", (header["past"], PAST_TOPICS)
    if header["format"] != WITHOUT_BOUNDS:
        yield "past_bounds", "<i8", (header["past"], 2)


def _values(state: State) -> dict[str, Any]:
    """The arrays of a state by the names of `_arrays`."""
    i, b = state.interest, state.bayes
    past = state.past
    values: dict[str, Any] = {
        "codes": i.codes, "scales": i.scales, "vector_weights": i.weights, "times": i.times,
        "older_sum": i.older_sum, "reference": i.reference,
        "surprises": state.evidence.recent, "past_surprises": state.evidence.past,
        "past_topics": [regime.topics for regime in past], "past_shares": [regime.shares for regime in past],
        "past_bounds": [(regime.began, regime.ended) for regime in past],
    }  # fmt: skip
    if b is not None:
        values |= {"topics": b.topics, "shares": b.shares, "weights": b.weights, "older": b.older, "log_run": b.log_run}
    return values


def _assemble(header: Header, values: dict[str, NDArray[Any]]) -> State:
    interest = InterestState(
        codes=values["codes"],
        scales=values["scales"],
        weights=values["vector_weights"],
        times=values["times"],
        older_sum=values["older_sum"],
        older_weight=header["older_weight"],
        older_time=header["older_time"],
        older_count=header["older_count"],
        reference=values.get("reference"),
        reference_time=header["reference_time"],
    )
    bounds = values["past_bounds"].tolist()
    past = tuple(
        PastRegime(topics, shares, began, ended)
        for topics, shares, (began, ended) in zip(values["past_topics"], values["past_shares"], bounds, strict=True)
    )
    evidence = EvidenceState(values["surprises"], values["past_surprises"])
    state = State(header["behaviors"], interest, None, evidence, past, header["regime"], header["began"])
    if not header["has_bayes"]:
        return state
    regime = BayesState(
        topics=values["topics"],
        shares=values["shares"],
        weights=values["weights"],
        older=values["older"],
        older_total=header["older_total"],
        log_run=values["log_run"],
        log_older=header["log_older"],
        age=header["age"],
        since=header["since"],
    )
    return replace(state, bayes=regime)
