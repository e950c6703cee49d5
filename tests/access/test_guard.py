"""Who is let in: keys that live and die, a service without keys, and what strangers learn."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from service.access.start import ExposedError
from service.app import create_app
from service.encoder import FakeEncoder
from service.settings import Settings
from tests.access.conftest import KEEP_S, Access, Open

pytestmark = pytest.mark.anyio

CHALLENGE = 'Bearer realm="swerve"'


def refused(answer: httpx.Response) -> str:
    """A 401 as it has to be; its challenge."""
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "/problems/key-needed"
    assert "swerve keys create" in body["detail"] or "Bearer swerve_" in body["detail"]
    challenge: str = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(CHALLENGE)
    return challenge


async def test_a_key_opens_and_without_one_it_is_closed(access: Access) -> None:
    key = await access.make("read")
    assert refused(await access.ask(None)) == CHALLENGE
    assert (await access.ask(key)).status_code == 200


async def test_a_malformed_bearer_is_refused(access: Access) -> None:
    key = await access.make("read")
    for sent in ("Bearer", "Bearer ", "Bearer swerve_1", f"Bearer {key}x", f"Bearer  x {key}", f"Bearer\t{key}"):
        refused(await access.ask(None, headers={"Authorization": sent}))


async def test_other_schemes_are_told_which_one_it_is(access: Access) -> None:
    key = await access.make("read")
    for sent in (key, f"Basic {key}", f"Token {key}", "Digest username=x", "", f"{key} Bearer", f"bearer,{key}"):
        assert refused(await access.ask(None, headers={"Authorization": sent})) == CHALLENGE


async def test_the_scheme_is_read_in_any_case_and_a_second_header_is_refused(access: Access) -> None:
    key = await access.make("read")
    for scheme in ("bearer", "BEARER", "Bearer "):
        assert (await access.ask(None, headers={"Authorization": f"{scheme} {key}"})).status_code == 200
    twice = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    refused(await access.client.get("/model", headers=twice))


@pytest.mark.parametrize("where", ["query", "cookie", "body"])
async def test_a_key_elsewhere_is_none(access: Access, where: str) -> None:
    key = await access.make("ingest")
    more: dict[str, Any] = {
        "query": {"params": {"access_token": key}},
        "cookie": {"headers": {"Cookie": f"access_token={key}"}},
        "body": {"json": {"access_token": key}},
    }[where]
    refused(await access.ask(None, "POST", "/encode", **more))


async def test_an_unknown_id_and_a_wrong_secret_get_the_same_answer(access: Access) -> None:
    key = await access.make("read")
    _, key_id, secret = key.split("_")
    answers = [
        await access.ask(f"swerve_{key_id}_{'0' * 64}"),
        await access.ask(f"swerve_{'0' * 16}_{secret}"),
    ]
    for answer in answers:
        assert refused(answer) == f'{CHALLENGE}, error="invalid_token"'
        assert key_id not in answer.text
    ignored = {"x-request-id", "server-timing"}
    told = [{n: v for n, v in answer.headers.items() if n not in ignored} for answer in answers]
    assert told[0] == told[1]
    assert answers[0].content == answers[1].content


async def test_a_key_expires_on_time_though_it_is_kept_in_memory(access: Access) -> None:
    key = await access.make("read", expires_in=3)
    assert (await access.ask(key)).status_code == 200
    access.wait(2.9)
    assert (await access.ask(key)).status_code == 200
    access.wait(0.1)
    answer = await access.ask(key)
    assert refused(answer) == f'{CHALLENGE}, error="invalid_token"'
    assert "has expired" in answer.json()["detail"]


async def test_a_revoked_key_works_no_longer_than_the_keys_are_kept(access: Access) -> None:
    key, other = await access.make("read"), await access.make("read")
    assert (await access.ask(key)).status_code == 200
    await access.revoke(key)
    access.wait(KEEP_S)
    answer = await access.ask(key)
    refused(answer)
    assert "was revoked" in answer.json()["detail"]
    assert (await access.ask(other)).status_code == 200
    # Why is told to its holder alone.
    wrong = await access.ask(key[:-64] + "0" * 64)
    refused(wrong)
    assert "revoked" not in wrong.text


async def test_a_new_key_works_after_a_second(access: Access) -> None:
    first = await access.make("read")
    assert (await access.ask(first)).status_code == 200
    second = await access.make("read")
    assert (await access.ask(second)).status_code == 401
    access.wait(1)
    assert (await access.ask(second)).status_code == 200


async def test_keys_cost_no_statement_in_steady_state_however_many_are_tried(access: Access) -> None:
    key = await access.make("read")
    await access.ask(key)
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(access.engine.sync_engine, "before_cursor_execute", note)
    for n in range(50):
        assert (await access.ask(key)).status_code == 200
        refused(await access.ask(f"swerve_{n:016x}_{'0' * 64}"))
    assert sent == []


# Without keys.


async def test_without_a_key_this_machine_needs_none_until_one_is_made(access: Access) -> None:
    assert (await access.ask(None)).status_code == 200
    assert (await access.ask("anything")).status_code == 200
    body = {"user_id": "u", "behaviors": [{"text": "shoes", "occurred_at": "2025-01-05T10:00:00Z"}]}
    assert (await access.ask(None, "POST", "/detect", json=body)).status_code == 200
    key = await access.make("read")
    access.wait(KEEP_S)
    refused(await access.ask(None, "GET", "/users/u/interest"))
    assert (await access.ask(key, "GET", "/users/u/interest")).status_code == 200


async def test_losing_the_last_key_opens_nothing(access: Access) -> None:
    revoked, expired = await access.make("read"), await access.make("read", expires_in=1)
    assert (await access.ask(revoked)).status_code == 200
    await access.revoke(revoked)
    access.wait(KEEP_S)
    for key in (None, revoked, expired):
        refused(await access.ask(key))


async def test_elsewhere_nothing_is_open_even_with_an_empty_table(open_access: Open) -> None:
    access = await open_access(loopback=False)
    refused(await access.ask(None))
    key = await access.make("read")
    access.wait(KEEP_S)
    assert (await access.ask(key, headers={"Host": "swerve.example"})).status_code == 200
    async with access.engine.begin() as connection:
        await connection.execute(text("DELETE FROM api_keys"))
    access.wait(KEEP_S)
    refused(await access.ask(None))
    refused(await access.ask(key))


async def test_a_host_of_this_machine_is_served(access: Access) -> None:
    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "127.0.0.2:1", "[::1]", "[::1]:8000"):
        assert (await access.ask(None, headers={"Host": host})).status_code == 200, host


async def test_a_name_that_somebody_had_resolve_to_this_machine_is_not(access: Access) -> None:
    for host in (
        "rebound.example",
        "localhost.rebound.example",
        "127.0.0.1.rebound.example:8000",
        "192.0.2.1",
        "0.0.0.0",  # noqa: S104 - sent, not bound
        "",
        "[::2]",
        "[::1",
        "[::1x",
        "[::1]rebound.example",
        "127.0.0.1:8000.rebound.example",
        "::1",
        "localhost@rebound.example",
        "rebound.example#localhost",
    ):
        answer = await access.ask(None, headers={"Host": host})
        assert answer.status_code == 403, host
        assert answer.json()["type"] == "/problems/local-only"
        assert "localhost, 127.0.0.1 or [::1]" in answer.json()["detail"]
        assert "swerve keys create" in answer.json()["detail"]


async def test_what_a_proxy_passes_on_is_not_of_this_machine(access: Access) -> None:
    for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via"):
        answer = await access.ask(None, headers={header: "127.0.0.1"})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/local-only"), header


async def test_two_hosts_are_none(access: Access) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is read")

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for hosts in ([b"localhost", b"rebound.example"], []):
        scope = {
            "type": "http", "method": "GET", "path": "/model", "raw_path": b"/model", "query_string": b"",
            "headers": [(b"host", host) for host in hosts], "app": access.app, "http_version": "1.1", "scheme": "http",
        }  # fmt: skip
        await access.app(scope, receive, send)
        assert sent[0]["status"] == 403
        sent.clear()


async def test_with_keys_any_host_and_any_proxy_will_do(access: Access) -> None:
    key = await access.make("read")
    passed_on = {"Host": "swerve.example", "X-Forwarded-For": "192.0.2.1"}
    assert (await access.ask(key, headers=passed_on)).status_code == 200


async def test_a_service_that_others_reach_does_not_start_without_a_live_key(
    settings: Settings, access: Access
) -> None:
    elsewhere = settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104 - what is refused

    async def start() -> None:
        app = create_app(elsewhere, encoder=FakeEncoder(dim=8))
        async with app.router.lifespan_context(app):
            pass

    async def is_refused() -> None:
        with pytest.raises(ExposedError, match=r"^0\.0\.0\.0 is reached.*`swerve keys create ") as caught:
            await start()
        assert "\n" not in str(caught.value)

    await is_refused()
    key = await access.make("read")
    await start()
    await access.revoke(key)
    await is_refused()
    await access.make("read", expires_in=1)  # by the clock on the wall that is long past
    await is_refused()


# Before anything is read, and while the database is away.


@pytest.mark.parametrize("key", [None, f"swerve_{'0' * 16}_{'0' * 64}"])
async def test_the_body_of_a_stranger_is_not_read(access: Access, key: str | None) -> None:
    await access.make("ingest")
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        while True:
            read.append(b"x" * 65536)
            yield read[-1]

    refused(await access.ask(key, "POST", "/detect", content=body()))
    huge = {"Content-Length": str(10**15)}
    refused(await access.ask(key, "POST", "/detect", headers=huge, content=body()))  # not told the limit either
    assert read == []


async def test_while_the_database_is_away_nobody_is_told_to_log_in(access: Access) -> None:
    key = await access.make("read")
    assert (await access.ask(key)).status_code == 200

    def away(*_: Any) -> None:
        raise ConnectionError("away")

    event.listen(access.engine.sync_engine, "before_cursor_execute", away)
    assert (await access.ask(key)).status_code == 200  # what is known is young enough
    assert (await access.ask(key, "GET", "/users/u/interest")).status_code == 503
    access.wait(KEEP_S)
    answers = await asyncio.gather(
        access.ask(key), access.ask(key, "GET", "/users/u/interest"), access.ask(f"swerve_{'0' * 16}_{'0' * 64}")
    )
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems/database-unavailable"
        assert answer.headers["Retry-After"]
    assert (await access.ask(None, "GET", "/livez")).status_code == 200
    event.remove(access.engine.sync_engine, "before_cursor_execute", away)
    assert (await access.ask(key)).status_code == 200
