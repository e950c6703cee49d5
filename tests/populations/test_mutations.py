"""`GET /domains/{domain}/mutations`, and what `POST /detect` says of shifts."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from service.database.tables import MutationRow
from service.populations.watch import Watch
from tests.populations.conftest import NOW, Declare, row_of, usual

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
Body = dict[str, Any]


async def told(client: httpx.AsyncClient, domain: str = "default", **query: Any) -> Body:
    response = await client.get(f"/domains/{domain}/mutations", params=query)
    assert response.status_code == 200, response.text
    body: Body = response.json()
    return body


def turning(user: str, vectors: int = 20) -> Body:
    """A user who turns from topic 0 to topic 1, just now."""
    axes = [0] * 40 + [1] * vectors
    behaviors = [
        {
            "event_id": f"e{n}",
            "embedding": [float(axis == k) for k in range(8)],
            "occurred_at": (datetime.now(UTC) - timedelta(minutes=len(axes) - n)).isoformat(),
        }
        for n, axis in enumerate(axes)
    ]
    return {"user_id": user, "behaviors": behaviors, "options": {"include": ["topics"]}}


async def turn(client: httpx.AsyncClient, user: str) -> Body:
    response = await client.post("/detect", json=turning(user))
    assert response.status_code == 200, response.text
    body: Body = response.json()
    assert body["mutated"]
    assert body["topics"]["gained"][0]["topic"] == 1
    return body


async def test_a_domain_without_changes_is_told_as_such(client: httpx.AsyncClient) -> None:
    body = await told(client, "nowhere")
    assert (body["users"], body["changes"], body["shifts"]) == (0, 0, [])
    assert len(body["buckets"]) == 8  # the first day and the last are cut
    assert all(bucket["changes"] == 0 for bucket in body["buckets"])


async def test_counts_over_time(client: httpx.AsyncClient, app: FastAPI) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    twice = b"one user" * 4
    profile = app.state.resources.profile.id
    rows = [
        row_of(since, [1], profile_id=profile, user_key=twice),
        row_of(since + timedelta(hours=3), [0], profile_id=profile, user_key=twice, sequence=2, kind="returning"),
        row_of(since + timedelta(hours=30), [0], profile_id="another"),
        row_of(since + timedelta(hours=31), [], profile_id=profile, lost=[]),
        row_of(since + 3 * DAY, [1], profile_id=profile),  # not before `until`
        row_of(since, [1], profile_id=profile, domain="other"),
    ]
    async with app.state.resources.write_sessions.begin() as session:
        for row in rows:
            await session.execute(insert(MutationRow).values(row))
    app.state.resources.settings = app.state.resources.settings.model_copy(update={"population_min_users": 1})
    body = await told(client, since=since.isoformat(), until=(since + 3 * DAY).isoformat())
    assert (body["users"], body["changes"], body["kinds"]) == (3, 4, {"novel": 3, "returning": 1})
    assert [(bucket["users"], bucket["changes"]) for bucket in body["buckets"]] == [(1, 2), (2, 2), (0, 0)]
    # Topics of another profile are other topics; a change that gained none counts among those who changed.
    assert [(item["topic"], item["users"], item["share"]) for item in body["topics"]["gained"]] == [
        (0, 1, 0.5),
        (1, 1, 0.5),
    ]
    assert [(item["topic"], item["users"], item["label"]) for item in body["topics"]["lost"]] == [(0, 1, "one")]
    hours = await told(client, since=since.isoformat(), until=(since + DAY).isoformat(), bucket="hour")
    assert [n for n, bucket in enumerate(hours["buckets"]) if bucket["changes"]] == [0, 3]


async def test_topics_of_few_users_are_not_told(client: httpx.AsyncClient, declare: Declare) -> None:
    await declare([(NOW - timedelta(hours=2), [1])] * 4 + [(NOW - timedelta(hours=2), [0])] * 5)
    body = await told(client)
    assert [(item["topic"], item["users"]) for item in body["topics"]["gained"]] == [(0, 5)]
    assert body["users"] == 9


async def test_what_is_usual_is_told_beside(client: httpx.AsyncClient, declare: Declare) -> None:
    await declare(usual(20, every=10))
    await declare([(NOW - timedelta(hours=2), [1])] * 10 + [(NOW - timedelta(hours=2), [0])] * 10)
    gained = (await told(client, since=(NOW - timedelta(hours=3)).isoformat()))["topics"]["gained"]
    (second,) = [item for item in gained if item["topic"] == 1]
    assert second["share"] == 0.5
    assert second["expected_share"] == pytest.approx(0.1, abs=0.01)
    assert second["ratio"] == pytest.approx(5, rel=0.1)


async def test_what_is_no_time_is_refused(client: httpx.AsyncClient) -> None:
    for query, field in (
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "since"),
        ({"since": "2020-03-02T00:00:00Z", "bucket": "hour"}, "bucket"),
        ({"bucket": "week"}, "bucket"),
        ({"since": "2026-03-02"}, "since"),
        ({"sinse": "2026-03-02T00:00:00Z"}, "sinse"),
    ):
        response = await client.get("/domains/default/mutations", params=query)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_shift_is_told_to_those_who_are_part_of_it(
    client: httpx.AsyncClient, app: FastAPI, declare: Declare
) -> None:
    await declare(usual(30, every=50))
    resources = app.state.resources
    watch = Watch(resources, resources.profile)
    assert await watch.look("default") == {}
    first = await turn(client, "first")
    assert first["population"] is None  # one user is no population
    assert await watch.look("default") == {}

    users = [f"user-{n}" for n in range(20)]
    for user in users:
        await turn(client, user)
    found = await watch.look("default")
    assert set(found) == {1}

    last = await turn(client, "last")
    shift = last["population"]
    assert shift["shift"] is True
    assert (shift["topic"], shift["label"], shift["users"], shift["changed_users"]) == (1, "two", 21, 21)
    assert shift["expected"] == pytest.approx(21 / 50, rel=0.2)
    assert shift["probability"] > 0.9
    assert (await told(client))["shifts"] == [shift]
    unchanged = (await client.post("/detect", json=turning("last"))).json()
    assert unchanged["population"] is None

    before = (await told(client))["users"]
    for user in users:  # the erased are counted no more
        assert (await client.delete(f"/users/{user}")).status_code == 204
    assert await watch.look("default") == {}
    assert (await told(client))["users"] == before - len(users)


async def test_looks_come_by_themselves(client: httpx.AsyncClient, app: FastAPI, declare: Declare) -> None:
    await declare(usual(30, every=50))
    await declare([(NOW - timedelta(minutes=5), [1])] * 20)
    asked = turning("watched")
    await client.post("/detect", json=asked)
    populations = app.state.resources.populations

    async with asyncio.timeout(60):
        while not populations.found("default", since=NOW - DAY):  # noqa: ASYNC110 - nothing to wait for but this
            await asyncio.sleep(0.01)
    assert populations.shift_of("default", [0, 1]).users == 21
    assert populations.shift_of("default", [0]) is None
    assert populations.shift_of("other", [1]) is None


async def test_histories_of_years_are_no_news(app: FastAPI, declare: Declare) -> None:
    await declare(usual(30, every=50))
    resources = app.state.resources
    long_ago = NOW - timedelta(days=400)
    rows = [
        row_of(NOW - timedelta(minutes=5), [1], profile_id=resources.profile.id, changed_at=long_ago) for _ in range(50)
    ]
    async with resources.write_sessions.begin() as session:
        await session.execute(insert(MutationRow), rows)
    assert await Watch(resources, resources.profile).look("default") == {}


async def test_a_rise_of_every_topic_is_no_shift(app: FastAPI, declare: Declare) -> None:
    await declare(usual(30, every=10))
    await declare([(NOW - timedelta(minutes=5), [1] if n % 10 == 0 else [0]) for n in range(400)])
    assert await Watch(app.state.resources, app.state.resources.profile).look("default") == {}
