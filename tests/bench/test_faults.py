"""The reckoning of the fault benchmark finds what was lost or doubled, and its figures are what they are called."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest
from aiohttp import web

from bench.faults.faults import FAULTS, Happened
from bench.faults.measure import figures_of
from bench.faults.page import write_page
from bench.faults.traffic import NO_ANSWER, Acknowledged, Attempt, Client, Ledger, Sending, sessions, story
from bench.faults.verify import Reckoning, reckon
from bench.serving.machine import machine
from service.detect.schemas import DetectRequest

pytestmark = pytest.mark.anyio

TEXTS = [f"text {n}" for n in range(40)]


class Keeper:
    """A service that keeps ids of events, and may be made to forget or to double one, or to refuse at first."""

    def __init__(self) -> None:
        self.held: dict[str, Counter[str]] = {}
        self.refusals = 0

    async def detect(self, request: web.Request) -> web.Response:
        if self.refusals:
            self.refusals -= 1
            return web.json_response({}, status=503, headers={"Retry-After": "0"})
        told = await request.json()
        held = self.held.setdefault(told["user_id"], Counter())
        ids = [behavior["event_id"] for behavior in told["behaviors"]]
        new = [event_id for event_id in ids if event_id not in held]
        held.update(new)
        return web.json_response({"accepted": len(new), "duplicates": len(ids) - len(new)})

    async def interest(self, request: web.Request) -> web.Response:
        return web.json_response({"behaviors": self.held[request.match_info["user"]].total()})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/detect", self.detect)
        app.router.add_get("/users/{user}/interest", self.interest)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def deliver(url: str, ledger: Ledger, requests: int) -> None:
    client = Client([], ledger, rate=1.0)
    async with sessions(url) as session:
        for user in ("one", "two"):
            for sending in islice(story(user, TEXTS), requests):
                await client.deliver(session, sending, due=ledger.now())


async def reckoned(keeper: Keeper, url: str, ledger: Ledger) -> tuple[int, int, int]:
    async with sessions(url) as session:
        found = await reckon(session, ledger)
    assert found.users == len(keeper.held)
    return found.held - found.acknowledged, found.lost, found.doubled


async def test_a_request_that_is_refused_is_sent_until_it_is_acknowledged() -> None:
    keeper, ledger = Keeper(), Ledger()
    keeper.refusals = 3
    async with keeper.serving() as url:
        await deliver(url, ledger, 5)
        assert ledger.statuses == {200: 10, 503: 3}
        assert await reckoned(keeper, url, ledger) == (0, 0, 0)


async def test_what_was_lost_is_found() -> None:
    keeper, ledger = Keeper(), Ledger()
    async with keeper.serving() as url:
        await deliver(url, ledger, 5)
        del keeper.held["one"]["e3"]
        del keeper.held["two"]["e0"]
        assert await reckoned(keeper, url, ledger) == (-2, 2, 0)


async def test_what_was_doubled_is_found_though_something_else_was_lost() -> None:
    keeper, ledger = Keeper(), Ledger()
    async with keeper.serving() as url:
        await deliver(url, ledger, 5)
        keeper.held["one"]["e3"] += 2
        del keeper.held["two"]["e0"]
        assert await reckoned(keeper, url, ledger) == (1, 1, 2)


def test_a_story_is_made_of_requests_that_the_service_takes() -> None:
    sendings = list(islice(story("u", TEXTS, "x"), 60))
    requests = [DetectRequest.model_validate_json(sending.body) for sending in sendings]
    behaviors = [behavior for request in requests for behavior in request.behaviors]
    assert [behavior.event_id for behavior in behaviors] == [event for sending in sendings for event in sending.events]
    assert [behavior.event_id for behavior in behaviors] == [f"x{n}" for n in range(len(behaviors))]
    assert sorted(behaviors, key=lambda behavior: behavior.occurred_at) == behaviors
    assert len({behavior.text for behavior in behaviors}) > 8  # the interest changes


def made_up() -> Ledger:
    """A request a second, answered after 10 ms; but those due from second 20 on wait until second 23."""
    ledger = Ledger()
    for second in range(40):
        due = second + 0.5
        done = 23.5 if 20 <= second < 23 else due + 0.01
        if done == 23.5:
            ledger.attempts.append(Attempt(due, 0.01, 503 if second == 20 else NO_ANSWER))
        ledger.attempts.append(Attempt(done - 0.01, 0.01, 200))
        ledger.acknowledged.append(Acknowledged(Sending("u", (f"e{second}",), b"{}"), due, done, 1, 0))
    return ledger


def test_figures_are_of_before_during_and_after() -> None:
    figures = figures_of(made_up(), [Happened("postgres", 20.0, 23.5, 23.7)], Reckoning(1, 40, 40, 0, 0))
    told = figures["kinds"]["postgres"]
    assert told["answered_after"] == [3.5]
    assert told["ready_after"] == [3.7]
    assert told["p99_ms"]["before"] == told["p99_ms"]["after"] == 10.0
    assert 2900 < told["p99_ms"]["during"] <= 3000
    assert (figures["attempts"], figures["acknowledged"]) == (43, 40)
    assert (figures["refused"], figures["unanswered"]) == (1, 2)
    assert figures["by_second"]["acknowledged"][19:25] == [1, 0, 0, 0, 4, 1]
    assert figures["by_second"]["longest_wait_s"][20] == 3.0


def test_the_page_tells_what_was_lost(tmp_path: Path) -> None:
    happened = [Happened(kind, 10.0 * n, 10.0 * n + 3, 10.0 * n + 4) for n, kind in enumerate(FAULTS)]
    for lost, verdict in ((0, ", met."), (7, ", **missed**.")):
        figures = figures_of(made_up(), happened, Reckoning(1, 40, 40 - lost, lost, 0))
        result = {"machine": machine(), "minutes": 5.0, "model": "default", "figures": json.loads(json.dumps(figures))}
        write_page(result, tmp_path)
        page = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert f"Target: nothing lost, nothing doubled{verdict}" in page
        assert f"| **{lost}** |" in page
        for fault in FAULTS.values():
            assert fault.title in page
            assert fault.title in (tmp_path / "timeline.svg").read_text(encoding="utf-8")
