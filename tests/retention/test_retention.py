"""What is too old goes, nothing else does, and requests in its midst come before or after."""

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.database import migrate
from service.database.sessions import ReadSession, WriteSession
from service.encoder import FakeEncoder
from service.resources import Resources
from service.retention import repository, schedule
from service.retention.repository import BATCH, PAGE
from service.retention.rules import Cleanup, Cutoffs
from service.retention.schedule import Schedule
from service.retention.service import Run
from service.settings import Settings
from service.users import repository as users

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMIT_S = 30
"""How long anything is waited for."""


async def execute(engine: AsyncEngine, statement: str, **values: object) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement), values)


async def fetch(engine: AsyncEngine, query: str, **values: object) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(text(query), values)).all())


FILL = (
    """
    INSERT INTO user_states (domain, user_key, sequence, updated_at)
    SELECT CAST(:domain AS text), sha256(n::text::bytea), CAST(:snapshots AS int),
           CAST(:now AS timestamptz) - n * interval '1 day'
    FROM generate_series(1, CAST(:users AS int)) n
    """,
    """
    INSERT INTO snapshots
    SELECT CAST(:domain AS text), sha256(n::text::bytea), CAST(:snapshots AS int) + 1 - m, gen_random_uuid(),
           CAST(:now AS timestamptz) - m * interval '1 day', 'request', now(), 1, 'ok', false, '{}', '{}', '[]', '',
           NULL, '', NULL
    FROM generate_series(1, CAST(:users AS int)) n, generate_series(1, CAST(:snapshots AS int)) m
    """,
    """
    INSERT INTO seen_events
    SELECT CAST(:domain AS text), sha256(n::text::bytea), 'e' || m, CAST(:now AS timestamptz) - m * interval '1 day'
    FROM generate_series(1, CAST(:users AS int)) n, generate_series(1, CAST(:events AS int)) m
    """,
    """
    INSERT INTO tombstones
    SELECT 'erased-' || CAST(:domain AS text), sha256(n::text::bytea),
           CAST(:now AS timestamptz) - n * interval '1 day'
    FROM generate_series(1, CAST(:users AS int)) n
    """,
)


async def add_users(engine: AsyncEngine, count: int, *, domain: str, snapshots: int, events: int) -> None:
    """Users whose n-th snapshot and event, and whose tombstone, are n days old; the n-th user is idle for n days."""
    given = {"domain": domain, "now": NOW, "users": count, "snapshots": snapshots, "events": events}
    for statement in FILL:
        await execute(engine, statement, **{name: given[name] for name in given if f":{name}" in statement})


@pytest.fixture
async def database(engine: AsyncEngine) -> AsyncEngine:
    await migrate.upgrade(engine)
    return engine


def older_than(**days: float) -> Cutoffs:
    return Cutoffs(**{name: NOW - timedelta(days=age, seconds=1) for name, age in days.items()})


def run(engine: AsyncEngine, cutoffs: Cutoffs, cleanups: tuple[Cleanup, ...] = ()) -> Run:
    return Run(engine, cutoffs, NOW, cleanups=cleanups)


async def test_what_is_too_old_goes_and_nothing_else(database: AsyncEngine) -> None:
    for domain in ("news", "shop"):
        await add_users(database, 4, domain=domain, snapshots=6, events=5)
    one = run(database, older_than(snapshots=4, events=3, tombstones=2, users=3))
    counted = await one.count()
    removed = await one.remove()
    assert removed == counted
    # Two domains; of four users the one idle for more than three days goes as a whole, of the others what is older.
    expected = {"user_states": 2, "snapshots": 2 * (6 + 3 * 2), "seen_events": 2 * (5 + 3 * 2), "tombstones": 4}
    assert +removed == Counter(expected)
    for query, oldest in (
        ("SELECT min(updated_at) FROM user_states", 3),
        ("SELECT min(taken_at) FROM snapshots", 4),
        ("SELECT min(occurred_at) FROM seen_events", 3),
        ("SELECT min(deleted_at) FROM tombstones", 2),
    ):
        assert (await fetch(database, query))[0][0] == NOW - timedelta(days=oldest)
    assert (await one.remove()).total() == (await one.count()).total() == 0


async def test_what_is_not_limited_is_kept(database: AsyncEngine) -> None:
    await add_users(database, 3, domain="news", snapshots=3, events=3)
    assert (await run(database, Cutoffs()).remove()).total() == 0
    for name, expected in (
        ("snapshots", {"snapshots": 6}),
        ("events", {"seen_events": 9}),
        ("tombstones", {"tombstones": 3}),
        ("users", {"user_states": 3, "snapshots": 3}),
    ):
        one = run(database, older_than(**{name: 0}))
        assert +(await one.count()) == Counter(expected)
        assert +(await one.remove()) == Counter(expected)


async def test_a_users_latest_snapshot_is_kept_however_old(database: AsyncEngine) -> None:
    await add_users(database, 2, domain="news", snapshots=5, events=1)
    removed = await run(database, older_than(snapshots=0)).remove()
    assert removed["snapshots"] == 8
    assert await fetch(database, "SELECT DISTINCT sequence FROM snapshots") == [(5,)]


async def test_more_than_a_page_and_more_than_a_batch(database: AsyncEngine) -> None:
    """Every transaction removes a bounded number of rows, and all of them together everything."""
    await add_users(database, PAGE + 10, domain="many", snapshots=1, events=3)
    await add_users(database, 1, domain="much", snapshots=BATCH + 2, events=2 * BATCH + 1)
    deleted = list[int]()
    remove_old = repository.remove_old

    async def counting(*arguments: Any) -> int:
        deleted.append(await remove_old(*arguments))
        return deleted[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "remove_old", counting)
        removed = await run(database, older_than(snapshots=0, events=0)).remove()
    assert removed["seen_events"] == 3 * (PAGE + 10) + 2 * BATCH + 1
    assert removed["snapshots"] == BATCH + 1
    assert max(deleted) == BATCH
    assert sum(deleted) == removed.total()


async def test_rows_of_other_features_expire_with_the_rest(database: AsyncEngine) -> None:
    await execute(database, "CREATE TABLE notes (until timestamptz)")
    days = "INSERT INTO notes SELECT CAST(:now AS timestamptz) + n * interval '1 day' FROM generate_series(-7, 3) n"
    await execute(database, days, now=NOW)

    async def delete_expired(session: WriteSession, now: datetime) -> int:
        some = "DELETE FROM notes WHERE ctid IN (SELECT ctid FROM notes WHERE until < :now LIMIT 3)"
        return int((await session.execute(text(some), {"now": now})).rowcount)  # type: ignore[attr-defined]

    async def count_expired(session: ReadSession, now: datetime) -> int:
        query = text("SELECT count(*) FROM notes WHERE until < :now")
        return int((await session.execute(query, {"now": now})).scalar_one())

    one = run(database, Cutoffs(), (Cleanup("notes", delete_expired, count_expired),))
    assert (await one.count())["notes"] == 7
    assert (await one.remove())["notes"] == 7
    assert len(await fetch(database, "SELECT * FROM notes")) == 4


async def test_a_user_who_is_busy_is_passed_over(database: AsyncEngine) -> None:
    """Whoever has the user's row keeps it: the run does not wait, and removes nothing of that user."""
    await add_users(database, 2, domain="news", snapshots=3, events=3)
    one = run(database, older_than(snapshots=0, events=0, users=0))
    async with database.connect() as busy:
        await busy.execute(text("SELECT 1 FROM user_states ORDER BY updated_at LIMIT 1 FOR UPDATE"))
        async with asyncio.timeout(LIMIT_S):
            removed = await one.remove()
        assert +removed == Counter({"user_states": 1, "snapshots": 3, "seen_events": 3})
        await busy.rollback()
    assert (await one.remove())["user_states"] == 1


async def test_a_request_that_stores_is_not_kept_waiting_by_old_rows_going(database: AsyncEngine) -> None:
    await add_users(database, 1, domain="news", snapshots=3, events=3)
    (page,) = [await repository.next_page(session, repository.START) async for session in _session(database)]
    async for session in _session(database):
        assert await repository.remove_old(session, "seen_events", page, NOW) == 3
        async with database.begin() as request:  # as a request's save does; the removal is not committed yet
            await request.execute(text("SET LOCAL lock_timeout = '1s'"))
            await request.execute(text("UPDATE user_states SET sequence = sequence + 1, updated_at = now()"))


async def _session(engine: AsyncEngine) -> AsyncIterator[WriteSession]:
    async with WriteSession(bind=engine) as session, session.begin():
        yield session


async def nodes_of(engine: AsyncEngine, statement: Any, values: dict[str, object]) -> set[str]:
    """Kinds of the nodes of a statement's plan, with their tables."""
    async with engine.connect() as connection:
        await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        explained = text(f"EXPLAIN (FORMAT JSON) {statement.text}").bindparams(
            *(bind for bind in statement._bindparams.values())
        )
        (plan,) = (await connection.execute(explained, values)).scalar_one()
    return {f"{node['Node Type']} {node.get('Relation Name', '')}".strip() for node in _nodes(plan["Plan"])}


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in _nodes(below))]


async def test_no_statement_reads_a_table_from_end_to_end(database: AsyncEngine) -> None:
    await add_users(database, 20_000, domain="many", snapshots=3, events=10)
    await execute(database, "ANALYZE")
    (page,) = [await repository.next_page(session, repository.START) async for session in _session(database)]
    of_page = repository._of(page) | {"cutoff": NOW - timedelta(days=5), "limit": BATCH, "kept_since": None}
    for statement, values in (
        (repository._NEXT_PAGE, {"domain": "many", "user_key": b"", "limit": PAGE}),
        (repository._IDLE, of_page),
        (repository._DELETIONS["snapshots"], of_page),
        (repository._DELETIONS["seen_events"], of_page),
        (repository._REMOVE_TOMBSTONES, {"cutoff": NOW - timedelta(days=19_990), "limit": BATCH}),
    ):
        names = statement._bindparams.keys()
        nodes = await nodes_of(database, statement, {name: values[name] for name in names})
        assert not [node for node in nodes if node.startswith("Seq Scan")], nodes


# The schedule, in an app.


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    # Its own schedule is off: tests have theirs.
    app = create_app(settings.model_copy(update={"retention_every_hours": 0.0}), encoder=FakeEncoder(dim=8))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def body(user: str, first: int) -> dict[str, Any]:
    at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=first)
    behavior = {"event_id": f"e{first}", "text": f"thing {first % 3}", "occurred_at": at.isoformat()}
    return {"user_id": user, "behaviors": [behavior]}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await condition():  # noqa: ASYNC110 - what a database holds sets no event
            await asyncio.sleep(0.01)


def limited(resources: Resources, **settings: float) -> Resources:
    """The same resources under other settings."""
    return dataclasses.replace(resources, settings=resources.settings.model_copy(update=settings))


async def test_a_user_removed_amid_requests_is_whole_or_gone(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Requests and removals in any order: what is stored is what some order of them, one by one, would leave."""
    resources: Resources = app.state.resources
    stop = asyncio.Event()

    async def remove() -> int:
        gone = 0
        while not stop.is_set():
            cutoffs = Cutoffs(users=datetime.now(UTC) + timedelta(days=1))  # everybody counts as idle
            gone += (await Run(resources.engine, cutoffs, NOW).remove())["user_states"]
        return gone

    removing = asyncio.create_task(remove())
    answers = []
    for n in range(60):
        sent = await asyncio.gather(*(client.post("/detect", json=body(f"u{user}", n)) for user in range(4)))
        answers += [response.json() for response in sent]
        assert {response.status_code for response in sent} == {200}
    stop.set()
    assert await removing > 0
    assert {answer["accepted"] for answer in answers} == {1}
    states = await fetch(resources.engine, "SELECT user_key, sequence FROM user_states")
    for table in ("snapshots", "seen_events"):
        counts = await fetch(resources.engine, f"SELECT user_key, count(*) FROM {table} GROUP BY 1")  # noqa: S608
        assert sorted(counts) == sorted(states), "as many as the state knows of, and of nobody else"


async def test_one_replica_runs_when_it_is_time(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    resources = limited(app.state.resources, retention_days_tombstones=1.0)
    await execute(resources.engine, "INSERT INTO tombstones VALUES ('d', 'k', now() - interval '2 days')")
    replicas = [Schedule(resources, every=timedelta(hours=1)) for _ in range(3)]
    with caplog.at_level(logging.INFO, logger=schedule.__name__):
        outcomes = await asyncio.gather(*(replica.run_if_due() for replica in replicas))
    assert [outcome["tombstones"] for outcome in outcomes if outcome is not None] == [1]
    (line,) = [record.getMessage() for record in caplog.records if record.name == schedule.__name__]
    assert "tombstones 1" in line
    assert await replicas[0].run_if_due() is None
    await execute(
        resources.engine,
        "UPDATE installation SET value = (value::timestamptz - interval '61 minutes')::text WHERE name = :name",
        name=repository.LAST_RUN,
    )
    assert await replicas[1].run_if_due() is not None
    assert await replicas[0].run_if_due() is None


async def test_a_run_that_was_cut_short_is_begun_again(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = limited(app.state.resources, retention_days_tombstones=1.0)
    await execute(resources.engine, "INSERT INTO tombstones VALUES ('d', 'k', now() - interval '2 days')")
    mine, other = (Schedule(resources, every=timedelta(hours=1)) for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setattr(repository, "remove_tombstones", _lost)
        with pytest.raises(ConnectionError):
            await mine.run_if_due()
    assert await other.run_if_due() is None
    again = await mine.run_if_due()
    assert again is not None
    assert again["tombstones"] == 1
    assert await mine.run_if_due() is None


async def _lost(*_: object) -> int:
    raise ConnectionError


async def test_the_schedule_outlives_whatever_goes_wrong(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resources = limited(app.state.resources, retention_days_tombstones=1.0, retention_every_hours=1e-6)
    outcomes = iter([ConnectionError(), RuntimeError("a fault")])
    claim = repository.claim

    async def failing(*arguments: Any, **options: Any) -> datetime | None:
        if (error := next(outcomes, None)) is not None:
            raise error
        return await claim(*arguments, **options)

    async def is_gone() -> bool:
        return not await fetch(resources.engine, "SELECT 1 FROM tombstones")

    await execute(resources.engine, "INSERT INTO tombstones VALUES ('d', 'k', now() - interval '2 days')")
    monkeypatch.setattr(repository, "claim", failing)
    async with schedule.scheduled(resources):
        await until(is_gone)
    told = [record.levelname for record in caplog.records if record.name == schedule.__name__]
    assert told[:2] == ["WARNING", "ERROR"]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "retention"]


async def test_the_schedule_ends_amid_a_run(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = limited(app.state.resources, retention_days_tombstones=1.0, retention_every_hours=1e-6)
    begun = asyncio.Event()

    async def endless(session: WriteSession, _: datetime) -> int:
        begun.set()
        await session.execute(text("SELECT pg_sleep(3600)"))
        return 0

    monkeypatch.setattr(repository, "remove_tombstones", endless)
    async with asyncio.timeout(LIMIT_S):
        async with schedule.scheduled(resources):
            await begun.wait()
    assert resources.turns._value == resources.settings.database_pool_size, "its place is free again"
    async with resources.engine.connect() as connection:
        held = "SELECT pg_try_advisory_xact_lock(:key)"
        await until(lambda: _true(connection.execute(text(held), {"key": repository.LOCK_KEY})))


async def _true(asked: Awaitable[Any]) -> bool:
    return bool((await asked).scalar_one())


async def test_no_schedule_when_it_is_off(app: FastAPI) -> None:
    async with schedule.scheduled(limited(app.state.resources, retention_days_users=1.0)):
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "retention"]


def test_what_goes_with_a_user_is_what_an_erasure_takes() -> None:
    assert {table.__tablename__ for table in users.TABLES} == {
        "user_states",
        "snapshots",
        "seen_events",
        "seen_items",
        "mutations",
        "user_memory",
        "idempotency_records",
        "privacy_releases",
    }
