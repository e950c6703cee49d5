"""Where the time of one request went: told to its client in `Server-Timing`, to the metrics, and to the trace.

https://www.w3.org/TR/server-timing/ — the phases do not overlap within a request, so that what is left of `total` is
the framework's: parsing, checking, writing JSON.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple, get_args

Phase = Literal["queue", "tokenize", "encode", "detect", "database"]
"""Waiting for the encoder, tokenizing, running the model, judging, and Postgres with the wait for a connection."""

PHASES: tuple[Phase, ...] = get_args(Phase)


MAX_INTERVALS = 200
"""A request with a thousand users in it need not leave a thousand spans."""


class Interval(NamedTuple):
    """When a request was in a phase, in seconds on `time.perf_counter`."""

    phase: Phase
    began: float
    ended: float


class Timings:
    """Seconds by phase, since it was made.

    Attributes:
        intervals: the first `MAX_INTERVALS` of what was counted, one by one, in the order in which they ended.
    """

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = dict.fromkeys(PHASES, 0.0)
        self.intervals: list[Interval] = []

    @property
    def seconds(self) -> Mapping[str, float]:
        """Of every phase; 0 where nothing was counted to it."""
        return self._seconds

    def add(self, phase: Phase, seconds: float, ended: float) -> None:
        """Count more time to a phase, which ended then on `time.perf_counter`."""
        self._seconds[phase] += seconds
        if len(self.intervals) < MAX_INTERVALS:
            self.intervals.append(Interval(phase, ended - seconds, ended))

    def header(self) -> str:
        """The value of `Server-Timing`, in milliseconds: every phase, and the total up to now.

        Example:
            >>> Timings().header().startswith("queue;dur=0.000, tokenize;dur=0.000, encode;dur=0.000")
            True
        """
        entries = {**self._seconds, "total": time.perf_counter() - self._began}
        return ", ".join(f"{name};dur={seconds * 1000:.3f}" for name, seconds in entries.items())


_current: ContextVar[Timings | None] = ContextVar("timings", default=None)


@contextmanager
def timed_request() -> Iterator[Timings]:
    """Timings that whatever runs inside counts to."""
    timings = Timings()
    token = _current.set(timings)
    try:
        yield timings
    finally:
        _current.reset(token)


def count(phase: Phase, seconds: float) -> None:
    """Count time that ends now to the request that this runs for; without one, nothing happens."""
    timings = _current.get()
    if timings is not None:
        timings.add(phase, seconds, time.perf_counter())


def count_in_turn(spent: Mapping[Phase, float]) -> None:
    """Count phases that followed one another, the last of which ends now."""
    timings = _current.get()
    if timings is not None:
        ends = time.perf_counter() - sum(spent.values())
        for phase, seconds in spent.items():
            ends += seconds
            timings.add(phase, seconds, ends)


@contextmanager
def phase(name: Phase) -> Iterator[None]:
    """Count the time inside to a phase of the request that this runs for."""
    began = time.perf_counter()
    try:
        yield
    finally:
        count(name, time.perf_counter() - began)
