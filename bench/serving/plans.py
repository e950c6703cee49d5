"""How Postgres would answer the service's own queries: what each repository sends, caught on its way and explained."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bench.serving.phases import Figures
from service.database.engine import make_engine
from service.database.sessions import ReadSession, WriteSession, read_sessions, write_sessions
from service.database.tables import SnapshotRow, UserStateRow
from service.detect import repository as detect
from service.detect.repository import NewSnapshot, SeenEvent, Update, User, Version
from service.identity import UserKeys
from service.mutations import repository as mutations
from service.mutations.repository import Place
from service.populations import repository as populations
from service.recommendations import held_repository
from service.recommendations import repository as recommendations
from service.snapshots import repository as snapshots
from service.users import repository as users

Sent = tuple[str, Any]
"""A statement and its parameters, as they go to the driver."""


async def plans(database: str, user: User) -> list[Figures]:
    """For each of the queries below, the nodes of its plan. Nothing is altered.

    Args:
        database: its address.
        user: about whom to ask; one that exists.
    """
    engine = make_engine(database)
    try:
        space, profile_id = await _judged_by(engine, user)
        return [
            {"query": name, "nodes": [node for sent in caught for node in await _explain(engine, sent)]}
            for name, call in _calls(engine, user, space, profile_id).items()
            if (caught := await _caught(engine, call))
        ]
    finally:
        await engine.dispose()


def sequential(plan: Figures) -> list[str]:
    """The tables that a plan reads from end to end."""
    return sorted({node["table"] for node in plan["nodes"] if node["node"].endswith("Seq Scan")})


def nodes(plan: dict[str, Any]) -> Iterator[Figures]:
    """Every node of a plan in Postgres's JSON, from the top."""
    yield {"node": plan["Node Type"], "table": plan.get("Relation Name"), "index": plan.get("Index Name")}
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def described(plan: Figures) -> str:
    """The nodes of a plan in words, each kind once."""
    words = []
    for node in plan["nodes"]:
        where = f" on {node['index'] or node['table']}" if node["index"] or node["table"] else ""
        words.append(f"{node['node']}{where}")
    return ", ".join(dict.fromkeys(words))


Call = Callable[[], Awaitable[object]]


async def _judged_by(engine: AsyncEngine, user: User) -> tuple[str, str]:
    """The space and the profile of the user's state, so that the planner expects what there is."""
    query = select(UserStateRow.space, UserStateRow.profile_id).where(UserStateRow.user_key == user.key)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    return (row.space or "", row.profile_id or "") if row else ("", "")


def _calls(engine: AsyncEngine, user: User, space: str, profile_id: str) -> dict[str, Call]:
    """The queries about a user and about changes, each in a transaction that is rolled back."""
    now = datetime.now(UTC)
    keys = UserKeys(user.domain, user.key, "")
    moving = UserKeys(user.domain, b"the present key", "present", (user.key,))
    page: dict[str, Any] = {"limit": 51, "before": None, "since": None, "until": None, "changes_only": False}
    range_ = {"since": now - timedelta(days=30), "until": now}
    week, month = ((now - timedelta(days=days), now) for days in (7, 28))

    def of_page(**given: object) -> Call:
        return _reading(engine, lambda session: snapshots.page(session, user.domain, user.key, **(page | given)))

    return {
        "detect: read": _connected(engine, lambda connection: detect.read(connection, user, ["one", "two"])),
        "detect: lock": _connected(engine, lambda connection: detect.lock(connection, user)),
        "detect: save": _connected(engine, lambda connection: detect.save(connection, user, _update(now))),
        "snapshots: latest": _reading(engine, lambda session: snapshots.latest(session, user.domain, user.key)),
        "snapshots: page": of_page(),
        "snapshots: page after a cursor": of_page(before=2),
        "snapshots: page of a time range": of_page(**range_),
        "snapshots: page of changes": of_page(changes_only=True),
        "snapshots: page of changes in a time range, after a cursor": of_page(before=2, changes_only=True, **range_),
        "mutations: those after a place": _reading(
            engine, lambda session: mutations.after(session, Place(0, 0), domain=user.domain, limit=100)
        ),
        "mutations: as settled": _reading(engine, mutations.settled),
        "populations: of every window": _connected(
            engine, lambda connection: populations.recent(connection, user.domain, profile_id, now)
        ),
        "populations: by hour": _connected(
            engine, lambda connection: populations.hourly(connection, user.domain, profile_id, *month)
        ),
        "populations: totals": _reading(engine, lambda session: populations.totals(session, user.domain, *week)),
        "populations: in buckets": _reading(
            engine,
            lambda session: populations.buckets(session, user.domain, *week, width=timedelta(hours=1), origin=now),
        ),
        "populations: topics": _reading(
            engine, lambda session: populations.topics(session, user.domain, profile_id, *week, lost=False)
        ),
        "recommendations: what is held": _reading(
            engine, lambda session: held_repository.held(session, user.domain, user.key, space)
        ),
        "recommendations: items seen": _reading(
            engine, lambda session: recommendations.seen(session, user.domain, user.key, 10_000)
        ),
        "users: lock": _writing(engine, lambda session: users.lock(session, keys)),
        "users: is erased": _writing(engine, lambda session: users.is_erased(session, keys)),
        "users: under which key": _reading(engine, lambda session: users.held_under(session, moving)),
        "users: moved to the present key": _writing(engine, lambda session: users.bring(session, moving)),
        "users: a page of an export": _reading(engine, lambda session: _first(users.pages(session, SnapshotRow, keys))),
        "users: erase": _writing(engine, lambda session: users.erase(session, keys, now)),
    }


async def _first(pages: AsyncIterator[object]) -> object:
    return await anext(pages, None)


def _update(now: datetime) -> Update:
    """Of a version that nobody has, so that even its locks fall on no row."""
    snapshot = NewSnapshot(
        sequence=1,
        snapshot_id=uuid4(),
        taken_at=now,
        taken_for="request",
        as_of=now,
        behaviors=1,
        status="ok",
        mutated=False,
        change="{}",
        scores="{}",
        topics="[]",
        z=b"",
        z_previous=None,
        model_digest="",
        profile_id=None,
    )
    return Update(
        was=Version(-1, now),
        state=b"",
        pending=b"",
        space="",
        profile_id=None,
        sequence=1,
        recent_events="[]",
        since=None,
        events=[SeenEvent("one", now), SeenEvent("two", now)],
        snapshots=[snapshot],
    )


def _connected(engine: AsyncEngine, query: Callable[[AsyncConnection], Awaitable[object]]) -> Call:
    async def call() -> None:
        async with engine.connect() as connection:  # never committed
            await query(connection)

    return call


def _reading(engine: AsyncEngine, query: Callable[[ReadSession], Awaitable[object]]) -> Call:
    async def call() -> None:
        async with read_sessions(engine)() as session:
            await query(session)

    return call


def _writing(engine: AsyncEngine, query: Callable[[WriteSession], Awaitable[object]]) -> Call:
    async def call() -> None:
        async with write_sessions(engine)() as session:  # never committed
            await query(session)

    return call


async def _caught(engine: AsyncEngine, call: Call) -> Sequence[Sent]:
    """What a call sends to the database."""
    async with _listening(engine) as sent:
        await call()
    return sent


@asynccontextmanager
async def _listening(engine: AsyncEngine) -> AsyncIterator[list[Sent]]:
    sent = list[Sent]()

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def _explain(engine: AsyncEngine, sent: Sent) -> list[Figures]:
    statement, parameters = sent
    async with engine.connect() as connection:
        told = (await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)).scalar_one()
    (explained,) = json.loads(told) if isinstance(told, str) else told
    return list(nodes(explained["Plan"]))
