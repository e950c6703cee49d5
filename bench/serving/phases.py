"""Where a request's time goes, from what the service says in `Server-Timing` and what the client waited."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.serving.load import Outcome

PHASES = ("queue", "tokenize", "encode", "detect", "database")
LABELS = {
    "queue": "waiting for the encoder",
    "tokenize": "tokenizing",
    "encode": "running the model",
    "detect": "judging",
    "database": "Postgres, with the wait for a connection",
    "framework": "parsing, checking, writing JSON, framework",
    "transport": "HTTP server, sockets, client",
}
"""The phases that the service tells, then what is left: of its own total, and of the client's wait beyond that."""
_ENTRY = re.compile(r"([\w-]+)\s*;\s*dur=([0-9.]+)")


def parse(header: str) -> dict[str, float]:
    """Milliseconds by name, of a `Server-Timing` header."""
    return {name: float(duration) for name, duration in _ENTRY.findall(header)}


def breakdown(latency_ms: float, told: dict[str, float]) -> dict[str, float]:
    """The latency of one request in parts that add up to it.

    Args:
        latency_ms: as the client saw it.
        told: what `parse` gave; without a total, all that no phase explains counts as transport.
    """
    parts = {name: told.get(name, 0.0) for name in PHASES}
    inside = sum(parts.values())
    total = told.get("total", inside)
    return {**parts, "framework": total - inside, "transport": latency_ms - total}


def mean_breakdown(outcomes: Sequence[Outcome]) -> dict[str, float] | None:
    """The mean over all good answers that say where their time went: means add up, medians do not. None of none."""
    rows = [
        breakdown(1000 * float(outcome.latency[n]), parse(outcome.server_timing[n]))
        for outcome in outcomes
        for n in np.flatnonzero(outcome.good)
        if outcome.server_timing[n]
    ]
    if not rows:
        return None
    return {name: float(np.mean([row[name] for row in rows])) for name in LABELS}


def table(columns: dict[str, dict[str, float] | None]) -> list[str]:
    """Markdown of breakdowns side by side, by title, with their sums."""
    known = {title: parts for title, parts in columns.items() if parts is not None}
    if not known:
        return ["The service sent no `Server-Timing`, so that nothing can be said of where the time goes.", ""]
    lines = [f"| ms, mean | {' | '.join(known)} |", f"| --- |{' --- |' * len(known)}"]
    lines += [_row(label, [parts[name] for parts in known.values()]) for name, label in LABELS.items()]
    return [*lines, _row("**sum: the client's latency**", [sum(parts.values()) for parts in known.values()]), ""]


def _row(label: str, values: Sequence[float]) -> str:
    return f"| {label} | " + " | ".join(f"{value:.2f}" for value in values) + " |"


def verdict(*, met: bool) -> str:
    """Of a target, in a table or a sentence."""
    return "met" if met else "**missed**"


Figures = dict[str, Any]
"""JSON-ready."""
