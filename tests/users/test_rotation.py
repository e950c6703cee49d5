"""A change of the user-key secret: services that know two secrets on one database, in one process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.database.base import Base
from service.database.sessions import write_sessions
from service.encoder import FakeEncoder
from service.identity import (
    OTHER_SECRETS_FILE,
    SECRET_FILE,
    UserKeySecretError,
    key_id,
    load_other_secrets,
    user_key,
    user_keys,
)
from service.settings import Settings
from service.users import repository
from tests.users.database import TABLES_OF_USERS

pytestmark = pytest.mark.anyio

OLD, NEW, THIRD = "the-secret-of-old-times", "the-secret-of-new-times", "a-third-secret-for-later"
START = datetime(2026, 1, 5, 10, tzinfo=UTC)

Body = dict[str, Any]
Replica = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def replica(settings: Settings) -> Replica:
    """`async with replica(secret, others)`: a client of a service with these secrets."""

    @asynccontextmanager
    async def start(secret: str, others: Sequence[str] = ()) -> AsyncIterator[httpx.AsyncClient]:
        given = settings.model_dump() | {"user_key_secret": secret, "user_key_previous_secrets": tuple(others)}
        app = create_app(Settings(**given), encoder=FakeEncoder(dim=8))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            yield client

    return start


def body(user: str, first: int, n: int = 1, **options: Any) -> Body:
    behaviors = [
        {
            "event_id": f"e{i}",
            "text": f"thing {i % 3}",
            "item_id": f"sku-{i % 3}",
            "occurred_at": (START + timedelta(hours=i)).isoformat(),
        }
        for i in range(first, first + n)
    ]
    return {"user_id": user, "behaviors": behaviors, "options": options}


async def detect(client: httpx.AsyncClient, sent: Body, key: str | None = None) -> Body:
    response = await client.post("/detect", json=sent, headers={"Idempotency-Key": key} if key else {})
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


async def tables(client: httpx.AsyncClient, user: str) -> dict[str, list[Body]]:
    response = await client.get(f"/users/{user}/export")
    assert response.status_code == 200, response.text
    held: dict[str, list[Body]] = response.json()["tables"]
    return held


async def keys_held(engine: AsyncEngine) -> dict[str, set[bytes]]:
    """The keys in each table of users."""
    async with engine.connect() as connection:
        return {
            table.name: {bytes(key) for key in await connection.scalars(text(f"SELECT user_key FROM {table.name}"))}  # noqa: S608
            for table in TABLES_OF_USERS
        }


async def release_all(engine: AsyncEngine) -> None:
    """As if the vector of every snapshot had left with noise, and every change were being told to a webhook."""
    releases = (
        "INSERT INTO privacy_releases "
        "SELECT domain, user_key, sequence, snapshot_id, model_digest, now(), 0.5, z FROM snapshots"
    )
    deliveries = (
        "INSERT INTO webhook_deliveries (domain, user_key, mutation_id, webhook_id, due_at, created_at) "
        "SELECT domain, user_key, mutation_id, gen_random_uuid(), now(), now() FROM mutations"
    )
    async with engine.begin() as connection:
        await connection.execute(text(releases))
        await connection.execute(text(deliveries))


def key(secret: str, user: str) -> bytes:
    return user_key(secret.encode(), "default", user)


async def test_everything_moves_with_the_first_request(replica: Replica, engine: AsyncEngine) -> None:
    async with replica(OLD) as client:
        for user in ("moves", "stays"):
            sent = body(user, 0, 12, detector="distance", threshold=1e-6)
            assert (await detect(client, sent, key="sent-before"))["mutated"]
        await release_all(engine)
        before = await tables(client, "moves")
    async with replica(NEW, [OLD]) as client:
        answer = await detect(client, body("moves", 11, 3))
        sequence = before["user_states"][0]["sequence"]
        assert (answer["sequence"], answer["accepted"], answer["duplicates"]) == (sequence + 1, 2, 1)
        after = await tables(client, "moves")
    moved, stays = key(NEW, "moves"), key(OLD, "stays")
    assert await keys_held(engine) == {
        table.name: set() if table.name == "tombstones" else {moved, stays} for table in TABLES_OF_USERS
    }
    assert after["user_states"][0]["key_id"] == key_id(NEW.encode())
    assert after["user_states"][0]["created_at"] == before["user_states"][0]["created_at"]
    for name in ("snapshots", "mutations", "user_memory", "idempotency_records", "privacy_releases"):
        old_rows = [row | {"user_key": moved.hex()} for row in before[name]]
        assert after[name][: len(old_rows)] == old_rows


async def test_reads_find_a_user_and_move_nobody(replica: Replica, engine: AsyncEngine) -> None:
    async with replica(OLD) as client:
        await detect(client, body("u", 0, 3))
        expected = [(await client.get(f"/users/u/{what}")).json() for what in ("interest", "history")]
        tried = await detect(client, body("u", 3, 2, persist=False))
    async with replica(NEW, [THIRD, OLD]) as client:
        assert [(await client.get(f"/users/u/{what}")).json() for what in ("interest", "history")] == expected
        assert len((await tables(client, "u"))["seen_events"]) == 3
        again = await detect(client, body("u", 3, 2, persist=False))
        assert again["scores"] == tried["scores"]
        assert (again["accepted"], again["interest"]) == (2, tried["interest"])
        nothing_new = await detect(client, body("u", 0, 3, persist=False))
        assert nothing_new["snapshot_id"] == expected[0]["snapshot_id"]
        for what in ("interest", "history", "export"):
            assert (await client.get(f"/users/nobody/{what}")).status_code == 404
    assert (await keys_held(engine))["user_states"] == {key(OLD, "u")}


async def test_an_erasure_is_under_every_key(replica: Replica, engine: AsyncEngine) -> None:
    async with replica(OLD) as client:
        for user in ("early", "late"):
            await detect(client, body(user, 0, 3))
        assert (await client.delete("/users/early")).status_code == 204
    async with replica(NEW, [OLD]) as client:
        assert (await client.delete("/users/late")).status_code == 204
        for user in ("early", "late"):
            assert (await client.delete(f"/users/{user}")).status_code == 204, "known to be erased"
            assert [name for name, held in (await tables(client, user)).items() if held] == ["tombstones"]
            for options in ({"persist": False}, {}):
                answer = await detect(client, body(user, 0, 5, **options))
                assert (answer["accepted"], len(answer["rejected"])) == (0, 5)
        assert (await client.delete("/users/nobody")).status_code == 404
        held = await keys_held(engine)
        assert held.pop("tombstones") == {key(NEW, "early"), key(NEW, "late")}, "repeated, it is under the new one"
        assert not any(held.values())
        # Who comes back does so under the new key, and the old tombstone comes along.
        comes_back = body("early", 0, 2)
        comes_back["behaviors"][1]["occurred_at"] = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
        answer = await detect(client, comes_back)
        assert (answer["accepted"], len(answer["rejected"])) == (1, 1)
    held = await keys_held(engine)
    assert held["user_states"] == {key(NEW, "early")}
    assert held["tombstones"] == {key(NEW, "early"), key(NEW, "late")}


async def test_replicas_on_both_sides_of_a_change_agree(replica: Replica, engine: AsyncEngine) -> None:
    """One still has the old secret and knows the new one, the other has the new one: each moves users to its own."""
    async with replica(OLD, [NEW]) as old, replica(NEW, [OLD]) as new:
        for user in ("known", "known-too"):
            await detect(old, body(user, 0, 1))
        users = ["known", "known-too", "new", "new-too"]
        sent = [(user, n, client) for n in range(1, 13) for user in users for client in (old, new)]
        answers = await asyncio.gather(
            *(detect(client, body(user, 2 * n + (client is new))) for user, n, client in sent)
        )
        for user in users:
            mine = [answer for (name, *_), answer in zip(sent, answers, strict=True) if name == user]
            first = 2 if user.startswith("known") else 1
            assert sorted(answer["sequence"] for answer in mine) == list(range(first, first + 24))
            held = [await tables(client, user) for client in (old, new)]
            assert held[0] == held[1]
            assert len(held[0]["seen_events"]) == len(held[0]["snapshots"]) == first + 23
        for client, user in ((old, "known"), (new, "new")):
            assert (await client.delete(f"/users/{user}")).status_code == 204
        for client in (old, new):
            for user in ("known", "new"):
                assert (await client.get(f"/users/{user}/interest")).status_code == 404
                assert (await detect(client, body(user, 0, 3)))["accepted"] == 0
    held_now = await keys_held(engine)
    assert {name: len(held) for name, held in held_now.items() if held} == dict.fromkeys(
        ("user_states", "snapshots", "seen_events", "seen_items", "user_memory", "tombstones"), 2
    )


async def test_two_who_move_one_user_at_once(replica: Replica, engine: AsyncEngine) -> None:
    async with replica(OLD) as client:
        for n in range(5):
            await detect(client, body(f"u{n}", 0, 20))
    async with replica(NEW, [OLD]) as one, replica(NEW, [OLD]) as other:
        for n in range(5):
            requests = [detect(client, body(f"u{n}", 20 + i)) for i, client in enumerate([one, other] * 3)]
            answers = await asyncio.gather(*requests)
            assert sorted(answer["sequence"] for answer in answers) == list(range(2, 8))
            assert len((await tables(one, f"u{n}"))["seen_events"]) == 26
    assert (await keys_held(engine))["user_states"] == {key(NEW, f"u{n}") for n in range(5)}


async def test_every_table_of_users_is_moved_and_erased() -> None:
    """A new table of users belongs into the repository's list, or the move and the erasure would leave it behind."""
    listed = {table.__tablename__ for table in repository.TABLES}
    assert listed | {"tombstones"} == {table.name for table in TABLES_OF_USERS}
    assert {table.__tablename__ for table in repository.EXPORTED} == listed | {"tombstones"}
    with_key = {table.name for table in Base.metadata.tables.values() if "user_key" in table.columns}
    assert with_key == {table.name for table in TABLES_OF_USERS}, "a user's data have keys that begin with the user"


async def test_of_two_tombstones_the_later_one_counts(replica: Replica, engine: AsyncEngine) -> None:
    async with replica(OLD, [NEW]):
        keys = user_keys(NEW.encode(), [OLD.encode()], "default", "u")
        for under, day in ((keys.present, 2), (keys.others[0], 3)):
            async with write_sessions(engine).begin() as session:
                values = {"key": under, "at": START + timedelta(days=day)}
                statement = "INSERT INTO tombstones (domain, user_key, deleted_at) VALUES ('default', :key, :at)"
                await session.execute(text(statement), values)
        async with write_sessions(engine).begin() as session:
            assert await repository.bring(session, keys)
        async with engine.connect() as connection:
            (row,) = await connection.execute(text("SELECT user_key, deleted_at, key_id FROM tombstones"))
        assert (row.user_key, row.deleted_at, row.key_id) == (keys.present, START + timedelta(days=3), keys.key_id)


async def test_which_secrets_a_database_is_served_with(replica: Replica) -> None:
    async def starts(secret: str, *others: str) -> str:
        try:
            async with replica(secret, others):
                return "serves"
        except UserKeySecretError as error:
            return str(error)

    assert await starts(OLD) == "serves"
    assert "not the one that this database was made with" in await starts(NEW)
    assert await starts(OLD, NEW) == "serves"  # the new one is made known
    assert await starts(OLD) == "serves"  # and nothing is decided by that
    assert await starts(NEW, OLD) == "serves"  # the change
    assert "was changed since this one was in use" in await starts(OLD)
    assert await starts(OLD, NEW) == "serves"  # a replica that was not switched yet starts again
    assert await starts(NEW) == "serves"
    assert await starts(THIRD, NEW) == "serves"  # the next change
    assert "was changed since this one was in use" in await starts(NEW)
    assert "was changed since this one was in use" in await starts(OLD, NEW)
    assert await starts(THIRD) == "serves"


async def test_earlier_secrets_in_the_data_folder(settings: Settings) -> None:
    data = settings.data_dir
    data.mkdir()
    plain = settings.model_copy(update={"user_key_secret": None})
    assert load_other_secrets(plain) == ()
    (data / OTHER_SECRETS_FILE).write_text(f"{'ab' * 32}\n{'cd' * 32}\n")
    assert load_other_secrets(plain) == (b"\xab" * 32, b"\xcd" * 32)
    given = Settings(data_dir=data, user_key_previous_secrets=f"{OLD}, {NEW}")
    assert load_other_secrets(given) == (OLD.encode(), NEW.encode(), b"\xab" * 32, b"\xcd" * 32)
    (data / OTHER_SECRETS_FILE).write_text("abcd")
    with pytest.raises(UserKeySecretError, match=OTHER_SECRETS_FILE):
        load_other_secrets(plain)


async def test_a_secret_in_the_data_folder_is_changed_by_moving_its_file(
    settings: Settings, engine: AsyncEngine
) -> None:
    async def post(n: int) -> Body:
        app = create_app(settings, encoder=FakeEncoder(dim=8))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            return await detect(client, body("u", n))

    await post(0)
    secret, previous = settings.data_dir / SECRET_FILE, settings.data_dir / OTHER_SECRETS_FILE
    first = secret.read_text()
    secret.rename(previous)
    assert (await post(1))["sequence"] == 2
    assert secret.read_text() != first
    previous.unlink()
    assert (await post(2))["sequence"] == 3
    assert len((await keys_held(engine))["snapshots"]) == 1
