"""What is counted, over a real Postgres and a fake encoder."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from service.app import create_app
from service.database.turns import Turns
from service.encoder import FakeEncoder
from service.problems import NotReady
from service.settings import Settings
from service.system.service import ReadinessProbe
from service.telemetry.metrics import REQUEST_SECONDS

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 5, tzinfo=UTC)
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder(dim=8, max_tokens=4, capacity_texts=1000)


@pytest.fixture
async def app(settings: Settings, encoder: FakeEncoder) -> AsyncIterator[FastAPI]:
    # The profile was made for another limit of tokens, so for another space: it is left out.
    app = create_app(settings.model_copy(update={"profile": None, "max_requests": 8}), encoder=encoder)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def scrape(client: httpx.AsyncClient) -> Series:
    """Every sample by name and labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(response.text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def total(series: Series, name: str, **labels: str) -> float:
    """The sum of the samples of that name that have these labels."""
    return sum(
        number for (each, found), number in series.items() if each == name and frozenset(labels.items()) <= found
    )


def body(user: str, texts: list[str], *, first: int = 0, **options: Any) -> dict[str, Any]:
    behaviors = [
        {"event_id": f"e{n}", "text": text, "occurred_at": (START + timedelta(hours=n)).isoformat()}
        for n, text in enumerate(texts, first)
    ]
    return {"user_id": user, "behaviors": behaviors, "options": options}


async def test_decisions_and_behaviors_by_what_became_of_them(client: httpx.AsyncClient) -> None:
    first = body("u", ["one", "two", "three four five six seven"])
    for sent in (first, first, body("u", ["more"], first=3, persist=False)):
        assert (await client.post("/detect", json=sent)).status_code == 200
    assert (await client.delete("/users/u")).status_code == 204
    assert (await client.post("/detect", json=first)).json()["rejected"]
    await client.post("/detect", json=body("v", ["left"] * 20))
    turned = body("v", ["right"], first=20, detector="distance", threshold=0.01)
    assert (await client.post("/detect", json=turned)).json()["mutated"]
    await client.post("/detect/batch", json={"requests": [body("w", ["one"]), {"user_id": "x"}]})

    series = await scrape(client)
    decisions = {
        outcome: value(series, "swerve_decisions_total", outcome=outcome)
        for outcome in ("changed", "unchanged", "warming_up", "uncalibrated", "nothing_new", "not_stored")
    }
    assert decisions == {
        "changed": 1,
        "unchanged": 0,
        "warming_up": 0,
        "uncalibrated": 3,
        "nothing_new": 2,
        "not_stored": 1,
    }
    assert value(series, "swerve_behaviors_total", result="accepted") == 3 + 20 + 1 + 1
    assert value(series, "swerve_behaviors_total", result="duplicate") == 3
    assert value(series, "swerve_behaviors_total", result="rejected") == 3
    assert value(series, "swerve_truncated_inputs_total") == 3  # of a duplicate, too: it is encoded before it is known
    assert value(series, "swerve_encoder_texts_total") == 3 * 3 + 1 + 20 + 1 + 1
    assert value(series, "swerve_batch_texts_sum") == value(series, "swerve_encoder_texts_total")
    assert value(series, "swerve_encoder_padding_tokens_total") == 2 * 3 * 3
    assert value(series, "swerve_database_wait_seconds_count") > 0
    # Where nothing was new, too: the state tells what is still open.
    assert value(series, "swerve_detect_seconds_count") == 1 + 1 + 2 + 1 + 2


async def test_requests_by_route_and_never_by_path_or_made_up_method(client: httpx.AsyncClient) -> None:
    for path in ("/users/a/interest", "/users/b%2Fc/interest", "/users/a/b/interest", "/nowhere/1", "/nowhere/2"):
        assert (await client.get(path)).status_code == 404
    for method in ("BREW", "STEEP"):
        assert (await client.request(method, "/detect")).status_code == 405
    assert (await client.get("/docs")).status_code == 200
    series = await scrape(client)

    def requests(**labels: str) -> float:
        names = {"method": "http_request_method", "route": "http_route", "status": "http_response_status_code"}
        given = {names[name]: label for name, label in labels.items()}
        return value(series, "http_server_request_duration_seconds_count", **given)

    assert requests(method="GET", route="/users/{user_id}/interest", status="404") == 3
    assert requests(method="GET", route="", status="404") == 2
    assert requests(method="_OTHER", route="/detect", status="405") == 2
    assert requests(method="GET", route="/docs", status="200") == 1
    bounds = {dict(labels)["le"] for name, labels in series if name == "http_server_request_duration_seconds_bucket"}
    assert sorted(map(float, bounds)) == [*REQUEST_SECONDS, float("inf")]
    assert total(series, "http_server_active_requests") == 1  # the scrape itself


async def test_refusals_by_reason_under_their_routes(
    app: FastAPI, client: httpx.AsyncClient, encoder: FakeEncoder
) -> None:
    with encoder.admit(1000):
        assert (await client.post("/detect", json=body("u", ["one"]))).status_code == 503
    entered, gate = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        entered.set()
        await gate.wait()
        yield b"{}"

    app.state.resources.draining = True
    assert (await client.get("/readyz")).status_code == 503
    app.state.resources.draining = False
    under_way = [asyncio.create_task(client.post("/encode", content=waiting())) for _ in range(8)]
    await entered.wait()
    await asyncio.sleep(0)
    assert (await client.get("/users/a/history")).status_code == 503
    overloaded = await scrape(client)  # answers like a probe: an overloaded service is to be seen
    assert value(overloaded, "http_server_active_requests", http_request_method="POST") == 8
    gate.set()
    assert {response.status_code for response in await asyncio.gather(*under_way)} == {422}
    series = await scrape(client)
    assert value(series, "http_server_active_requests", http_request_method="POST") == 0
    for reason, refused in {
        "encoder_saturated": 1,
        "too_many_requests": 1,
        "not_ready": 1,
        "database_unavailable": 0,
    }.items():
        assert value(series, "swerve_refusals_total", reason=reason) == refused
    # Refused before it was routed, and yet known by its route.
    assert (
        total(
            series,
            "http_server_request_duration_seconds_count",
            http_route="/users/{user_id}/history",
            http_response_status_code="503",
        )
        == 1
    )


async def test_readiness_is_told_check_by_check(app: FastAPI, client: httpx.AsyncClient, encoder: FakeEncoder) -> None:
    series = await scrape(client)
    assert value(series, "swerve_ready") == 1
    assert {value(series, "swerve_readiness_check", check=name) for name in ("model", "database", "migrations")} == {1}
    encoder.canary_right = False
    app.state.readiness = ReadinessProbe(app.state.resources)
    series = await scrape(client)
    assert value(series, "swerve_ready") == 0
    assert value(series, "swerve_readiness_check", check="model") == 0
    assert value(series, "swerve_readiness_check", check="database") == 1
    encoder.canary_right = True
    assert value(await scrape(client), "swerve_ready") == 1
    app.state.resources.draining = True
    assert value(await scrape(client), "swerve_ready") == 0


async def test_a_check_that_hangs_does_not_hold_up_a_scrape(app: FastAPI, client: httpx.AsyncClient) -> None:
    gate = asyncio.Event()
    begun: list[int] = []

    class Hanging(ReadinessProbe):
        async def check(self) -> Any:
            begun.append(1)
            await gate.wait()
            raise NotReady

        async def glance(self, patience: float = 0.05) -> None:
            await super().glance(patience)

    app.state.readiness = Hanging(app.state.resources)
    for _ in range(3):
        assert value(await scrape(client), "swerve_ready") == 0  # nothing is known, so nothing is claimed
    assert begun == [1]  # and they do not pile up
    gate.set()
    assert value(await scrape(client), "swerve_ready") == 0


async def test_what_is_loaded_and_how_much_of_it_is_in_use(app: FastAPI, client: httpx.AsyncClient) -> None:
    info = app.state.resources.encoder.info
    async with app.state.resources.engine.connect():
        with app.state.resources.encoder.admit(30):
            series = await scrape(client)
    labels = {"id": info.id, "digest": info.digest, "precision": "fp32", "provider": "fake", "profile": ""}
    assert value(series, "swerve_model_info", **labels) == 1
    assert value(series, "swerve_database_connections_in_use") == 1
    assert value(series, "swerve_database_pool_size") == app.state.resources.settings.database_pool_size
    assert value(series, "swerve_encoder_admitted_texts") == 30
    assert value(series, "swerve_max_requests") == 8


async def test_openmetrics_is_given_to_who_asks_for_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    parsed = parse_openmetrics(response.text)  # type: ignore[no-untyped-call]  # strict: fails on what is not
    families = {family.name for family in parsed}
    assert {"swerve_decisions", "http_server_request_duration_seconds", "process_cpu_seconds"} <= families


async def test_two_apps_count_apart(settings: Settings, encoder: FakeEncoder) -> None:
    counts = []
    for requests in (1, 2):
        app = create_app(settings.model_copy(update={"profile": None}), encoder=encoder)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            for _ in range(requests):
                await client.get("/users/nobody/interest")
            counts.append(total(await scrape(client), "http_server_request_duration_seconds_count"))
        # Stopped: what it served is still told, and nothing of what is closed is asked.
        assert "swerve_encoder_texts_total" not in {name for name, _ in await scrape_stopped(app)}
    assert counts == [1, 2]


async def scrape_stopped(app: FastAPI) -> Series:
    families = app.state.metrics.registry.collect()
    return {(sample.name, frozenset(sample.labels.items())): sample.value for f in families for sample in f.samples}


async def test_turns_are_counted_whatever_becomes_of_who_waits() -> None:
    waited: list[float] = []
    turns = Turns(1, waited.append)
    await turns.acquire()
    patient, impatient = asyncio.create_task(turns.acquire()), asyncio.create_task(turns.acquire())
    await asyncio.sleep(0)
    assert (turns.taken, turns.waiting, len(waited)) == (1, 2, 1)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert (turns.taken, turns.waiting, len(waited)) == (1, 1, 2)
    turns.release()
    assert await patient
    assert (turns.taken, turns.waiting, len(waited)) == (1, 0, 3)
    turns.release()
    assert (turns.taken, turns.locked()) == (0, False)
