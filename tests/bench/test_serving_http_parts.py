"""Targets and pages of the parts over HTTP, from made-up figures; and the finding of sequential scans."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from bench.serving import detect, growth, overload
from bench.serving.bare_endpoint import PENDING_BYTES, SCHEMA, SLOTS, STATE_BYTES, create_app
from bench.serving.bodies import VARIANTS, Bodies
from bench.serving.load import Outcome
from bench.serving.plans import described, nodes, plans, sequential
from bench.serving.postgres import execute, postgres
from bench.serving.service_process import Running
from service.database import migrate
from service.database.engine import make_engine
from service.detect.repository import User

LATENCIES = {"p50": 10.0, "p95": 20.0, "p99": 30.0}
SCAN = {"Node Type": "Seq Scan", "Relation Name": "snapshots"}
PLAN = {"Node Type": "Limit", "Plans": [{"Node Type": "Index Scan", "Index Name": "pk_x", "Relation Name": "x"}]}


def detect_figures(*, new: float, known: float) -> dict[str, Any]:
    service = {"requests_per_second": 100.0, "latency_ms": LATENCIES, "cpu_ms": 9.0}
    bare = {"requests_per_second": 400.0, "latency_ms": LATENCIES, "cpu_ms": 1.5}
    cells = [
        {"sent_back": sent_back, "connections": connections, "service": service, "bare": bare, "ratio": known}
        for sent_back, connections in detect.CELLS
    ]
    return {
        "new": {
            "texts": 20,
            "requests": 9,
            "service_ms": LATENCIES,
            "catalogued_ms": LATENCIES,
            "encoder_ms": LATENCIES,
            "ratio": new,
            "where": None,
            "where_catalogued": None,
        },
        "known": {"texts": 20, "users": 2, "cells": cells, "where": {}},
    }


@pytest.mark.parametrize(("new", "known", "missed"), [(1.1, 0.8, 0), (1.2, 0.8, 1), (1.1, 0.6, 1), (1.2, 0.6, 2)])
def test_detect_says_which_targets_are_missed(new: float, known: float, missed: int) -> None:
    page = "\n".join(detect.section(detect_figures(new=new, known=known)))
    assert page.count("**missed**") == missed
    assert f"{new:.2f} times" in page


def test_detect_says_what_processor_time_the_target_leaves() -> None:
    page = "\n".join(detect.section(detect_figures(new=1.1, known=0.6)))
    assert "the service's keeps 90% busy, the bare endpoint's 60%." in page
    assert "the service would have 3.6 ms a request at most" in page
    assert "what the bare endpoint does takes 1.5. It takes 9.0." in page
    assert "| nothing | 64 | 100 | 400 | 0.60 | 10.0 | 10.0 | 30.0 | 30.0 | 9.0 | 1.5 |" in page


def overload_outcome() -> Outcome:
    rows = [
        *((n / 10, 0.0, 0.5, 200, "", "total;dur=400") for n in range(18)),
        (0.0, 0.0, 2.0, 0, "", ""),
        (0.0, 0.5, 0.504, 503, "2", "total;dur=1.5"),
        (0.0, 0.5, 0.506, 503, "", "total;dur=2.5"),
    ]
    return Outcome.parse(json.dumps({"rows": rows, "elapsed": 2.5, "cpu": 0.1}))


def test_overload_tells_admitted_from_refused() -> None:
    told = overload.figures_of(overload_outcome(), 2.0)
    assert (told["admitted"], told["refused"], told["goodput"]) == (19, 2, 9.0)
    assert told["admitted_in_time"] == pytest.approx(18 / 19)
    assert told["refused_with_retry_after"] == 0.5
    # From when it was sent, not from when it was due.
    assert told["refused_ms"]["p50"] == pytest.approx(5.0)
    assert told["refused_in_service_ms"]["p50"] == 2.0


def overload_figures(**changed: Any) -> dict[str, Any]:
    tried = overload.figures_of(overload_outcome(), 2.0) | {
        "settings": overload.NO_CACHE,
        "peak": 10.0,
        "admitted_in_time": 1.0,
        "refused_with_retry_after": 1.0,
        "memory": {"mib_by_second": [100.0, 101.0], "growth": 1.01},
    }
    return {"cases": [{"texts": 20, "tried": [tried | changed]}]}


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, 0),
        ({"peak": 11.0}, 1),
        ({"admitted_in_time": 0.9}, 1),
        ({"refused_with_retry_after": 0.5}, 1),
        ({"refused_ms": {"p50": 12.0, "p95": 13.0, "p99": 14.0}}, 1),
        ({"refused_ms": None, "refused_with_retry_after": None}, 2),
        ({"memory": {"mib_by_second": [], "growth": None}}, 1),
    ],
)
def test_overload_says_which_targets_are_missed(changed: dict[str, Any], missed: int) -> None:
    assert "\n".join(overload.section(overload_figures(**changed))).count("**missed**") == missed


def test_memory_grows_from_the_second_quarter_to_the_last() -> None:
    assert overload.growth([50, 100, 100, 120]) == 1.2
    assert overload.growth([50, 100]) is None


def test_overload_is_drawn(tmp_path: Path) -> None:
    (line,) = overload.draw(overload_figures(), tmp_path)
    assert (tmp_path / "overload.svg").exists()
    assert "overload.svg" in line


def growth_figures(*, last: float, plan: dict[str, Any]) -> dict[str, Any]:
    row = {"call": "POST /detect", "latency_ms": {"10": {"p50": 10.0}, "1000": {"p50": last}}}
    return {
        "judged_users": 2,
        "bulk_state_bytes": 64,
        "state_bytes": 13_000,
        "snapshots_per_user": 2,
        "filled": {"1000": {"seconds": 1.0, "bytes": {"snapshots": 10**9}}},
        "users": [row],
        "histories": [row],
        "plans": [{"query": "snapshots: page", "nodes": list(nodes(plan))}],
    }


@pytest.mark.parametrize(("last", "plan", "missed"), [(11.0, PLAN, 0), (13.0, PLAN, 2), (11.0, SCAN, 1)])
def test_growth_says_which_targets_are_missed(last: float, plan: dict[str, Any], missed: int) -> None:
    page = "\n".join(growth.section(growth_figures(last=last, plan=plan)))
    assert page.count("**missed**") == missed
    assert ("snapshots: page reads snapshots" in page) == (plan is SCAN)


def test_every_turn_asks_others_and_in_time_everybody() -> None:
    users, random = [f"u{n}" for n in range(70)], np.random.default_rng(1)
    place = growth._Place(70, "", Running("", 0), judged=users)
    turns = [growth._requests(growth.POLICY, place, Bodies("x"), random, ["a"]) for _ in range(20)]
    assert all(len({request.path for request in turn}) == growth.POLICY.requests for turn in turns)
    assert {request.path for turn in turns for request in turn} == {f"/users/{user}/policy" for user in users}


def test_sequential_scans_are_found_below_other_nodes() -> None:
    plan = {
        "query": "q",
        "nodes": list(nodes({"Node Type": "Gather", "Plans": [{"Node Type": "Sort", "Plans": [SCAN]}]})),
    }
    assert sequential(plan) == ["snapshots"]
    assert described(plan) == "Gather, Sort, Seq Scan on snapshots"


def test_the_repositories_own_queries_are_explained_and_alter_nothing() -> None:
    with postgres() as url:
        asyncio.run(_migrated(url))
        found = {plan["query"]: plan for plan in asyncio.run(plans(url, User("default", b"key")))}
    assert all(plan["nodes"] for plan in found.values())
    assert {"snapshots", "seen_events", "user_states"} <= {n["table"] for n in found["detect: save"]["nodes"]}
    assert "pk_snapshots" in described(found["snapshots: latest"])


async def _migrated(url: str) -> None:
    engine = make_engine(url)
    try:
        await migrate.upgrade(engine)
    finally:
        await engine.dispose()


def test_the_bare_endpoint_takes_the_same_body_and_sends_as_much_back() -> None:
    with postgres() as url:
        execute(url, SCHEMA)
        answers = asyncio.run(_asked(url))
    assert all(answer.status_code == 200 for answer in answers.values())
    assert [answer.json()["sequence"] for answer in answers.values()] == [1, 2, 3]
    sizes = {name: len(answer.content) for name, answer in answers.items()}
    assert sizes["everything"] > STATE_BYTES
    assert 8_000 < sizes["base64"] < STATE_BYTES
    assert sizes["nothing"] < 500


def test_the_bare_endpoint_stores_as_much_as_the_service() -> None:
    """Behaviours, more than are kept one by one, and those of the next request."""
    with postgres() as url:
        execute(url, SCHEMA)
        stored = asyncio.run(_stored(url))
    assert stored == (STATE_BYTES, PENDING_BYTES, 320, SLOTS, 2)


async def _stored(url: str) -> tuple[int, ...]:
    """Bytes of the state and of the open behaviours, and rows of the other tables."""
    bodies, app = Bodies("bare"), create_app(url)
    headers = {"content-type": "application/json"}
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bare", headers=headers)
    async with app.router.lifespan_context(app), client:
        for number in (300, 20):
            body = bodies.detect("u", ["a"] * number).body
            assert (await client.post("/detect", content=body)).status_code == 200
        return tuple(
            await app.state.pool.fetchrow(
                "SELECT length(state), length(pending), (SELECT count(*) FROM bare_events), "
                "(SELECT count(*) FROM bare_memory), (SELECT count(*) FROM bare_snapshots) FROM bare_states"
            )
        )


async def _asked(url: str) -> dict[str, httpx.Response]:
    bodies, app = Bodies("bare"), create_app(url)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bare", headers={"content-type": "application/json"}
    )
    async with app.router.lifespan_context(app), client:
        return {
            name: await client.post("/detect", content=bodies.detect("u", ["a"] * 20, options).body)
            for name, options in VARIANTS.items()
        }
