"""The load generator's arithmetic and a real job, and what is made of `Server-Timing`. No test depends on a clock."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import web

from bench.serving.bodies import TASTE, VARIANTS, Bodies, batches, drawn, tastes, users
from bench.serving.load import NO_ANSWER, Job, Outcome, Request, generator, perform, quantiles_ms
from bench.serving.phases import LABELS, breakdown, mean_breakdown, parse, table
from service.detect.schemas import DetectRequest

HEADER = "queue;dur=0.5, tokenize;dur=1.0, encode;dur=20.0, detect;dur=2.0, database;dur=3.5, total;dur=30.0"


def outcome(*rows: tuple[float, float, float, int, str, str], elapsed: float = 2.0) -> Outcome:
    return Outcome.parse(json.dumps({"rows": rows, "elapsed": elapsed, "cpu": 0.1}))


def test_goodput_counts_good_answers_in_the_second_in_which_they_came() -> None:
    told = outcome(
        (0.0, 0.0, 0.1, 200, "", ""),
        (0.9, 0.0, 0.2, 200, "", ""),
        (1.0, 0.0, 0.1, 503, "3", ""),
        (1.5, 0.1, 2.0, NO_ANSWER, "", ""),
    )
    assert told.goodput == 1.0
    assert told.goodput_by_second(2) == [1, 1]
    assert told.statuses() == {"0": 1, "200": 2, "503": 1}
    assert told.retry_after == ("", "", "3", "")


def test_an_outcome_of_nothing_is_empty() -> None:
    told = outcome()
    assert (told.goodput, told.statuses(), told.goodput_by_second(1)) == (0.0, {}, [0])
    assert quantiles_ms(told.latency) is None


def test_quantiles_are_in_milliseconds() -> None:
    assert quantiles_ms(np.linspace(0, 1, 101)) == {"p50": 500.0, "p95": 950.0, "p99": 990.0}


@asynccontextmanager
async def endpoint(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("connections", "rate"), [(2, None), (0, 1000.0)])
def test_every_request_is_sent_once_with_what_it_holds(connections: int, rate: float | None) -> None:
    got = []

    async def answer(request: web.Request) -> web.Response:
        got.append((request.method, request.path, await request.read()))
        refused = request.path == "/b"
        headers = {"Retry-After": "2"} if refused else {"Server-Timing": HEADER}
        return web.Response(status=503 if refused else 200, headers=headers)

    async def work() -> Outcome:
        async with endpoint(answer) as url:
            job = Job(url, "", connections, seconds=0.003 if rate else 60.0, rate=rate, deadline=60.0)
            requests = [Request("/a", b"{}"), Request("/b", b"{}"), Request("/c")]
            return Outcome.parse(json.dumps(await perform(job, requests)))

    told = asyncio.run(work())
    assert sorted(got) == [("GET", "/c", b""), ("POST", "/a", b"{}"), ("POST", "/b", b"{}")]
    assert told.statuses() == {"200": 2, "503": 1}
    assert sorted(told.retry_after) == ["", "", "2"]
    assert sorted(told.server_timing) == ["", HEADER, HEADER]
    assert (told.lag >= 0).all()
    assert (told.latency >= told.lag).all()


def test_a_broken_connection_is_no_answer() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def work() -> Outcome:
        async with endpoint(answer) as url:
            job = Job(url, "", 1, seconds=60.0, rate=None, deadline=60.0)
            return Outcome.parse(json.dumps(await perform(job, [Request("/a", b"{}")])))

    assert asyncio.run(work()).statuses() == {str(NO_ANSWER): 1}


def test_the_generator_is_a_process_of_its_own() -> None:
    with generator() as load:
        told = load.closed("http://127.0.0.1:1", [Request("/a", b"{}"), Request("/b")], connections=1)
    assert told.statuses() == {str(NO_ANSWER): 2}


def test_bodies_are_what_the_service_takes_and_events_are_never_the_same() -> None:
    bodies = Bodies("one")
    made = [
        DetectRequest.model_validate_json(bodies.detect(user, ["a", "b"], options).body)
        for user, options in zip(users(3), VARIANTS.values(), strict=True)
    ]
    events = [behavior for request in made for behavior in request.behaviors]
    assert len({event.event_id for event in events}) == 6
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    assert [request.options.encoding_format for request in made] == ["float", "base64", "float"]
    assert made[2].options.include == []


def test_texts_come_again_only_where_there_are_too_few() -> None:
    random = np.random.default_rng(0)
    assert sorted(drawn(random, ["a", "b", "c"], 3)) == ["a", "b", "c"]
    assert len(drawn(random, ["a", "b"], 5)) == 5
    assert list(batches(["a", "b", "c"], 2)) == [["a", "b"]]
    own = tastes(random, [str(n) for n in range(100)], users(2))
    assert [len(set(texts)) for texts in own.values()] == [TASTE, TASTE]


def test_parts_add_up_to_the_clients_latency() -> None:
    parts = breakdown(33.0, parse(HEADER))
    assert list(parts) == list(LABELS)
    assert sum(parts.values()) == pytest.approx(33.0)
    assert (parts["framework"], parts["transport"]) == (3.0, 3.0)


def test_without_a_total_what_no_phase_explains_is_transport() -> None:
    parts = breakdown(33.0, parse("encode;dur=20.0"))
    assert (parts["encode"], parts["framework"], parts["transport"]) == (20.0, 0.0, 13.0)


def test_means_are_over_good_answers_that_say_where_their_time_went() -> None:
    told = outcome(
        (0.0, 0.0, 0.031, 200, "", HEADER),
        (0.0, 0.0, 0.033, 200, "", HEADER),
        (0.0, 0.0, 9.0, 200, "", ""),
        (0.0, 0.0, 9.0, 503, "1", HEADER),
    )
    parts = mean_breakdown([told])
    assert parts is not None
    assert sum(parts.values()) == pytest.approx(32.0)
    assert "| **sum: the client's latency** | 32.00 |" in table({"new": parts})


def test_without_the_header_nothing_is_claimed() -> None:
    assert mean_breakdown([outcome((0.0, 0.0, 0.1, 200, "", ""))]) is None
    assert "no `Server-Timing`" in table({"new": None})[0]
