"""The open behaviours of a window as bytes and back: little-endian, typed, versioned, never pickled.

Layout: a header, a record of fixed size for each behaviour, the codes of their vectors, their topics and shares where
there are any, and their event ids one after the other.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from service.detection.coded import Coded
from service.detection.reorder import MAX_PENDING, Entry
from service.detection.rules import Rule, RuleName
from service.detection.state import StateError
from service.detection.topics import Assignment

FORMAT = 1
_MAGIC = b"SWPN"
_HEADER = np.dtype([("magic", "S4"), ("format", "<u2"), ("count", "<u2"), ("dim", "<u2"), ("nearest", "<u2")])
_RECORD = np.dtype(
    [
        ("occurred_at", "<i8"), ("counted_at", "<i8"),  # microseconds since the epoch
        ("weight", "<f8"), ("threshold", "<f8"),  # NaN: the configured one
        ("scale", "<f4"), ("alarm", "<i4"),  # -1: none
        ("id_bytes", "<u2"), ("rule", "u1"), ("flags", "u1"),
    ]
)  # fmt: skip
_RULES: tuple[RuleName, ...] = get_args(RuleName)
_TOLD, _SNAPSHOT = 1, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def encode(pending: Sequence[Entry]) -> bytes:
    """Open behaviours, in order, as bytes; nothing for none.

    Raises:
        StateError: more than `MAX_PENDING`.
    """
    if not pending:
        return b""
    if len(pending) > MAX_PENDING:
        raise StateError(f"{len(pending)} open behaviours, at most {MAX_PENDING} are kept")
    ids = [entry.event_id.encode() for entry in pending]
    assigned = [entry.topics for entry in pending if entry.topics is not None]
    nearest = assigned[0].topics.shape[1] if assigned else 0
    header = np.array((_MAGIC, FORMAT, len(pending), len(pending[0].coded.codes), nearest), _HEADER)
    records = np.array([_record(entry, len(name)) for entry, name in zip(pending, ids, strict=True)], _RECORD)
    codes = np.stack([entry.coded.codes for entry in pending])
    parts = [header.tobytes(), records.tobytes(), codes.astype("i1").tobytes()]
    if assigned:
        parts += [np.concatenate([one.topics for one in assigned]).astype("<u2").tobytes()]
        parts += [np.concatenate([one.shares for one in assigned]).astype("<u2").tobytes()]
    return b"".join([*parts, *ids])


def decode(data: bytes | None, dim: int, topics: int) -> tuple[Entry, ...]:
    """The behaviours that `encode` was given.

    Args:
        data: the bytes; None where nothing was ever kept open.
        dim: length of a vector.
        topics: K, 0 without a profile.

    Raises:
        StateError: not what `encode` writes, of another format, cut short, or for other vectors or topics.
    """
    if not data:
        return ()
    if len(data) < _HEADER.itemsize or data[:4] != _MAGIC:
        raise StateError("not open behaviours")
    _, version, count, length, nearest = np.frombuffer(data, _HEADER, 1)[0].item()
    if version != FORMAT:
        raise StateError(f"open behaviours of format {version}, this version reads {FORMAT}")
    if not 0 < count <= MAX_PENDING or length != dim or bool(nearest) != bool(topics):
        raise StateError("open behaviours for other vectors or topics")
    values, at = dict[str, NDArray[Any]](), _HEADER.itemsize
    for name, dtype, shape in _arrays(count, length, nearest):
        end = at + math.prod(shape) * np.dtype(dtype).itemsize
        if end > len(data):
            raise StateError(f"open behaviours cut short in {name}")
        # Copied, as in `codec`: compiled code would be compiled once more for arrays that cannot be written.
        values[name] = np.frombuffer(data, dtype, math.prod(shape), at).reshape(shape).copy()
        at = end
    try:
        entries = tuple(_entries(values, data[at:]))
    except (ValueError, OverflowError, IndexError) as error:
        raise StateError(f"open behaviours that cannot be: {error}") from error
    if nearest and int(values["topics"].max()) >= topics:
        raise StateError("open behaviours of topics that the profile has not")
    if any(one.place >= other.place for one, other in pairwise(entries)):
        raise StateError("open behaviours out of order")
    return entries


def _arrays(count: int, dim: int, nearest: int) -> Iterator[tuple[str, DTypeLike, tuple[int, ...]]]:
    """Name, type and shape of each array that follows the header."""
    yield "records", _RECORD, (count,)
    yield "codes", "i1", (count, dim)
    if nearest:
        yield "topics", "<u2", (count, nearest)
        yield "shares", "<u2", (count, nearest)


def _record(entry: Entry, id_bytes: int) -> tuple[Any, ...]:
    threshold = math.nan if entry.rule.threshold is None else entry.rule.threshold
    alarm = -1 if entry.alarm is None else entry.alarm
    flags = _TOLD * entry.told | _SNAPSHOT * entry.snapshot
    return (
        (entry.occurred_at - _EPOCH) // _MICROSECOND, (entry.counted_at - _EPOCH) // _MICROSECOND, entry.weight,
        threshold, entry.coded.scale, alarm, id_bytes, _RULES.index(entry.rule.name), flags,
    )  # fmt: skip


def _entries(values: dict[str, NDArray[Any]], names: bytes) -> Iterator[Entry]:
    """The behaviours of these arrays.

    Raises:
        ValueError: figures or names that no behaviour has; `OverflowError` and `IndexError` likewise.
    """
    assigned = Assignment(values["topics"], values["shares"]) if "topics" in values else None
    at = 0
    scales = values["records"]["scale"]
    for n, record in enumerate(values["records"].tolist()):  # all at once: one by one costs more than the rest
        occurred, counted, weight, threshold, scale, alarm, id_bytes, rule, flags = record
        if not (math.isfinite(weight) and weight >= 0 and math.isfinite(scale)):
            raise ValueError("a weight or a scale that is none")
        yield Entry(
            event_id=_name(names[at : at + id_bytes], id_bytes),
            occurred_at=_EPOCH + timedelta(microseconds=occurred),
            counted_at=_EPOCH + timedelta(microseconds=counted),
            weight=weight,
            coded=Coded(values["codes"][n], scales[n]),
            topics=assigned.at(n) if assigned else None,
            rule=Rule(_RULES[rule], None if math.isnan(threshold) else threshold),
            alarm=None if alarm < 0 else alarm,
            told=bool(flags & _TOLD),
            snapshot=bool(flags & _SNAPSHOT),
        )
        at += id_bytes
    if at != len(names):
        raise ValueError("longer than its records say")


def _name(data: bytes, length: int) -> str:
    if len(data) != length:
        raise ValueError("cut short in the event ids")
    return data.decode()
