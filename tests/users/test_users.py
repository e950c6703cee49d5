"""The present interest, its history, and erasure, through real HTTP."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg
import httpx
import numpy as np
import pytest

from service.database.embedded import EmbeddedPostgres
from tests.conftest import Serve, Server
from tests.detect.conftest import body

TEXTS = [f"{word} {thing}" for word in ("fresh", "best", "cheap") for thing in ("pasta", "bread", "soup", "cheese")]


@pytest.fixture
def user() -> str:
    return f"user-{uuid4()}"


def fill(api: httpx.Client, user: str, requests: int = 5) -> list[dict[str, Any]]:
    """Several requests of two behaviours each; their answers."""
    answers = []
    for n in range(requests):
        response = api.post("/detect", json=body(TEXTS[2 * n : 2 * n + 2], user, first=2 * n))
        assert response.status_code == 200
        answers.append(response.json())
    return answers


def test_the_latest_snapshot_is_what_was_answered(api: httpx.Client, user: str) -> None:
    answer = fill(api, user)[-1]
    snapshot = api.get(f"/users/{user}/interest", params={"include": "vectors"}).json()
    for name in ("snapshot_id", "sequence", "status", "mutated", "change", "scores", "interest"):
        assert snapshot[name] == answer[name], name
    assert snapshot["behaviors"] == 10
    assert snapshot["model_digest"] == answer["model"]["digest"]
    assert snapshot["profile_id"] == answer["profile"]["id"]
    assert snapshot["as_of"] == "2026-01-07T16:00:00Z"
    taken = datetime.fromisoformat(snapshot["taken_at"])
    assert abs(datetime.now(UTC) - taken) < timedelta(minutes=5)


def test_vectors_only_when_asked_for(api: httpx.Client, user: str) -> None:
    fill(api, user, 2)
    assert api.get(f"/users/{user}/interest").json()["interest"] is None
    plain = api.get(f"/users/{user}/interest?include=vectors").json()["interest"]["z"]
    packed = api.get(f"/users/{user}/interest?include=vectors&encoding_format=base64").json()["interest"]["z"]
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), "<f4"), plain, atol=1e-6)


def test_history_comes_newest_first_a_page_at_a_time(api: httpx.Client, user: str) -> None:
    ids = [answer["snapshot_id"] for answer in fill(api, user)]
    seen, cursor = [], None
    for expected in (2, 2, 1):
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.get(f"/users/{user}/history", params=query).json()
        assert len(page["items"]) == expected
        seen += [item["snapshot_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == ids[::-1]


def test_a_cursor_holds_while_snapshots_are_added(api: httpx.Client, user: str) -> None:
    fill(api, user, 4)
    first = api.get(f"/users/{user}/history", params={"limit": 2}).json()
    api.post("/detect", json=body(["one more"], user, first=50))
    second = api.get(f"/users/{user}/history", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["sequence"] for item in first["items"] + second["items"]] == [4, 3, 2, 1]


def test_history_between_two_times(api: httpx.Client, user: str) -> None:
    fill(api, user, 4)
    items = api.get(f"/users/{user}/history").json()["items"]
    since, until = items[2]["taken_at"], items[0]["taken_at"]
    some = api.get(f"/users/{user}/history", params={"since": since, "until": until}).json()["items"]
    assert [item["sequence"] for item in some] == [3, 2]
    none = api.get(f"/users/{user}/history", params={"until": "2020-01-01T00:00:00Z"})
    assert none.status_code == 200
    assert none.json() == {"items": [], "next_cursor": None}


def test_history_of_changes_has_one_for_each(api: httpx.Client, user: str) -> None:
    request = body(TEXTS, user, detector="distance", threshold=0.05)
    answer = api.post("/detect", json=request).json()
    changes = api.get(f"/users/{user}/history", params={"mutated_only": True}).json()["items"]
    assert len(changes) == len(answer["changes"]) > 0
    assert [item["change"] for item in changes] == answer["changes"][::-1]
    assert all(item["mutated"] and item["taken_for"] == "change" for item in changes)


def test_an_unknown_user_is_a_problem(api: httpx.Client, user: str) -> None:
    calls = [api.get(f"/users/{user}/interest"), api.get(f"/users/{user}/history"), api.delete(f"/users/{user}")]
    for response in calls:
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == "/problems/unknown-user"


@pytest.mark.parametrize("name", ["a/b", "köln 東京 🎸", "a?b#c%d", "..", " ", "a/interest", "interest", "x" * 200])
def test_ids_of_every_kind(name: str, api: httpx.Client) -> None:
    user = f"{name}-{uuid4()}"
    answer = api.post("/detect", json=body(["fresh pasta"], user)).json()
    path = f"/users/{quote(user, safe='')}"
    assert answer["user_id"] == user
    assert api.get(f"{path}/interest").json()["snapshot_id"] == answer["snapshot_id"]
    assert api.delete(path).status_code == 204


def test_erasure_takes_everything_and_is_no_error_twice(api: httpx.Client, user: str) -> None:
    fill(api, user)
    assert api.delete(f"/users/{user}").status_code == 204
    assert api.get(f"/users/{user}/interest").status_code == 404
    assert api.get(f"/users/{user}/history").status_code == 404
    assert api.delete(f"/users/{user}").status_code == 204


def test_late_behaviours_do_not_bring_an_erased_user_back(api: httpx.Client, user: str) -> None:
    fill(api, user)
    api.delete(f"/users/{user}")
    late = api.post("/detect", json=body(TEXTS, user)).json()
    assert (late["accepted"], late["duplicates"], late["snapshot_id"]) == (0, 0, None)
    assert [item["event_id"] for item in late["rejected"]] == [f"e{n}" for n in range(12)]
    assert "erased" in late["rejected"][0]["reason"]
    assert api.get(f"/users/{user}/interest").status_code == 404


def test_an_erasure_repeated_counts_from_then_on(api: httpx.Client, user: str) -> None:
    api.post("/detect", json=body(["a recipe"], user))
    assert api.delete(f"/users/{user}").status_code == 204
    between = body(["another recipe"], user, first=1)
    between["behaviors"][0]["occurred_at"] = datetime.now(UTC).isoformat()
    assert api.delete(f"/users/{user}").status_code == 204
    answer = api.post("/detect", json=between).json()
    assert (answer["accepted"], len(answer["rejected"])) == (0, 1)
    assert api.get(f"/users/{user}/interest").status_code == 404


def test_an_erased_user_who_comes_back_starts_anew(api: httpx.Client, user: str) -> None:
    fill(api, user)
    api.delete(f"/users/{user}")
    request = body(["fresh pasta"], user)
    request["behaviors"][0]["occurred_at"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    answer = api.post("/detect", json=request).json()
    assert (answer["accepted"], answer["sequence"], answer["status"]) == (1, 1, "warming_up")


def test_erasure_is_of_one_domain(api: httpx.Client, user: str) -> None:
    for domain in ("shop", "news"):
        api.post("/detect", json=body(["fresh pasta"], user) | {"domain": domain})
    assert api.delete(f"/users/{user}", params={"domain": "shop"}).status_code == 204
    assert api.get(f"/users/{user}/interest", params={"domain": "shop"}).status_code == 404
    assert api.get(f"/users/{user}/interest", params={"domain": "news"}).status_code == 200


def test_after_erasure_nothing_of_the_user_is_left_in_the_database(serve: Serve) -> None:
    server = serve()
    user, text, event = "someone-very-particular", "zebra finch aviary", "event-that-is-particular"
    request = body([text, *TEXTS], user)
    request["behaviors"][0]["event_id"] = event
    server.client.post("/detect", json=request)
    held = dump(server)
    assert event in held
    assert user not in held
    assert text not in held
    assert server.client.delete(f"/users/{user}").status_code == 204
    left = dump(server)
    assert event not in left
    assert [line.count("x") for line in left.splitlines() if line.startswith("(default,")] == [1], "the tombstone alone"


def dump(server: Server) -> str:
    """Every row of every table in the server's database, as text."""
    postgres = EmbeddedPostgres(server.data_dir)
    try:
        return asyncio.run(_rows(postgres.start()))
    finally:
        postgres.stop()


async def _rows(url: str) -> str:
    connection = await asyncpg.connect(url)
    names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [row for (name,) in names for row in await connection.fetch(f'SELECT t::text FROM "{name}" t')]  # noqa: S608
    await connection.close()
    return "\n".join(str(row[0]) for row in rows)


def test_a_part_of_a_user_cannot_be_erased_and_is_no_id(api: httpx.Client, user: str) -> None:
    """`DELETE /users/u/history` erases neither u nor the user who is called `u/history`; encoded, it is an id."""
    for part in ("history", "interest"):
        other = f"{user}/{part}"
        fill(api, user, 1)
        fill(api, other, 1)
        refused = api.delete(f"/users/{user}/{part}")
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET"
        assert refused.headers["content-type"] == "application/problem+json"
        for known in (user, other):
            assert api.get(f"/users/{quote(known, safe='')}/interest").status_code == 200
        assert api.delete(f"/users/{quote(other, safe='')}").status_code == 204
        assert api.get(f"/users/{user}/interest").status_code == 200
