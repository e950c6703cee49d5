"""What a request costs, in things that can be counted without a clock: statements, runs of the encoder, phases."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asyncpg.transaction import Transaction
from fastapi import FastAPI
from sqlalchemy import ARRAY, event
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.database.engine import make_engine
from service.detect import repository
from service.detect.repository import Known, NewSnapshot, SeenEvent, Update, User
from service.encoder import FakeEncoder
from service.settings import Settings

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def statements(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The first word of everything that is sent to Postgres, transactions' beginnings and ends included.

    A transaction is begun by its first statement, and told after it.
    """
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement.split(maxsplit=1)[0].upper())

    def noted(word: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def noting(self: Any) -> Any:
            sent.append(word)
            return method(self)

        return noting

    for name, word in (("start", "BEGIN"), ("commit", "COMMIT"), ("rollback", "ROLLBACK")):
        monkeypatch.setattr(Transaction, name, noted(word, getattr(Transaction, name)))
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
async def app(
    settings: Settings, encoder: FakeEncoder, engine: AsyncEngine, statements: list[str]
) -> AsyncIterator[FastAPI]:
    # The API keys are read every few seconds, whatever the number of requests; here not in between.
    app = create_app(settings.model_copy(update={"key_cache_seconds": 3600.0}), encoder=encoder, engine=engine)
    async with app.router.lifespan_context(app):
        assert statements
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def sent_since(statements: list[str]) -> list[str]:
    """What was sent since the last time."""
    told = statements.copy()
    statements.clear()
    return told


def request(user: str, first: int, n: int, **options: Any) -> dict[str, Any]:
    behaviors = [
        {"event_id": f"e{i}", "text": f"word{i % 7}", "occurred_at": (START + timedelta(hours=i)).isoformat()}
        for i in range(first, first + n)
    ]
    return {"user_id": user, "behaviors": behaviors, "options": options}


async def detect(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post("/detect", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("behaviors", [1, 20, 200])
async def test_statements_of_a_request(client: httpx.AsyncClient, statements: list[str], behaviors: int) -> None:
    await detect(client, request("u", 0, 5))
    sent_since(statements)
    await detect(client, request("u", 5, behaviors))
    assert sent_since(statements) == ["SELECT", "WITH"]


async def test_a_user_who_has_moved_costs_no_more_while_the_secret_changes(
    client: httpx.AsyncClient, app: FastAPI, statements: list[str]
) -> None:
    await detect(client, request("u", 0, 5))
    app.state.resources.other_user_key_secrets = (b"the secret before",)
    sent_since(statements)
    await detect(client, request("u", 5, 1))
    assert sent_since(statements) == ["SELECT", "WITH"]


async def test_statements_of_every_other_way(client: httpx.AsyncClient, statements: list[str]) -> None:
    sent_since(statements)
    for body, expected in (
        (request("u", 0, 5), ["SELECT", "INSERT", "BEGIN", "SELECT", "WITH", "COMMIT"]),  # a new user
        (request("u", 0, 5), ["SELECT", "SELECT"]),  # nothing new in it
        (request("u", 5, 5, persist=False), ["SELECT"]),
    ):
        await detect(client, body)
        assert sent_since(statements) == expected
    keyed = {"Idempotency-Key": "one"}
    carried_out = ["SELECT", "SELECT", "BEGIN", "SELECT", "INSERT", "SELECT", "WITH", "INSERT", "COMMIT"]
    for expected in (carried_out, ["SELECT"]):  # sent again: looked up, no more
        assert (await client.post("/detect", json=request("u", 5, 5), headers=keyed)).status_code == 200
        assert sent_since(statements) == expected
    for path in ("/users/u/interest", "/users/u/history"):
        assert (await client.get(path)).status_code == 200
        assert sent_since(statements) == ["SELECT", "BEGIN", "ROLLBACK"]


async def test_known_texts_are_not_encoded_again(model_dir: Any, database_url: str, tmp_path: Any) -> None:
    settings = Settings(data_dir=tmp_path, database_url=database_url, model_dir=model_dir, force_cpu=True)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        encoder = app.state.resources.encoder
        await asyncio.gather(*(detect(client, request(f"u{n}", 0, 40)) for n in range(8)))
        before = encoder.stats
        await asyncio.gather(*(detect(client, request(f"u{n}", 40, 40)) for n in range(8)))
        after = encoder.stats
    assert before.texts_encoded <= 7 + 2  # seven distinct texts, and canaries
    assert after.texts_encoded == before.texts_encoded
    assert after.batches == before.batches


async def test_every_answer_says_where_its_time_went(client: httpx.AsyncClient) -> None:
    names = ["queue", "tokenize", "encode", "detect", "database", "total"]
    for response in (
        await client.post("/detect", json=request("u", 0, 20)),
        await client.post("/detect", json={}),
        await client.get("/users/nobody/interest"),
        await client.get("/livez"),
    ):
        told = re.findall(r"(\w+);dur=([0-9.]+)", response.headers["Server-Timing"])
        assert [name for name, _ in told] == names
        *phases, total = (float(duration) for _, duration in told)
        assert sum(phases) <= total
        if response.status_code == 200 and response.request.method == "POST":
            assert phases[3] > 0
            assert phases[4] > 0


def update_of(known: Known, event_id: str) -> Update:
    assert known.version is not None
    snapshot = NewSnapshot(
        sequence=known.version.sequence + 1, snapshot_id=uuid4(), taken_at=START,
        taken_for="request", as_of=START, behaviors=1, status="ok", mutated=False, change="{}", scores="{}",
        topics="[]", z=b"", z_previous=None, model_digest="", profile_id=None,
    )  # fmt: skip
    return Update(
        was=known.version, state=b"state", pending=b"", space="", profile_id=None,
        sequence=snapshot.sequence, recent_events="[]", since=None,
        events=[SeenEvent(event_id, START)], snapshots=[snapshot],
    )  # fmt: skip


async def test_what_rests_on_an_old_state_is_not_saved_at_all(client: httpx.AsyncClient, app: FastAPI) -> None:
    await detect(client, request("u", 0, 5))
    async with app.state.resources.statements.connect() as connection:
        row = (await connection.exec_driver_sql("SELECT domain, user_key FROM user_states")).one()
        user = User(row.domain, row.user_key)
        known = await repository.read(connection, user, ["a", "e1"])
        assert known.seen == {"e1"}
        assert await repository.save(connection, user, update_of(known, "a"))
        assert not await repository.save(connection, user, update_of(known, "b"))
        again = await repository.read(connection, user, ["a", "b"])
        assert again.seen == {"a"}
        assert again.version is not None
        assert known.version is not None
        assert again.version.sequence == known.version.sequence + 1
        # Erased and come back: the same sequence, another user state.
        assert (await client.delete("/users/u")).status_code == 204
        assert not await repository.save(connection, user, update_of(again, "c"))
        held = (await connection.exec_driver_sql("SELECT count(*) FROM seen_events")).scalar_one()
        assert held == 0


async def test_a_user_whom_others_keep_writing_for_is_locked(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await detect(client, request("u", 0, 5))
    save, tries = repository.save, list[bool]()

    async def save_late(connection: Any, user: User, update: Update) -> bool:
        if len(tries) < 2:  # somebody else was quicker, twice
            tries.append(False)
            return False
        tries.append(await save(connection, user, update))
        return tries[-1]

    monkeypatch.setattr(repository, "save", save_late)
    assert (await detect(client, request("u", 5, 5)))["sequence"] == 2
    assert tries == [False, False, True]


async def test_the_pool_is_not_left_in_autocommit(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1)
    single = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with single.connect() as connection:
        await connection.exec_driver_sql("CREATE TABLE notes (id int)")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("INSERT INTO notes VALUES (1)")
        await connection.rollback()
    async with single.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM notes")).scalar_one() == 0
    await engine.dispose()


def test_rows_go_to_the_driver_without_being_looked_at_one_by_one() -> None:
    """No bind processor, also in the type that SQLAlchemy really uses for asyncpg."""
    dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]
    parameters = repository._SAVE.compile(dialect=dialect).binds
    arrays = [one for one in parameters.values() if isinstance(one.type, ARRAY)]
    assert len(arrays) > 30
    for one in arrays:
        assert one.type.dialect_impl(dialect).bind_processor(dialect) is None, one.key
