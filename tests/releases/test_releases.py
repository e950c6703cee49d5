"""The ledger on a real Postgres: what is released once, what is refused, and what two replicas can spend together."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.database.engine import DatabaseAwayError
from service.dp.accounting import make_budget
from service.encoder import FakeEncoder
from service.releases import repository
from service.releases import service as releases
from service.settings import Settings
from tests.releases.conftest import Body, Replica, request

pytestmark = pytest.mark.anyio

EPSILON, RELEASES = 8.0, 3
ON = {"privacy_epsilon": EPSILON, "privacy_releases": RELEASES}
VECTORS = ["vectors"]


async def detect(client: httpx.AsyncClient, body: Body) -> Body:
    response = await client.post("/detect", json=body)
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


async def interest(client: httpx.AsyncClient, user: str = "u") -> httpx.Response:
    return await client.get(f"/users/{user}/interest", params={"include": "vectors"})


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query))).all())


async def exact(engine: AsyncEngine, sequence: int) -> np.ndarray:
    ((z,),) = await rows(engine, f"SELECT z FROM snapshots WHERE sequence = {sequence}")  # noqa: S608 - a number
    return np.frombuffer(z, "<f4")


async def age(engine: AsyncEngine, days: float) -> None:
    """Let time pass for every release."""
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE privacy_releases SET released_at = released_at - make_interval(secs => :by)"),
            {"by": days * 86_400},
        )


async def test_every_request_s_vector_is_released_once_and_sent_again_as_it_was(
    replica: Replica, engine: AsyncEngine
) -> None:
    client = await replica(**ON)
    first = await detect(client, request("u", 0))
    again = await detect(client, request("u", 0))  # nothing new in it: the latest snapshot
    read = (await interest(client)).json()
    (page,) = (await client.get("/users/u/history", params={"include": "vectors"})).json()["items"]
    assert first["interest"] == again["interest"] == read["interest"] == page["interest"]
    ((count,),) = await rows(engine, "SELECT count(*) FROM privacy_releases")
    assert count == 1
    assert not np.allclose(first["interest"]["z"], await exact(engine, 1), atol=0.1)


async def test_snapshots_have_noise_of_their_own_of_the_told_deviation(replica: Replica, engine: AsyncEngine) -> None:
    client = await replica(privacy_epsilon=64.0, privacy_releases=60)
    noise, answer = [], Body()
    for n in range(60):
        answer = await detect(client, request("u", n, include=VECTORS))
        noise.append((np.array(answer["interest"]["z"]) - await exact(engine, n + 1)) / answer["interest"]["noise"])
    of_all = np.array(noise)
    # 480 numbers: their deviation is known to 1 / sqrt(960), 3.2 %. Six of those, for this is drawn anew each time.
    assert of_all.std() == pytest.approx(1.0, rel=6 * 0.032)
    assert len({tuple(row) for row in of_all.round(6)}) == 60
    budget = make_budget(epsilon=64.0, delta=1e-6, releases=60, period=timedelta(days=30))
    assert answer["interest"]["noise"] == pytest.approx(budget.deviation, abs=1e-6)


async def test_everything_about_the_vectors_is_made_of_what_left(replica: Replica) -> None:
    client = await replica(**ON)
    one = (await detect(client, request("u", 0)))["interest"]
    assert one["z_previous"] is None
    assert not any(one["delta_z"])
    unseen = await detect(client, request("u", 1, include=[]))
    assert unseen["interest"] is None
    two = (await detect(client, request("u", 2)))["interest"]
    assert two["z_previous"] == one["z"], "the one that left last; what never left has no part in it"
    delta = np.array(two["z"]) - np.array(one["z"])
    np.testing.assert_allclose(two["delta_z"], delta, atol=1e-5)
    np.testing.assert_allclose(two["direction"], delta / np.linalg.norm(delta), atol=1e-5)


async def test_a_spent_budget_takes_the_vectors_and_leaves_the_decision(replica: Replica, engine: AsyncEngine) -> None:
    noisy = await replica(**ON)
    answers = [await detect(noisy, request("u", n)) for n in range(RELEASES + 2)]
    assert [answer["interest"] is not None for answer in answers] == [True] * RELEASES + [False] * 2
    for answer in answers[:RELEASES]:
        assert "withheld" not in answer
    for answer in answers[RELEASES:]:
        assert answer["withheld"]["reason"] == "budget_spent"
        assert (answer["accepted"], answer["status"]) == (1, "warming_up")
    assert [answer["sequence"] for answer in answers] == [1, 2, 3, 4, 5]
    ((oldest,),) = await rows(engine, "SELECT min(released_at) FROM privacy_releases")
    available = datetime.fromisoformat(answers[-1]["withheld"]["available_at"])
    assert available == oldest + timedelta(days=30)


async def test_reading_more_than_the_budget_is_a_problem_that_says_when(replica: Replica, engine: AsyncEngine) -> None:
    client = await replica(**ON)
    for n in range(RELEASES):
        await detect(client, request("u", n))
    await detect(client, request("u", RELEASES, include=[]))
    refused = await interest(client)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    problem = refused.json()
    assert problem["type"] == "/problems/privacy-budget-spent"
    assert "takes 1 new vectors" in problem["detail"]
    assert "room for 0" in problem["detail"]
    ((oldest,),) = await rows(engine, "SELECT min(released_at) FROM privacy_releases")
    assert (oldest + timedelta(days=30)).isoformat(timespec="seconds") in problem["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 30 * 86_400
    assert (await client.get("/users/u/interest")).status_code == 200
    # What left before is free, whatever is spent.
    page = await client.get(
        "/users/u/history", params={"include": "vectors", "cursor": await cursor_after_newest(client)}
    )
    assert [item["interest"] is not None for item in page.json()["items"]] == [True] * RELEASES


async def cursor_after_newest(client: httpx.AsyncClient) -> str:
    cursor: str = (await client.get("/users/u/history", params={"limit": 1})).json()["next_cursor"]
    return cursor


async def test_a_page_is_released_whole_or_not_at_all(replica: Replica, engine: AsyncEngine) -> None:
    client = await replica(**ON)
    for n in range(RELEASES + 1):
        await detect(client, request("u", n, include=[]))
    whole = await client.get("/users/u/history", params={"include": "vectors"})
    assert whole.status_code == 429
    assert f"takes {RELEASES + 1} new vectors" in whole.json()["detail"]
    assert f"room for {RELEASES} now" in whole.json()["detail"]
    assert await rows(engine, "SELECT 1 FROM privacy_releases") == []
    part = await client.get("/users/u/history", params={"include": "vectors", "limit": RELEASES})
    vectors = [item["interest"] for item in part.json()["items"]]
    assert all(vectors)
    for newer, older in pairwise(vectors):
        assert newer["z_previous"] == older["z"]
    assert (await client.get("/users/u/history", params={"include": "vectors"})).status_code == 429


async def test_room_comes_back_with_time_and_in_no_stretch_is_more_released(
    replica: Replica, engine: AsyncEngine
) -> None:
    client = await replica(**ON)
    released = 0
    for day in range(40):
        answer = await detect(client, request("u", day))
        released += answer["interest"] is not None
        await age(engine, 1.0)
        ((most,),) = await rows(
            engine,
            "SELECT max((SELECT count(*) FROM privacy_releases b WHERE b.released_at <= a.released_at "
            "AND b.released_at > a.released_at - interval '30 days')) FROM privacy_releases a",
        )
        assert most <= RELEASES
    assert released == 2 * RELEASES


async def test_what_was_released_under_other_settings_counts_for_what_it_cost(
    replica: Replica, engine: AsyncEngine
) -> None:
    generous = await replica(privacy_epsilon=EPSILON, privacy_releases=1)
    whole = await detect(generous, request("u", 0))
    careful = await replica(privacy_epsilon=EPSILON, privacy_releases=10)
    refused = await detect(careful, request("u", 1))
    assert refused["withheld"]["reason"] == "budget_spent"
    (page,) = (
        await careful.get(
            "/users/u/history", params={"include": "vectors", "cursor": await cursor_after_newest(careful)}
        )
    ).json()["items"]
    assert page["interest"] == whole["interest"], "with the noise that it left with"
    await age(engine, 31.0)
    assert (await detect(careful, request("u", 2)))["interest"]["noise"] > 3 * whole["interest"]["noise"]


async def test_replicas_cannot_spend_more_together_than_the_budget(replica: Replica, engine: AsyncEngine) -> None:
    one, two = await replica(**ON), await replica(**ON)
    for n in range(12):
        await detect(one, request("u", n, include=[]))
    pages = [(client, cursor) for client, cursor in zip([one, two] * 6, await all_cursors(one), strict=True)]
    answers = await asyncio.gather(
        *(client.get("/users/u/history", params={"include": "vectors", "limit": "1"} | at) for client, at in pages)
    )
    assert sorted(answer.status_code for answer in answers) == [200] * RELEASES + [429] * (12 - RELEASES)
    ((count,),) = await rows(engine, "SELECT count(*) FROM privacy_releases")
    assert count == RELEASES


async def all_cursors(client: httpx.AsyncClient) -> list[dict[str, str]]:
    """Of every page of one snapshot."""
    cursors, at = list[dict[str, str]](), dict[str, str]()
    while True:
        cursors.append(at)
        page = (await client.get("/users/u/history", params={"limit": "1"} | at)).json()
        if page["next_cursor"] is None:
            return cursors
        at = {"cursor": page["next_cursor"]}


async def test_replicas_that_release_one_snapshot_at_once_send_the_same(replica: Replica, engine: AsyncEngine) -> None:
    clients = [await replica(**ON), await replica(**ON)]
    await detect(clients[0], request("u", 0, include=[]))
    answers = await asyncio.gather(*(interest(clients[n % 2]) for n in range(10)))
    assert len({str(answer.json()["interest"]) for answer in answers}) == 1
    ((count,),) = await rows(engine, "SELECT count(*) FROM privacy_releases")
    assert count == 1


async def test_users_and_domains_have_budgets_of_their_own(replica: Replica) -> None:
    client = await replica(**ON)
    for n in range(RELEASES + 1):
        await detect(client, request("u", n))
    assert (await detect(client, request("v", 0)))["interest"] is not None
    assert (await detect(client, request("u", 0) | {"domain": "other"}))["interest"] is not None


async def test_erasure_takes_the_releases(replica: Replica, engine: AsyncEngine) -> None:
    client = await replica(**ON)
    for n in range(RELEASES):
        await detect(client, request("u", n))
    await detect(client, request("v", 0))
    assert (await client.delete("/users/u")).status_code == 204
    ((count,),) = await rows(engine, "SELECT count(*) FROM privacy_releases")
    assert count == 1, "the other user's"
    body = request("u", 0)
    body["behaviors"][0]["occurred_at"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    assert (await detect(client, body))["interest"] is not None


async def test_nothing_made_of_exact_vectors_leaves(replica: Replica) -> None:
    client = await replica(**ON)
    answers = [await detect(client, request("u", 0, 12)), await detect(client, request("u", 12, include=[]))]
    answers += [await detect(client, request("u", 13, persist=False)), await detect(client, request("u", 0))]
    answers.append((await client.get("/users/u/interest")).json())
    answers += (await client.get("/users/u/history")).json()["items"]
    assert all(answer["scores"] is None for answer in answers)


async def test_what_is_not_stored_has_no_vectors(replica: Replica, engine: AsyncEngine) -> None:
    client = await replica(**ON)
    tried = await detect(client, request("u", 0, persist=False))
    assert (tried["interest"], tried["withheld"]) == (None, {"reason": "not_stored", "available_at": None})
    # Nor where nothing is new, and the answer is about a snapshot that is stored.
    await detect(client, request("u", 0, include=[]))
    tried = await detect(client, request("u", 0, persist=False))
    assert tried["snapshot_id"] is not None
    assert (tried["interest"], tried["withheld"]) == (None, {"reason": "not_stored", "available_at": None})
    assert await rows(engine, "SELECT 1 FROM privacy_releases") == []


async def test_a_batch_has_a_budget_for_each_of_its_users(replica: Replica) -> None:
    client = await replica(**ON)
    requests = [request("u", n) for n in range(RELEASES + 1)] + [request("v", 0)]
    response = await client.post("/detect/batch", json={"requests": requests})
    results = [item["result"] for item in response.json()["results"]]
    assert [result["interest"] is not None for result in results] == [True] * RELEASES + [False, True]


async def test_the_decision_is_told_though_the_ledger_cannot_be_reached(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await replica(**ON)

    async def away(*_: Any) -> Any:
        raise DatabaseAwayError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(repository, "ledger", away)
        answer = await detect(client, request("u", 0))
    assert (answer["accepted"], answer["sequence"], answer["interest"]) == (1, 1, None)
    assert answer["withheld"] == {"reason": "unavailable", "available_at": None}
    assert (await interest(client)).json()["interest"]["z"]


@pytest.mark.parametrize("returned", [False, True])
async def test_a_user_erased_in_between_has_no_vectors(
    returned: bool,
    replica: Replica,
    engine: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Erased, and even come back, after the decision was stored and before its vector was released."""
    client, other = await replica(**ON), await replica(**ON)
    with_vectors: Callable[..., Awaitable[Any]] = releases.with_vectors

    async def meanwhile(*given: Any) -> Any:
        monkeypatch.undo()
        assert (await other.delete("/users/u")).status_code == 204
        if returned:
            body = request("u", 0, include=[])
            body["behaviors"][0]["occurred_at"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
            assert (await detect(other, body))["sequence"] == 1
        return await with_vectors(*given)

    monkeypatch.setattr(releases, "with_vectors", meanwhile)
    answer = await detect(client, request("u", 0))
    assert answer["sequence"] == 1
    assert answer["withheld"]["reason"] == "not_stored"
    assert await rows(engine, "SELECT 1 FROM privacy_releases") == []


async def test_reading_many_at_once_needs_no_second_connection_while_one_is_held(replica: Replica) -> None:
    """With as many readers as connections, each waiting for another one with one in hand, none would ever finish."""
    client = await replica(**ON, database_pool_size=2)
    for n in range(8):
        await detect(client, request(f"u{n}", 0, include=[]))
    answers = await asyncio.gather(*(interest(client, f"u{n}") for n in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8


async def test_detection_is_the_same_with_and_without(replica: Replica) -> None:
    """The detectors judge exact vectors: every decision but the scores is told alike."""
    off, on, mutated = await replica(), await replica(**ON), 0
    for n in range(30):
        plain = await detect(off, request("plain", n, detector="distance", threshold=0.05))
        noisy = await detect(on, request("noisy", n, detector="distance", threshold=0.05))
        mutated += plain["mutated"]
        for name in ("mutated", "change", "changes", "status", "topics", "contributions", "sequence"):
            assert noisy[name] == plain[name], (n, name)
        assert "withheld" not in plain
        assert "noise" not in plain["interest"]
        assert plain["scores"] is not None
    assert 0 < mutated < 30


async def test_only_a_released_vector_costs_statements(
    settings: Settings, encoder: FakeEncoder, engine: AsyncEngine
) -> None:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement.split(maxsplit=1)[0].upper())

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    app = create_app(settings.model_copy(update=ON), encoder=encoder, engine=engine)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        await detect(client, request("u", 0))
        for body, expected in (
            (request("u", 1, include=[]), ["SELECT", "WITH"]),
            (request("u", 2), ["SELECT", "WITH", *["SELECT"] * 3, "INSERT", "SELECT"]),
        ):
            sent.clear()
            await detect(client, body)
            assert sent == expected
        sent.clear()
        assert (await interest(client)).json()["interest"]
        assert sent == ["SELECT", "SELECT"], "what left before is read, no more"
    event.remove(engine.sync_engine, "before_cursor_execute", note)
