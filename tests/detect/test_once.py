"""Requests under an Idempotency-Key, through two real services on one database."""

import asyncio
import re
import signal
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.embedded import EmbeddedPostgres
from service.database.engine import make_engine
from service.database.sessions import write_sessions
from service.detect.schemas import DetectRequest
from service.idempotency import repository
from service.idempotency.key import hash_of
from service.idempotency.record import Claim, fingerprint
from service.identity import user_key
from tests.conftest import Serve, Server
from tests.detect.conftest import Body, body

Themes = dict[str, list[str]]
T = TypeVar("T")
WAIT_SECONDS = 30


@pytest.fixture
def key() -> str:
    return f"{uuid4()}"


@pytest.fixture
def change(themes: Themes) -> list[str]:
    return themes["cooking"] + themes["programming"]


def post(server: Server, request: Body, key: str, path: str = "/detect") -> httpx.Response:
    return server.client.post(path, json=request, headers={"Idempotency-Key": key})


def post_until_answered(server: Server, request: Body, key: str) -> httpx.Response:
    deadline = time.monotonic() + WAIT_SECONDS
    while (response := post(server, request, key)).status_code == 409:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return response


@contextmanager
def database(server: Server) -> Iterator[str]:
    """The address of the server's Postgres."""
    postgres = EmbeddedPostgres(server.data_dir)
    yield postgres.start()
    postgres.stop()


def with_engine(server: Server, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        engine = make_engine(url, pool_size=1)
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    with database(server) as url:
        return asyncio.run(run(url))


def in_database(server: Server, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with database(server) as url:
        return asyncio.run(run(url))


def key_of(server: Server, user: str) -> bytes:
    secret = bytes.fromhex((server.data_dir / "user_key.secret").read_text(encoding="ascii"))
    return user_key(secret, "default", user)


def history(server: Server, user: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.client.get(f"/users/{user}/history", params={"limit": 200}).json()["items"]
    return items


def test_the_first_answer_is_given_again_byte_for_byte(
    replicas: list[Server], change: list[str], user: str, key: str
) -> None:
    request = body(change, user)
    first = post(replicas[0], request, key)
    assert first.status_code == 200
    assert first.json()["mutated"] is True
    assert first.json()["contributions"]
    assert "Idempotency-Replayed" not in first.headers
    post(replicas[0], body(["more pasta"], user, first=60), f"{uuid4()}")  # it is the first answer, not the present one
    for server in replicas:
        for name in (key, f'"{key}"'):
            again = post(server, request, name)
            assert again.status_code == 200
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.content == first.content
    assert len(history(replicas[1], user)) == first.json()["sequence"] + 1


@pytest.mark.parametrize("options", [{"encoding_format": "base64"}, {"include": []}, {"detector": "window"}])
def test_every_form_of_answer_comes_back(
    options: Body, replicas: list[Server], change: list[str], user: str, key: str
) -> None:
    request = body(change, user, **options)
    first, again = (post(server, request, key) for server in replicas)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content


def test_a_request_with_nothing_new_in_it_has_its_answer_kept_too(
    replicas: list[Server], change: list[str], user: str, key: str
) -> None:
    post(replicas[0], body(change, user), f"{uuid4()}")
    first = post(replicas[0], body(change, user), key)
    assert first.json()["duplicates"] == len(change)
    post(replicas[0], body(["more pasta"], user, first=60), f"{uuid4()}")
    assert post(replicas[1], body(change, user), key).content == first.content


def test_the_same_key_many_times_at_once_has_one_effect(
    replicas: list[Server], change: list[str], user: str, key: str
) -> None:
    request = body(change, user)
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda n: post(replicas[n % 2], request, key), range(24)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    good = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in good}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in good) == 1
    for refused in answers:
        if refused.status_code == 409:
            assert refused.json()["type"] == "/problems/idempotency-key-in-progress"
            assert int(refused.headers["Retry-After"]) >= 1
    assert len(history(replicas[0], user)) == good[0].json()["sequence"]
    assert post(replicas[1], request, key).content == good[0].content


def test_what_another_replica_carries_out_is_in_progress(replicas: list[Server], user: str, key: str) -> None:
    request = body(["fresh pasta"], user)
    parsed = DetectRequest.model_validate(request)
    claim = Claim("default", key_of(replicas[0], user), hash_of(key), fingerprint(parsed))

    async def hold(connection: asyncpg.Connection) -> list[httpx.Response]:
        await connection.execute("SELECT pg_advisory_lock($1)", claim.lock)
        return [
            await asyncio.to_thread(post, replicas[0], request, key),
            await asyncio.to_thread(post, replicas[0], {"requests": [request]}, key, "/detect/batch"),
        ]

    held, batch = in_database(replicas[0], hold)
    assert held.status_code == 409
    assert batch.json()["results"][0]["result"]["accepted"] == 1  # a batch's requests are others
    answer = post(replicas[0], request, key)  # who held it has gone: nothing stays locked
    assert answer.status_code == 200
    assert answer.json()["duplicates"] == 1


def test_a_key_with_another_body_is_refused(replicas: list[Server], user: str, key: str) -> None:
    request = body(["fresh pasta"], user)
    assert post(replicas[0], request, key).status_code == 200
    refused = post(replicas[1], body(["fresh bread"], user), key)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/idempotency-key-reused"
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    reordered = dict(reversed(list(request.items()))) | {"domain": "default"}
    assert post(replicas[1], reordered, key).headers["Idempotency-Replayed"] == "true"
    assert len(history(replicas[0], user)) == 1
    assert post(replicas[1], request | {"user_id": f"{uuid4()}"}, key).status_code == 200  # another user's key


def test_a_refused_request_can_be_corrected_under_the_same_key(replicas: list[Server], user: str, key: str) -> None:
    request = body(["fresh pasta"], user)
    bad = request | {"behaviors": [dict(request["behaviors"][0], type="stare")]}
    assert post(replicas[0], bad, key).status_code == 422
    assert post(replicas[0], {}, key).status_code == 422
    assert post(replicas[0], request, key).json()["accepted"] == 1


@pytest.mark.parametrize("name", ["", "two words", '"open', "k" * 256])
def test_a_malformed_key_is_refused(name: str, replicas: list[Server], user: str) -> None:
    for path, sent in (("/detect", body(["pasta"], user)), ("/detect/batch", {"requests": [body(["pasta"], user)]})):
        refused = post(replicas[0], sent, name, path)
        assert refused.status_code == 422
        assert [error["field"] for error in refused.json()["errors"]] == ["Idempotency-Key"]
    assert replicas[0].client.get(f"/users/{user}/interest").status_code == 404


def test_without_persist_a_key_is_without_effect(replicas: list[Server], user: str, key: str) -> None:
    for texts in (["fresh pasta"], ["fresh bread"]):
        tried = post(replicas[0], body(texts, user, persist=False), key)
        assert tried.status_code == 200
        assert "Idempotency-Replayed" not in tried.headers
    assert replicas[0].client.get(f"/users/{user}/interest").status_code == 404


def test_of_a_batch_what_was_refused_is_tried_again_and_the_rest_replayed(
    replicas: list[Server], change: list[str], key: str
) -> None:
    users = [f"{uuid4()}" for _ in range(3)]
    good, bad, other = (body(change, users[0]), body(["pasta"], users[1]), body(["bread"], users[2]))
    naive = bad | {"behaviors": [dict(bad["behaviors"][0], occurred_at="2026-01-05T10:00:00")]}
    tried = other | {"options": {"persist": False}}
    more = body(["one more"], users[0], first=60)
    first = post(replicas[0], {"requests": [good, naive, other, more]}, key, "/detect/batch")
    told = first.json()["results"]
    assert [item["problem"] is None for item in told] == [True, False, True, True]
    again = post(replicas[1], {"requests": [good, naive, other, more]}, key, "/detect/batch")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    corrected = post(replicas[1], {"requests": [good, bad, other, more, tried]}, key, "/detect/batch")
    assert "Idempotency-Replayed" not in corrected.headers
    results = corrected.json()["results"]
    assert [results[n] for n in (0, 2, 3)] == [told[n] for n in (0, 2, 3)]
    assert results[1]["result"]["accepted"] == 1
    changed = post(replicas[0], {"requests": [body(["soup"], users[0])]}, key, "/detect/batch").json()["results"]
    assert changed[0]["problem"]["type"] == "/problems/idempotency-key-reused"
    assert [len(history(replicas[0], user)) for user in users[1:]] == [1, 1]
    only_bad = post(replicas[0], {"requests": [naive]}, f"{uuid4()}", "/detect/batch")
    assert "Idempotency-Replayed" not in only_bad.headers


def test_a_killed_server_leaves_each_request_done_once_or_not_at_all(serve: Serve, themes: Themes, user: str) -> None:
    """Keyed requests under load, the server killed amid them, all sent again to another one."""
    first, second = serve(), serve()
    texts = [f"{text} {n}" for n in range(3) for text in themes["cooking"]]
    requests = [(body([text], user, first=n, threshold=1e9), f"{user}-{n}") for n, text in enumerate(texts)]
    answered = dict[int, bytes]()

    def send(n: int) -> None:
        try:
            response = httpx.post(
                f"{first.url}/detect", json=requests[n][0], headers={"Idempotency-Key": requests[n][1]}, timeout=60
            )
        except httpx.HTTPError:
            return
        if response.status_code == 200:
            answered[n] = response.content

    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send, n) for n in range(len(requests))]
        deadline = time.monotonic() + WAIT_SECONDS
        while len(answered) < 12:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        first.stop(signal.SIGKILL)
        for one in sending:
            one.result()
    assert 12 <= len(answered) < len(requests)
    answers = [post_until_answered(second, request, key) for request, key in requests]
    for n, content in answered.items():
        assert answers[n].content == content
        assert answers[n].headers["Idempotency-Replayed"] == "true"
    told = [answer.json() for answer in answers]
    assert [one["accepted"] for one in told] == [1] * len(requests)
    assert sorted(one["sequence"] for one in told) == list(range(1, len(requests) + 1))
    assert history(second, user)[0]["behaviors"] == len(requests)


def test_an_answer_is_kept_a_day_and_then_the_key_is_new(replicas: list[Server], user: str, key: str) -> None:
    request = body(["fresh pasta"], user)
    began = datetime.now(UTC)
    post(replicas[0], request, key)
    owner = key_of(replicas[0], user)
    claim = Claim("default", owner, hash_of(key), fingerprint(DetectRequest.model_validate(request)))

    async def kept(engine: AsyncEngine) -> list[bool]:
        async with engine.connect() as connection:
            times = (timedelta(0), timedelta(hours=23, minutes=59), timedelta(hours=24, minutes=5))
            return [claim in await repository.find(connection, [claim], began + after) for after in times]

    assert with_engine(replicas[0], kept) == [True, True, False]

    async def age(connection: asyncpg.Connection) -> None:
        await connection.execute("UPDATE idempotency_records SET expires_at = now() WHERE user_key = $1", owner)

    in_database(replicas[0], age)
    # Expired, though not yet deleted: any body may come under it, and its answer replaces the old one.
    other = body(["fresh bread"], user, first=1)
    assert post(replicas[0], other, key).json()["accepted"] == 1
    assert post(replicas[1], other, key).headers["Idempotency-Replayed"] == "true"

    async def clean(engine: AsyncEngine) -> list[int]:
        deleted = []
        for now in (began, began + timedelta(hours=25), began + timedelta(hours=25)):
            async with write_sessions(engine).begin() as session:
                deleted.append(await repository.delete_expired(session, now))
        return deleted

    none, some, no_more = with_engine(replicas[0], clean)
    assert (none, no_more) == (0, 0)
    assert some >= 1
    assert with_engine(replicas[0], kept) == [False, False, False]


def test_what_is_kept_says_nothing_of_the_user_and_goes_with_the_user(
    replicas: list[Server], change: list[str], user: str, key: str
) -> None:
    post(replicas[0], body(change, user), key)
    owner = key_of(replicas[0], user)

    async def records(connection: asyncpg.Connection) -> list[asyncpg.Record]:
        return list(await connection.fetch("SELECT * FROM idempotency_records WHERE user_key = $1", owner))

    (record,) = in_database(replicas[0], records)
    assert record["key_hash"] == hash_of(key)
    response = zlib.decompress(record["response"])
    assert re.search(rb'"mutated": ?true', response)
    everything = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in record.values())
    for secret in (user, key, *change):
        assert secret.encode() not in response + everything
    assert replicas[1].client.delete(f"/users/{user}").status_code == 204
    assert in_database(replicas[0], records) == []
    # Sent again: from before the erasure, so nothing is taken in and nothing is kept, not even the answer.
    late = post(replicas[0], body(change, user), key)
    assert (late.json()["accepted"], len(late.json()["rejected"])) == (0, len(change))
    assert in_database(replicas[0], records) == []
    assert replicas[0].client.get(f"/users/{user}/interest").status_code == 404
