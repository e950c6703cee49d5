"""SQL of retention.

Users are gone through in the order of their key, a page at a time, so that every statement reads and writes a bounded
number of rows by an index, whatever the size of the tables, and no index has to be kept up to date for it by requests.
"""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, TIMESTAMP
from sqlalchemy.types import BigInteger, Text

from service.database import installation
from service.database.sessions import ReadSession, WriteSession

PAGE = 500
"""Users that are looked at together."""
BATCH = 1000
"""Rows that one transaction removes at most, but for a user who goes as a whole."""
LOCK_KEY = 0x5E47E6
"""Key of the advisory lock under which a batch runs; see also `service.database.migrate.LOCK_KEY`."""

LAST_RUN = "retention_last_run"
"""Name of the time at which the last scheduled run began."""
NEVER = "1970-01-01T00:00:00+00:00"

User = tuple[str, bytes]
START: User = ("", b"")
"""Before every user."""

_DOMAIN, _KEY = bindparam("domain", type_=Text), bindparam("user_key", type_=BYTEA)
_PAGE = (bindparam("domains", type_=ARRAY(Text)), bindparam("user_keys", type_=ARRAY(BYTEA)))
_CUTOFF, _LIMIT = bindparam("cutoff", type_=TIMESTAMP(timezone=True)), bindparam("limit", type_=BigInteger)
_KEPT_SINCE = bindparam("kept_since", type_=TIMESTAMP(timezone=True))

Page = list[User]
"""Users, in the order of their key."""


def _of(page: Page) -> dict[str, object]:
    return {"domains": [domain for domain, _ in page], "user_keys": [key for _, key in page]}


async def wait_for_turn(session: WriteSession) -> None:
    """One batch at a time, whoever runs it, until the transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=LOCK_KEY))


async def next_page(session: ReadSession | WriteSession, after: User) -> Page:
    """The next users in the order of their key; none after the last one."""
    rows = await session.execute(_NEXT_PAGE, {"domain": after[0], "user_key": after[1], "limit": PAGE})
    return [(row.domain, bytes(row.user_key)) for row in rows]


_NEXT_PAGE = text(
    """
    SELECT domain, user_key FROM user_states
    WHERE (domain, user_key) > (:domain, :user_key) ORDER BY domain, user_key LIMIT :limit
    """
).bindparams(_DOMAIN, _KEY, _LIMIT)

# One by one by their keys. Of a range of keys Postgres expects far more rows than there are, and would read the whole
# table; the LIMIT keeps it from doing so for a list of keys, too.
_OF_PAGE = """
    unnest(:domains, :user_keys) AS page (domain, user_key) CROSS JOIN LATERAL (
        SELECT sequence, updated_at FROM user_states
        WHERE user_states.domain = page.domain AND user_states.user_key = page.user_key LIMIT 1
    ) AS held
"""

_IDLE = text(f"SELECT domain, user_key FROM {_OF_PAGE} WHERE updated_at < :cutoff").bindparams(*_PAGE, _CUTOFF)  # noqa: S608 - of this module's own words

_LOCK_IDLE = text(
    """
    SELECT 1 FROM user_states
    WHERE domain = :domain AND user_key = :user_key AND updated_at < :cutoff FOR UPDATE SKIP LOCKED
    """
).bindparams(_DOMAIN, _KEY, _CUTOFF)


async def idle_users(session: ReadSession | WriteSession, page: Page, cutoff: datetime) -> list[User]:
    """Users of the page from whom nothing was taken in since."""
    rows = await session.execute(_IDLE, _of(page) | {"cutoff": cutoff})
    return [(row.domain, bytes(row.user_key)) for row in rows]


async def lock_if_idle(session: WriteSession, user: User, cutoff: datetime) -> bool:
    """Keep requests of the user waiting until the transaction ends; false for one who has come back, or just does."""
    values = {"domain": user[0], "user_key": user[1], "cutoff": cutoff}
    return (await session.execute(_LOCK_IDLE, values)).first() is not None


async def count_of(session: ReadSession, table: str, user: User) -> int:
    """Rows of a user in a table."""
    query = text(f"SELECT count(*) FROM {table} WHERE domain = :domain AND user_key = :user_key")  # noqa: S608 - our tables
    values = {"domain": user[0], "user_key": user[1]}
    return int((await session.execute(query.bindparams(_DOMAIN, _KEY), values)).scalar_one())


_KEPT = f"{_OF_PAGE} WHERE CAST(:kept_since AS timestamptz) IS NULL OR updated_at >= :kept_since"


def _old_rows(table: str, key: str, past: str) -> str:
    """Rows past their time, with the user that each is of."""
    return f"""
        SELECT row.* FROM (SELECT domain, user_key, sequence FROM {_KEPT}) AS held
        CROSS JOIN LATERAL (
            SELECT domain, user_key, {key} FROM {table}
            WHERE domain = held.domain AND user_key = held.user_key AND {past}
            LIMIT :limit
        ) AS row
        LIMIT :limit
    """  # noqa: S608 - of this module's own words


def _deletion(table: str, key: str, old: str) -> str:
    """Delete old rows of users whom nobody moves or erases now.

    The lock is the weakest there is: it lets requests go on that update the user, and keeps off only those who would
    take the user's row away, so that two who delete the same rows never wait for each other in a circle.
    """
    return f"""
        WITH old AS MATERIALIZED ({old}),
        held AS MATERIALIZED (
            SELECT one.domain, one.user_key FROM (SELECT DISTINCT domain, user_key FROM old) AS one
            CROSS JOIN LATERAL (
                SELECT 1 FROM user_states
                WHERE user_states.domain = one.domain AND user_states.user_key = one.user_key
                LIMIT 1 FOR KEY SHARE SKIP LOCKED
            ) AS locked
        )
        DELETE FROM {table} AS gone USING old JOIN held USING (domain, user_key)
        WHERE gone.domain = old.domain AND gone.user_key = old.user_key
          AND {" AND ".join(f"gone.{name} = old.{name}" for name in key.split(", "))}
    """  # noqa: S608 - of this module's own words


def _count(old: str) -> str:
    return f"SELECT count(*) FROM ({old}) AS old"  # noqa: S608 - of this module's own words


_AGED = {
    # A user's latest snapshot has the sequence of the user's state.
    "snapshots": ("sequence", "taken_at < :cutoff AND sequence < held.sequence"),
    "mutations": ("sequence", "recorded_at < :cutoff"),
    "seen_events": ("event_id", "occurred_at < :cutoff"),
    "seen_items": ("item_id", "seen_at < :cutoff"),
    "user_memory": ("ring, slot", "occurred_at < :cutoff"),
}
"""Tables whose rows go by their own age: the rest of their key, and what is old."""
_OLD = {table: _old_rows(table, key, past) for table, (key, past) in _AGED.items()}
_DELETIONS = {
    table: text(_deletion(table, key, _OLD[table])).bindparams(*_PAGE, _CUTOFF, _LIMIT, _KEPT_SINCE)
    for table, (key, _) in _AGED.items()
}
_COUNTS = {table: text(_count(old)).bindparams(*_PAGE, _CUTOFF, _LIMIT, _KEPT_SINCE) for table, old in _OLD.items()}


async def remove_old(session: WriteSession, table: str, page: Page, cutoff: datetime) -> int:
    """Delete up to a batch of the page's old rows in one of the tables that age; how many that was."""
    values = _of(page) | {"cutoff": cutoff, "limit": BATCH, "kept_since": None}
    return int((await session.execute(_DELETIONS[table], values)).rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_old(
    session: ReadSession, table: str, page: Page, cutoff: datetime, *, kept_since: datetime | None
) -> int:
    """How many of the page's rows in that table are old, those of users left out who would go as a whole."""
    values = _of(page) | {"cutoff": cutoff, "limit": 2**62, "kept_since": kept_since}
    return int((await session.execute(_COUNTS[table], values)).scalar_one())


_REMOVE_TOMBSTONES = text(
    """
    DELETE FROM tombstones WHERE (domain, user_key) IN (
        SELECT domain, user_key FROM tombstones WHERE deleted_at < :cutoff ORDER BY deleted_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    """
).bindparams(_CUTOFF, _LIMIT)
_COUNT_TOMBSTONES = text("SELECT count(*) FROM tombstones WHERE deleted_at < :cutoff").bindparams(_CUTOFF)


async def remove_tombstones(session: WriteSession, cutoff: datetime) -> int:
    """Delete up to a batch of tombstones of erasures before that; how many that was."""
    result = await session.execute(_REMOVE_TOMBSTONES, {"cutoff": cutoff, "limit": BATCH})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_tombstones(session: ReadSession, cutoff: datetime) -> int:
    """How many tombstones are of erasures before that."""
    return int((await session.execute(_COUNT_TOMBSTONES, {"cutoff": cutoff})).scalar_one())


async def claim(session: WriteSession, *, every: timedelta, force: bool) -> datetime | None:
    """Claim the next run for the caller, if it is due: by the database's clock, for all replicas have that one.

    Args:
        session: committed by the caller, which makes the claim hold.
        every: how long after the beginning of the last run the next one is due.
        force: whatever the time.

    Returns:
        the time of the claim; None where the last run is not as old.
    """
    await wait_for_turn(session)
    now = (await session.execute(text("SELECT now()"))).scalar_one()
    last = await installation.claim(session, LAST_RUN, NEVER)
    if not force and now - datetime.fromisoformat(last) < every:
        return None
    await installation.replace(session, LAST_RUN, now.isoformat())
    return now  # type: ignore[no-any-return] # of a statement in text
