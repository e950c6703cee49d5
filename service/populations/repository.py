"""SQL of populations. Everything is counted from `mutations`, of which an erased user has no rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Interval, Text

from service.database.sessions import ReadSession

LIVE = timedelta(days=7)
"""A change counts for shifts if it was recorded so soon after it happened: a history of years that is taken in today
tells nothing of today."""

_TIME = TIMESTAMP(timezone=True)


@dataclass(frozen=True, slots=True)
class HourlyCount:
    """Users in one hour: those who changed where `topic` is None, else those of them who gained it."""

    hour: datetime
    topic: int | None
    users: int


@dataclass(frozen=True, slots=True)
class WindowCount:
    """Distinct users since each of several times: those who changed where `topic` is None, else who gained it."""

    topic: int | None
    users: Sequence[int]


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was declared in one stretch of time, from `start` on."""

    start: datetime
    users: int
    changes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was declared in all the time asked for."""

    users: int
    changes: int
    novel: int
    returning: int


_LIVE_ROWS = """
    FROM mutations LEFT JOIN LATERAL jsonb_to_recordset(gained) AS g (topic int) ON true
    WHERE domain = :domain AND profile_id = :profile_id AND recorded_at >= :since AND recorded_at < :until
      AND changed_at >= recorded_at - :live
"""
_PARAMETERS = (
    bindparam("domain", type_=Text),
    bindparam("profile_id", type_=Text),
    bindparam("since", type_=_TIME),
    bindparam("until", type_=_TIME),
)
_LIVE_PARAMETER = bindparam("live", type_=Interval)

_HOURLY = text(
    f"""
    SELECT date_trunc('hour', recorded_at, 'UTC') AS hour, topic, count(DISTINCT user_key) AS users,
           GROUPING(topic) AS everybody
    {_LIVE_ROWS}
    GROUP BY GROUPING SETS ((1, topic), (1))
    """
).bindparams(*_PARAMETERS, _LIVE_PARAMETER)


async def hourly(
    connection: AsyncConnection, domain: str, profile_id: str, since: datetime, until: datetime
) -> list[HourlyCount]:
    """Users who changed, and who gained each topic of a profile, by hour."""
    values = {"domain": domain, "profile_id": profile_id, "since": since, "until": until, "live": LIVE}
    rows = (await connection.execute(_HOURLY, values)).all()
    # A change that gained no topic has a row without one, which is no topic's.
    return [
        HourlyCount(row.hour, None if row.everybody else row.topic, row.users)
        for row in rows
        if row.everybody or row.topic is not None
    ]


WINDOWS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
"""The times before a moment in which shifts are looked for, shortest first."""

_COUNTS = ", ".join(
    f"count(DISTINCT user_key) FILTER (WHERE recorded_at >= :from_{n}) AS users_{n}" for n in range(len(WINDOWS))
)
_RECENT = text(
    f"SELECT topic, GROUPING(topic) AS everybody, {_COUNTS} {_LIVE_ROWS} GROUP BY GROUPING SETS ((topic), ())"
).bindparams(*_PARAMETERS, _LIVE_PARAMETER, *(bindparam(f"from_{n}", type_=_TIME) for n in range(len(WINDOWS))))


async def recent(connection: AsyncConnection, domain: str, profile_id: str, now: datetime) -> list[WindowCount]:
    """Users who changed, and who gained each topic of a profile, in each of `WINDOWS` before that moment."""
    values = {"domain": domain, "profile_id": profile_id, "since": now - WINDOWS[-1], "until": now, "live": LIVE}
    values |= {f"from_{n}": now - window for n, window in enumerate(WINDOWS)}
    rows = (await connection.execute(_RECENT, values)).all()
    return [
        WindowCount(None if row.everybody else row.topic, [getattr(row, f"users_{n}") for n in range(len(WINDOWS))])
        for row in rows
        if row.everybody or row.topic is not None
    ]


_BUCKETS = text(
    """
    SELECT date_bin(:width, recorded_at, :origin) AS start, count(DISTINCT user_key) AS users, count(*) AS changes
    FROM mutations WHERE domain = :domain AND recorded_at >= :since AND recorded_at < :until
    GROUP BY 1 ORDER BY 1
    """
).bindparams(
    *(parameter for parameter in _PARAMETERS if parameter.key != "profile_id"),
    bindparam("width", type_=Interval),
    bindparam("origin", type_=_TIME),
)


async def buckets(
    session: ReadSession, domain: str, since: datetime, until: datetime, *, width: timedelta, origin: datetime
) -> list[Bucket]:
    """Users who changed and their changes, in stretches of that width counted from `origin`; none for empty ones."""
    values = {"domain": domain, "since": since, "until": until, "width": width, "origin": origin}
    return [Bucket(row.start, row.users, row.changes) for row in (await session.execute(_BUCKETS, values)).all()]


_TOTALS = text(
    """
    SELECT count(DISTINCT user_key) AS users, count(*) AS changes,
           count(*) FILTER (WHERE kind = 'novel') AS novel, count(*) FILTER (WHERE kind = 'returning') AS returning
    FROM mutations WHERE domain = :domain AND recorded_at >= :since AND recorded_at < :until
    """
).bindparams(*(parameter for parameter in _PARAMETERS if parameter.key != "profile_id"))


async def totals(session: ReadSession, domain: str, since: datetime, until: datetime) -> Totals:
    """Everything that was declared in that time."""
    row = (await session.execute(_TOTALS, {"domain": domain, "since": since, "until": until})).one()
    return Totals(row.users, row.changes, row.novel, row.returning)


def _topics(column: str) -> str:
    return f"""
    SELECT topic, count(DISTINCT user_key) AS users, GROUPING(topic) AS everybody
    FROM mutations LEFT JOIN LATERAL jsonb_to_recordset({column}) AS t (topic int) ON true
    WHERE domain = :domain AND profile_id = :profile_id AND recorded_at >= :since AND recorded_at < :until
    GROUP BY GROUPING SETS ((topic), ())
    """  # noqa: S608 - called with two names


_GAINED, _LOST = (text(_topics(column)).bindparams(*_PARAMETERS) for column in ("gained", "lost"))


async def topics(
    session: ReadSession, domain: str, profile_id: str, since: datetime, until: datetime, *, lost: bool
) -> tuple[int, dict[int, int]]:
    """Distinct users who changed, and those of them who gained or lost each topic of a profile."""
    values = {"domain": domain, "profile_id": profile_id, "since": since, "until": until}
    rows = (await session.execute(_LOST if lost else _GAINED, values)).all()
    everybody = next(row.users for row in rows if row.everybody)
    return everybody, {row.topic: row.users for row in rows if not row.everybody and row.topic is not None}
