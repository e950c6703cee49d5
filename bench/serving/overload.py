"""Three times as much as the service can do: what is still done in time, and how the rest is refused."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import psutil  # type: ignore[import-untyped]  # ships no types
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.serving.bodies import VARIANTS, Bodies, drawn, users
from bench.serving.load import Load, Outcome, Request, generator, quantiles_ms
from bench.serving.phases import Figures, parse, verdict
from bench.serving.postgres import postgres
from bench.serving.service_process import Running, service_process
from bench.serving.setting import Setting

TITLE = "Overload"

DEADLINE_S = 2.0
TIMES = 3
KEPT = 0.9
"""Goodput under overload, by the peak, at least."""
IN_TIME = 0.99
"""Share of the admitted requests that keep their deadline, at least."""
REFUSED_MS = 10.0
"""A refusal's median, at most."""
GROWTH = 1.1
"""Resident memory at the end, by that after the first quarter, at most."""
LEVELS = {20: (1, 2, 4, 8, 16), 1: (4, 16, 32, 64, 128)}
"""Connections at which the capacity is looked for, by texts a request."""
USERS = 2_000
MOST_REQUESTS_A_SECOND = {20: 250, 1: 2_500}
"""More than a service on a CPU answers, by texts a request: a closed loop must not run out of requests."""
SETTINGS: Sequence[dict[str, str]] = ({}, {"encoder_max_wait_seconds": "0.5"})
"""Tried in this order until one meets every target. The first are the service's defaults."""
NO_CACHE = {"encoder_cache_texts": "0"}
"""There are not as many different texts as a minute of overload takes; without a cache every text is new."""


def measure(setting: Setting) -> Figures:
    """The capacity and then the overload, for requests of 20 texts and of one."""
    return {
        "deadline_seconds": DEADLINE_S,
        "times": TIMES,
        "cases": [_case(setting, texts) for texts in LEVELS],
    }


def _case(setting: Setting, texts: int) -> Figures:
    tried = []
    for settings in SETTINGS:
        setting.progress(f"{texts} text{'s' * (texts > 1)} a request, settings {settings or 'by default'}")
        tried.append({"settings": settings | NO_CACHE, **_overloaded(setting, texts, settings)})
        if all(targets(tried[-1]).values()):
            break
    return {"texts": texts, "tried": tried}


def _overloaded(setting: Setting, texts: int, settings: dict[str, str]) -> Figures:
    with (
        postgres() as database,
        service_process(setting.model, database, **settings, **NO_CACHE) as ours,
        generator() as load,
    ):
        _level(setting, load, ours, texts, connections=4, name="warm")
        levels = [_level(setting, load, ours, texts, connections=connections) for connections in LEVELS[texts]]
        peak = max(level["goodput"] for level in levels)
        if not peak:
            raise RuntimeError(f"nothing was answered in time at any level: {levels}")
        seconds = setting.lasting(60)
        setting.progress(f"capacity {peak:.0f} a second; offering {TIMES * peak:.0f} for {seconds:g} s")
        requests = _requests(setting, texts, int(TIMES * peak * seconds) + 1, "overload")
        with _memory_of(ours.pid) as memory:
            outcome = load.open(ours.url, requests, rate=TIMES * peak, seconds=seconds, deadline=DEADLINE_S)
        return {"levels": levels, "peak": peak, **figures_of(outcome, seconds), "memory": memory.figures()}


def _requests(setting: Setting, texts: int, number: int, name: str) -> list[Request]:
    """Each asks for the small parts only: the encoder is to be the bottleneck, not the writing of vectors."""
    bodies, ids = Bodies(name), users(USERS)
    pool = drawn(setting.random, setting.texts, number * texts)
    return [
        bodies.detect(ids[n % USERS], pool[n * texts : (n + 1) * texts], VARIANTS["nothing"]) for n in range(number)
    ]


def _level(
    setting: Setting, load: Load, ours: Running, texts: int, *, connections: int, name: str = "level"
) -> Figures:
    seconds = setting.lasting(4)
    requests = _requests(setting, texts, int(MOST_REQUESTS_A_SECOND[texts] * seconds), f"{name}-{connections}")
    outcome = load.closed(ours.url, requests, connections=connections, seconds=seconds, deadline=DEADLINE_S)
    return {
        "connections": connections,
        "goodput": round(outcome.goodput, 1),
        "latency_ms": quantiles_ms(outcome.latency[outcome.good]),
        "statuses": outcome.statuses(),
    }


def figures_of(outcome: Outcome, seconds: float) -> Figures:
    """What the overload did.

    Args:
        outcome: of the open loop.
        seconds: that it was sending.
    """
    refused = outcome.status == 503
    # Only what the service took on and did not do in time; what broke or failed otherwise is counted by status.
    admitted = ~refused
    inside = [parse(header)["total"] / 1000 for n, header in enumerate(outcome.server_timing) if refused[n] and header]
    by_second = outcome.goodput_by_second(seconds)
    return {
        "seconds": seconds,
        "offered_per_second": round(len(outcome.status) / seconds, 1),
        "goodput": round(float(outcome.good.sum()) / seconds, 1),
        "goodput_by_second": by_second,
        "statuses": outcome.statuses(),
        "admitted": int(admitted.sum()),
        "admitted_in_time": float(outcome.good.sum() / admitted.sum()) if admitted.any() else None,
        "admitted_ms": quantiles_ms(outcome.latency[admitted]),
        "refused": int(refused.sum()),
        "refused_with_retry_after": _share_with(outcome.retry_after, refused),
        # From when it was sent: that the generator was late is not the service's refusal.
        "refused_ms": quantiles_ms((outcome.latency - outcome.lag)[refused]),
        "refused_in_service_ms": quantiles_ms(np.asarray(inside)),
        "generator_lag_ms": quantiles_ms(outcome.lag),
        "generator_cpu": round(outcome.cpu, 2),
    }


def _share_with(retry_after: Sequence[str], refused: NDArray[np.bool_]) -> float | None:
    told = [value.isdigit() and int(value) >= 1 for value, was in zip(retry_after, refused, strict=True) if was]
    return sum(told) / len(told) if told else None


@dataclass
class _Memory:
    """Resident memory of a process, a reading a second."""

    process: psutil.Process
    ended: threading.Event = field(default_factory=threading.Event)
    mib: list[float] = field(default_factory=list)

    def watch(self) -> None:
        while not self.ended.is_set():
            self.mib.append(self.process.memory_info().rss / 2**20)
            self.ended.wait(1.0)

    def figures(self) -> Figures:
        return {"mib_by_second": [round(one, 1) for one in self.mib], "growth": growth(self.mib)}


def growth(readings: Sequence[float]) -> float | None:
    """The median of the last quarter by that of the second: the first is the way up. None of too few readings."""
    quarter = len(readings) // 4
    if not quarter:
        return None
    return float(np.median(readings[-quarter:]) / np.median(readings[quarter : 2 * quarter]))


@contextmanager
def _memory_of(pid: int) -> Iterator[_Memory]:
    memory = _Memory(psutil.Process(pid))
    watcher = threading.Thread(target=memory.watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        memory.ended.set()
        watcher.join()


def targets(tried: dict[str, Any]) -> dict[str, bool]:
    """Whether each target was met, by what it asks."""
    in_time, refused, grown = tried["admitted_in_time"], tried["refused_ms"], tried["memory"]["growth"]
    return {
        f"goodput at least {KEPT:g} of the peak": tried["goodput"] >= KEPT * tried["peak"],
        f"at least {IN_TIME:.0%} of the admitted in time": in_time is not None and in_time >= IN_TIME,
        "every refusal says Retry-After": tried["refused_with_retry_after"] == 1,
        f"a refusal's p50 below {REFUSED_MS:g} ms": refused is not None and refused["p50"] < REFUSED_MS,
        f"memory grows by less than {GROWTH - 1:.0%}": grown is not None and grown < GROWTH,
    }


def section(figures: Figures) -> list[str]:
    """A table for each size of request, with every target."""
    lines = [
        (
            f"The capacity is the most answers a second that a closed loop got within {DEADLINE_S:g} s. Then "
            f"{TIMES} times as many requests are offered, at fixed times, by clients that give up after "
            f"{DEADLINE_S:g} s. Goodput counts answers of 200 in time. A refusal is a 503. The encoder's cache is off, "
            "so that every text is new."
        ),
        "",
    ]
    for case in figures["cases"]:
        lines += [f"### {case['texts']} new text{'s' * (case['texts'] > 1)} a request", ""]
        for tried in case["tried"]:
            lines += _tried(tried)
    return lines


def _tried(tried: Figures) -> list[str]:
    given = ", ".join(f"`SWERVE_{name.upper()}={value}`" for name, value in tried["settings"].items())
    lines = [
        f"With {given}, all other settings by default:",
        "",
        "| what | measured |",
        "| --- | --- |",
        f"| capacity, requests a second | {tried['peak']:.1f} |",
        f"| offered, requests a second for {tried['seconds']:g} s | {tried['offered_per_second']:.1f} |",
        f"| goodput, requests a second | {tried['goodput']:.1f} ({tried['goodput'] / tried['peak']:.0%} of the peak) |",
        f"| admitted, of them in time | {tried['admitted']:,}, {_share(tried['admitted_in_time'])} |",
        f"| admitted, ms | {_latencies(tried['admitted_ms'])} |",
        f"| refused, of them with Retry-After | {tried['refused']:,}, {_share(tried['refused_with_retry_after'])} |",
        f"| refused, ms at the client | {_latencies(tried['refused_ms'])} |",
        f"| refused, ms in the service | {_latencies(tried['refused_in_service_ms'])} |",
        f"| sent late by, ms | {_latencies(tried['generator_lag_ms'])} |",
        f"| answers by status (0: none in time) | {_counts(tried['statuses'])} |",
        f"| resident memory, last quarter by second quarter | {_ratio(tried['memory']['growth'])} |",
        f"| the generator's share of a core | {tried['generator_cpu']:.2f} |",
        "",
        "| target | |",
        "| --- | --- |",
    ]
    return [*lines, *(f"| {asked} | {verdict(met=met)} |" for asked, met in targets(tried).items()), ""]


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _ratio(value: float | None) -> str:
    return "too short to tell" if value is None else f"{value:.2f}"


def _latencies(told: dict[str, float] | None) -> str:
    return "none" if told is None else ", ".join(f"{name} {value:.1f}" for name, value in told.items())


def _counts(statuses: dict[str, int]) -> str:
    return ", ".join(f"{status}: {count:,}" for status, count in statuses.items())


def draw(figures: Figures, folder: Path) -> list[str]:
    """Goodput over time under overload, beside the peak, and resident memory."""
    cases = figures["cases"]
    figure = Figure(figsize=(5.2 * len(cases), 4.6), layout="constrained")
    panels = figure.subplots(2, len(cases), squeeze=False, sharex="col")
    for case, (goodput, memory) in zip(cases, panels.T, strict=True):
        tried = case["tried"][-1]
        goodput.plot(tried["goodput_by_second"], color="#d1495b")
        goodput.axhline(tried["peak"], color="#30638e", linestyle="--", linewidth=1)
        goodput.set(
            title=f"{case['texts']} new text{'s' * (case['texts'] != 1)} a request",
            ylabel="goodput, 1/s (dashed: peak)",
            ylim=(0, None),
        )
        memory.plot(tried["memory"]["mib_by_second"], color="#6a6a6a")
        memory.set(xlabel="seconds of overload", ylabel="resident memory, MiB", ylim=(0, None))
        for panel in (goodput, memory):
            panel.spines[["top", "right"]].set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(folder / "overload.svg", metadata={"Date": None})
    return ["![Goodput and memory under overload](overload.svg)"]
