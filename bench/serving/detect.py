"""`POST /detect` over HTTP: beside the encoder alone for new texts, beside a bare endpoint for known ones."""

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]  # ships no types

from bench.serving.bodies import HISTORY, TEXTS, VARIANTS, Bodies, batches, drawn, items_of, tastes, users
from bench.serving.load import Load, Outcome, Request, generator, quantiles_ms
from bench.serving.phases import Figures, mean_breakdown, table, verdict
from bench.serving.postgres import postgres, run
from bench.serving.service_process import Running, bare_endpoint, service_process
from bench.serving.setting import Setting
from service.encoder import OnnxEncoder

TITLE = "POST /detect"

NEW_TARGET = 1.15
"""p50 of a request with new texts, by the encoder's own time for them, at most."""
KNOWN_TARGET = 0.7
"""Throughput with known texts, by the bare endpoint's, at least, at the most connections."""
USERS = 256
KNOWN_TEXTS = 2_000
ITEMS_AT_ONCE = 1_000
"""Of a `PUT /items`."""
CELLS = (
    ("everything", 1),
    ("everything", 8),
    ("everything", 64),
    ("base64", 1),
    ("base64", 64),
    ("nothing", 1),
    ("nothing", 64),
)
"""What is sent back, and connections."""
MOST = 64


def measure(setting: Setting) -> Figures:
    """Both comparisons, each against its limit in turns."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        ours = stack.enter_context(service_process(setting.model, database))
        bare = stack.enter_context(bare_endpoint(setting.model, database))
        load = stack.enter_context(generator())
        known = drawn(setting.random, setting.texts, min(KNOWN_TEXTS, len(setting.texts) // 2))
        new = sorted(set(setting.texts) - set(known))
        setting.random.shuffle(new)
        setting.progress("filling the users' states")
        own = tastes(setting.random, known, users(USERS))
        _fill(load, (ours, bare), known, own, setting.random)
        figures = {"new": _new_texts(setting, load, ours, new)}
        return figures | {"known": _known_texts(setting, load, ours, bare, own)}


Tastes = dict[str, Sequence[str]]


def _fill(
    load: Load, servers: Sequence[Running], known: Sequence[str], own: Tastes, random: np.random.Generator
) -> None:
    """Users with a long history at both servers, and all known texts in the service's cache."""
    bodies = Bodies("fill")
    encoded = [bodies.detect("texts", list(some)) for some in batches(known, 100)]
    histories = [bodies.detect(user, drawn(random, texts, HISTORY)) for user, texts in own.items()]
    for server in servers:
        for requests in (encoded, histories):
            check(load.closed(server.url, requests, connections=1, seconds=300, deadline=120))


def check(outcome: Outcome) -> Outcome:
    """The outcome, in which everything must have been answered well: else the figures would mean nothing.

    Raises:
        RuntimeError: something was not.
    """
    if not outcome.good.all():
        raise RuntimeError(f"not every request was answered with 200: {outcome.statuses()}")
    return outcome


def _new_texts(setting: Setting, load: Load, ours: Running, new: Sequence[str]) -> Figures:
    rounds, requests = (2, 5) if setting.brief else (8, 20)
    bodies, ids = Bodies("new"), users(USERS)
    work, others = (list(batches(some))[: rounds * requests] for some in (new, new[::-1]))
    if len(new) < 2 * TEXTS * rounds * requests:
        raise ValueError(f"{len(new)} new texts are too few for {rounds} rounds")
    setting.progress("putting texts into the catalogue")
    _catalogue(ours, [text for texts in others for text in texts])
    outcomes, from_catalogue, alone = list[Outcome](), list[Outcome](), list[float]()
    encoder = OnnxEncoder.load(setting.model, cache_texts=0)
    try:
        run(_encode_each(encoder, work[:2]))
        for number in range(rounds):
            setting.progress(f"new texts, round {number + 1} of {rounds}")
            mine = work[number * requests : (number + 1) * requests]
            sent = [bodies.detect(ids[n % USERS], texts) for n, texts in enumerate(mine, number * requests)]
            items = [
                bodies.detect(ids[n % USERS], texts, about_items=True)
                for n, texts in enumerate(others[number * requests : (number + 1) * requests], number * requests)
            ]
            steps: list[Callable[[], object]] = [
                partial(lambda items: from_catalogue.append(check(load.closed(ours.url, items, connections=1))), items),
                partial(lambda sent: outcomes.append(check(load.closed(ours.url, sent, connections=1))), sent),
                partial(lambda mine: alone.extend(run(_encode_each(encoder, mine))), mine),
            ]
            for step in steps if number % 2 else reversed(steps):
                step()
    finally:
        encoder.close()
    service, catalogued = (
        quantiles_ms(np.concatenate([o.latency for o in some])) for some in (outcomes, from_catalogue)
    )
    limit = quantiles_ms(np.asarray(alone))
    return {
        "texts": TEXTS,
        "requests": len(alone),
        "service_ms": service,
        "catalogued_ms": catalogued,
        "encoder_ms": limit,
        "ratio": service["p50"] / limit["p50"] if service and limit else None,
        "where": mean_breakdown(outcomes),
        "where_catalogued": mean_breakdown(from_catalogue),
    }


def _catalogue(service: Running, texts: Sequence[str]) -> None:
    """Put an item of each text into the catalogue, and wait until all are encoded."""
    with httpx.Client(base_url=service.url, timeout=60.0) as client:
        for start in range(0, len(texts), ITEMS_AT_ONCE):
            client.put("/items", json=items_of(texts[start : start + ITEMS_AT_ONCE])).raise_for_status()
        while not client.get("/items/progress").raise_for_status().json()["complete"]:
            time.sleep(0.2)


async def _encode_each(encoder: OnnxEncoder, work: Sequence[Sequence[str]]) -> list[float]:
    """Seconds for each list of texts, one list at a time."""
    seconds = []
    for texts in work:
        began = time.perf_counter()
        with encoder.admit(len(texts)) as permit:
            await encoder.encode(texts, permit)
        seconds.append(time.perf_counter() - began)
    return seconds


@dataclass
class _Cell:
    """What came of one way to ask one server.

    Attributes:
        outcomes: one a repetition.
        cpu: seconds of a core that the server's process took for each of them.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ask(
        self, load: Load, server: Running, requests: Sequence[Request], *, connections: int, seconds: float
    ) -> None:
        """One repetition more."""
        before = _busy_s(server)
        outcome = load.closed(server.url, requests, connections=connections, seconds=seconds)
        self.cpu.append(_busy_s(server) - before)
        self.outcomes.append(check(outcome))

    def figures(self) -> Figures:
        return {
            "requests_per_second": round(median(outcome.goodput for outcome in self.outcomes), 1),
            "each": [round(outcome.goodput, 1) for outcome in self.outcomes],
            "latency_ms": quantiles_ms(np.concatenate([outcome.latency for outcome in self.outcomes])),
            "cpu_ms": round(1000 * sum(self.cpu) / sum(len(outcome.latency) for outcome in self.outcomes), 2),
            "generator_cpu": round(max(outcome.cpu for outcome in self.outcomes), 2),
        }


def _busy_s(server: Running) -> float:
    """Seconds of a core that the server's process has taken."""
    times = psutil.Process(server.pid).cpu_times()
    return float(times.user + times.system)


def _known_texts(setting: Setting, load: Load, ours: Running, bare: Running, own: Tastes) -> Figures:
    repetitions = 1 if setting.brief else 3
    cells = {(cell, server): _Cell() for cell in CELLS for server in ("service", "bare")}
    bodies, random = Bodies("known"), setting.random
    for repetition in range(repetitions):
        setting.progress(f"known texts, repetition {repetition + 1} of {repetitions}")
        for variant, connections in CELLS:
            order = (("service", ours), ("bare", bare))
            for name, server in order if repetition % 2 else reversed(order):
                requests = _requests(bodies, random, own, variant, setting.lasting(2.0))
                cell = cells[(variant, connections), name]
                cell.ask(load, server, requests, connections=connections, seconds=setting.lasting(2.0))
    rows = []
    for way in CELLS:
        service, limit = (cells[way, name].figures() for name in ("service", "bare"))
        ratio = service["requests_per_second"] / limit["requests_per_second"]
        rows.append({"sent_back": way[0], "connections": way[1], "service": service, "bare": limit, "ratio": ratio})
    where = {
        f"{variant}, {connections} connection{'s' * (connections > 1)}": mean_breakdown(
            cells[(variant, connections), "service"].outcomes
        )
        for variant, connections in CELLS
        if connections == 1
    }
    return {"texts": TEXTS, "users": USERS, "cells": rows, "where": where}


MOST_REQUESTS_A_SECOND = 2_500
"""More than any of the servers answers: a closed loop must not run out of requests before its time."""


def _requests(bodies: Bodies, random: np.random.Generator, own: Tastes, variant: str, seconds: float) -> list[Request]:
    turns = itertools.islice(itertools.cycle(own.items()), int(MOST_REQUESTS_A_SECOND * seconds))
    return [bodies.detect(user, drawn(random, texts, TEXTS), VARIANTS[variant]) for user, texts in turns]


def _cores(side: Figures) -> float:
    """Of how many cores the server's process had the time."""
    return float(side["requests_per_second"] * side["cpu_ms"] / 1000)


def section(figures: Figures) -> list[str]:
    """The two comparisons with their targets, and where the time goes."""
    return [*_section_new(figures["new"]), *_section_known(figures["known"])]


def _section_new(new: Figures) -> list[str]:
    ratio = new["ratio"]
    lines = [
        f"### {new['texts']} new texts",
        "",
        (
            f"{new['requests']} requests over one connection, in turns with the encoder alone in this process on the "
            f"same texts. They are drawn at random from everything, so that changes are declared, which costs more "
            f"than usual. Target: the request's p50 at most {NEW_TARGET:g} times the encoder's. Measured: "
            f"{ratio:.2f} times, {verdict(met=ratio <= NEW_TARGET)}. Beside them as many requests about items of the "
            "catalogue, whose texts are as new to the encoder: their vectors are looked up instead."
        ),
        "",
        "| ms | p50 | p95 | p99 |",
        "| --- | --- | --- | --- |",
        _latencies("POST /detect", new["service_ms"]),
        _latencies("POST /detect, texts of the catalogue", new["catalogued_ms"]),
        _latencies("encoder alone", new["encoder_ms"]),
        "",
    ]
    return lines + table({"new texts": new["where"], "texts of the catalogue": new["where_catalogued"]})


def _latencies(label: str, told: dict[str, float]) -> str:
    return f"| {label} | " + " | ".join(f"{told[name]:.1f}" for name in ("p50", "p95", "p99")) + " |"


def _section_known(known: Figures) -> list[str]:
    most = next(cell for cell in known["cells"] if cell["sent_back"] == "everything" and cell["connections"] == MOST)
    lines = [
        f"### {known['texts']} known texts",
        "",
        (
            f"Every text is in the encoder's cache, every event is new, {known['users']} users with long histories in "
            "turn, each with texts of their own. Beside it a bare endpoint: the same request parsed by the same models "
            "under the same server, as much read from and durably written to the same Postgres in two statements over "
            "asyncpg, as many bytes sent back, nothing encoded and nothing judged. Target: everything sent back, at "
            f"least {KNOWN_TARGET:g} of its throughput at {MOST} connections. Measured: {most['ratio']:.2f}, "
            f"{verdict(met=most['ratio'] >= KNOWN_TARGET)}."
        ),
        "",
        (
            "CPU: milliseconds of a core that the server's process takes for a request. A process runs Python on one "
            f"core at a time, of which at {MOST} connections the service's keeps {_cores(most['service']):.0%} busy, "
            f"the bare endpoint's {_cores(most['bare']):.0%}. For {KNOWN_TARGET:g} of the bare endpoint's throughput "
            f"the service would have {1000 / (KNOWN_TARGET * most['bare']['requests_per_second']):.1f} ms a request "
            f"at most, of which what the bare endpoint does takes {most['bare']['cpu_ms']:.1f}. It takes "
            f"{most['service']['cpu_ms']:.1f}."
        ),
        "",
        "| sent back | connections | requests/s | bare | ratio | p50, ms | bare | p99, ms | bare | CPU, ms | bare |",
        f"|{' --- |' * 11}",
    ]
    for cell in known["cells"]:
        service, bare = cell["service"], cell["bare"]
        latencies = [side["latency_ms"][name] for name in ("p50", "p99") for side in (service, bare)]
        cells = [cell["sent_back"], str(cell["connections"]), f"{service['requests_per_second']:,.0f}"]
        latencies += [side["cpu_ms"] for side in (service, bare)]
        cells += [f"{bare['requests_per_second']:,.0f}", f"{cell['ratio']:.2f}", *(f"{ms:.1f}" for ms in latencies)]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *table(known["where"])]
