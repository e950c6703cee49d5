"""Five minutes of load and faults, and the reckoning after them."""

import asyncio
import itertools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from bench.faults.faults import FAULTS, Happened, go_through
from bench.faults.system import System, running
from bench.faults.traffic import NO_ANSWER, Client, Ledger, crowd, sessions, story
from bench.faults.verify import Reckoning, reckon
from service.encoder import read_manifest
from service.profiles import profile_for

CLIENTS, USERS, SHARED = 12, 8, 4
RATE = 4.0
"""Requests a second of each client: together far from what two cores answer, so that a backlog is worked off."""
PROBE_RATE = 10.0
CALM_S = 10.0
"""Between the end of one fault and the next, so that there is a before and an after."""
WINDOW_S = 5.0
"""How long before a fault, and after the end of one, latencies are counted."""

Figures = dict[str, Any]


async def measure(model: Path, minutes: float, progress: Callable[[str], None]) -> Figures:
    """Go through the faults in turn for so long, under load, and reckon up.

    Args:
        model: exported model folder.
        minutes: of load.
        progress: told what is going on.
    """
    with tempfile.TemporaryDirectory(prefix="swerve-faults-") as folder, running(Path(folder), model) as system:
        ledger = Ledger()
        happened = await _load_and_faults(system, texts_for(model), ledger, 60 * minutes, progress)
        progress("sending every acknowledged behaviour again")
        async with sessions(system.url) as session:
            found = await reckon(session, ledger)
    return figures_of(ledger, happened, found)


def texts_for(model: Path) -> Sequence[str]:
    """The labels of the topics: real words, and at hand.

    Raises:
        ValueError: the shipped profile does not fit the model.
    """
    profile = profile_for(read_manifest(model).space, None)
    if profile is None:
        raise ValueError("needs the default model, which the shipped profile fits")
    return profile.labels


async def _load_and_faults(
    system: System, texts: Sequence[str], ledger: Ledger, seconds: float, progress: Callable[[str], None]
) -> list[Happened]:
    clients = [
        *crowd(ledger, texts, clients=CLIENTS, users=USERS, shared=SHARED, rate=RATE),
        # One that does not wait for Retry-After, so that it is soon known when requests are answered again.
        Client([story("probe", texts)], ledger, PROBE_RATE, heeds=False),
    ]
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(sessions(system.url))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        for client in clients:
            group.create_task(client.run(session, stop))
        happened = await _faults(system, ledger, session, seconds, progress)
        stop.set()
    return happened


async def _faults(
    system: System, ledger: Ledger, session: aiohttp.ClientSession, seconds: float, progress: Callable[[str], None]
) -> list[Happened]:
    happened: list[Happened] = []
    for kind in itertools.cycle(FAULTS):
        await asyncio.sleep(min(CALM_S, max(0.0, seconds - ledger.now())))
        if ledger.now() >= seconds:
            return happened
        happened.append(await go_through(kind, system, ledger, session))
        took = happened[-1].answered - happened[-1].at
        progress(f"{happened[-1].at:.0f} s: {FAULTS[kind].title}; answered again after {took:.2f} s")
    raise AssertionError("a cycle ends")


def figures_of(ledger: Ledger, happened: Sequence[Happened], found: Reckoning) -> Figures:
    """Everything that was measured, ready for JSON."""
    statuses = ledger.statuses
    return {
        "seconds": round(ledger.acknowledged[-1].done, 1),
        "clients": CLIENTS,
        "requests_per_second": CLIENTS * RATE + PROBE_RATE,
        "attempts": sum(statuses.values()),
        "acknowledged": statuses[200],
        "refused": statuses[503],
        "unanswered": statuses[NO_ANSWER],
        "reckoning": asdict(found),
        "kinds": {kind: _of_kind(kind, ledger, happened) for kind in FAULTS},
        "faults": [asdict(one) for one in happened],
        "by_second": _by_second(ledger),
    }


def _of_kind(kind: str, ledger: Ledger, happened: Sequence[Happened]) -> Figures:
    ours = [one for one in happened if one.kind == kind]
    windows = {
        "before": [(one.at - WINDOW_S, one.at) for one in ours],
        "during": [(one.at, one.answered) for one in ours],
        "after": [(one.answered, one.answered + WINDOW_S) for one in ours],
    }
    return {
        "times": len(ours),
        "answered_after": [round(one.answered - one.at, 3) for one in ours],
        "ready_after": [round(one.ready - one.at, 3) for one in ours],
        "p99_ms": {name: _p99(ledger, spans) for name, spans in windows.items()},
    }


def _p99(ledger: Ledger, spans: Sequence[tuple[float, float]]) -> float | None:
    """Of requests that were due within the spans: from then until they were acknowledged, with all their resendings."""
    waits = [one.done - one.due for one in ledger.acknowledged if any(start <= one.due < end for start, end in spans)]
    return round(1000 * float(np.quantile(waits, 0.99)), 1) if waits else None


def _by_second(ledger: Ledger) -> Figures:
    """Acknowledgements, and the longest wait, by the second in which each request was due."""
    seconds = int(ledger.acknowledged[-1].done) + 1
    counts, longest = np.zeros(seconds, int), np.zeros(seconds)
    for one in ledger.acknowledged:
        counts[int(one.done)] += 1
        longest[int(one.due)] = max(longest[int(one.due)], one.done - one.due)
    return {"acknowledged": counts.tolist(), "longest_wait_s": np.round(longest, 4).tolist()}
