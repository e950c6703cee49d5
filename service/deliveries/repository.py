"""SQL of deliveries: from the outbox to rows, from rows to senders, and what came of it.

The outbox is read in the order of transaction and position, and only below the oldest transaction that is still open:
nothing can come to lie before what was read, whatever the order in which transactions commit. One reader at a time
moves the cursor, in the transaction that makes the deliveries, so that each change is made into deliveries once.

A delivery is sent by whoever claims it, for as long as a lease; who dies leaves it to be claimed again after that.
Times are the database's, which all replicas share, plus a shift, by which tests move them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL
from sqlalchemy.types import BigInteger, Text, Uuid

from service.database.sessions import ReadSession, WriteSession
from service.mutations.repository import COLUMNS, JSON_COLUMNS, LAST_POSITION, Stored, stored_of

CURSOR = "webhooks"
FAN_OUT = 200
"""Changes that are made into deliveries in one transaction."""
LEASE = timedelta(seconds=60)
"""How long a delivery that is being sent is left to who sends it: longer than any attempt."""
CLEANUP = 1000
"""Rows that one transaction of a cleanup removes."""

_SHIFT = bindparam("shift", type_=INTERVAL())


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be sent now.

    Attributes:
        number: of the delivery.
        attempts: made so far, this one included.
        retries: the same since it was begun, or asked for again.
        webhook_id: where it goes.
        url: of the receiver.
        secrets: sealed, the present one first.
        change: to be told; None where it is no longer kept.
    """

    number: int
    attempts: int
    retries: int
    webhook_id: UUID
    url: str
    secrets: tuple[bytes, ...]
    change: Stored | None


async def fan_out(session: WriteSession, shift: timedelta) -> int:
    """Make deliveries of the next changes; how many changes that were, `FAN_OUT` where there may be more.

    0, too, where another replica is at it.
    """
    await session.execute(_MAKE_CURSOR, {"name": CURSOR})
    cursor = (await session.execute(_LOCK_CURSOR, {"name": CURSOR})).one_or_none()
    if cursor is None or cursor.since is None:
        return 0
    xid, position = max((cursor.xid, cursor.position), (cursor.since, LAST_POSITION))
    start = {"xid": xid, "position": position}
    page = (await session.execute(_PAGE, start | {"limit": FAN_OUT})).all()
    if not page:
        return 0
    end = {"end_xid": page[-1].xid, "end_position": page[-1].position}
    await session.execute(_FAN_OUT, start | end | {"shift": shift})
    await session.execute(_MOVE_CURSOR, {"name": CURSOR} | end)
    return len(page)


_MAKE_CURSOR = text("INSERT INTO outbox_cursors (name, xid, position) VALUES (:name, 0, 0) ON CONFLICT DO NOTHING")
_LOCK_CURSOR = text(
    """
    SELECT xid, position, (SELECT min(since_xid) FROM webhooks WHERE enabled) AS since
    FROM outbox_cursors WHERE name = :name FOR UPDATE SKIP LOCKED
    """
)
_PAGE = text(
    """
    SELECT xid, position FROM mutations
    WHERE (xid, position) > (:xid, :position)
      AND xid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
    ORDER BY xid, position LIMIT :limit
    """
).bindparams(bindparam("xid", type_=BigInteger), bindparam("position", type_=BigInteger))
# The lock keeps an erasure of the user, which deletes the change before its deliveries, from missing those made here.
_FAN_OUT = text(
    """
    INSERT INTO webhook_deliveries (domain, user_key, mutation_id, webhook_id, due_at, created_at)
    SELECT told.domain, told.user_key, told.mutation_id, webhooks.webhook_id, now() + :shift, now() + :shift
    FROM (
        SELECT domain, user_key, mutation_id, xid, position FROM mutations
        WHERE (xid, position) > (:xid, :position)
          AND (xid, position) <= (:end_xid, :end_position)
        ORDER BY xid, position FOR KEY SHARE
    ) AS told
    JOIN webhooks ON webhooks.enabled AND coalesce(webhooks.domain, told.domain) = told.domain
         AND webhooks.since_xid < told.xid
    ORDER BY told.xid, told.position
    ON CONFLICT DO NOTHING
    """
).bindparams(
    _SHIFT,
    bindparam("xid", type_=BigInteger),
    bindparam("position", type_=BigInteger),
    bindparam("end_xid", type_=BigInteger),
    bindparam("end_position", type_=BigInteger),
)
_MOVE_CURSOR = text("UPDATE outbox_cursors SET xid = :end_xid, position = :end_position WHERE name = :name").bindparams(
    bindparam("end_xid", type_=BigInteger)
)


async def claim(
    session: WriteSession, *, limit: int, each: int, busy: Mapping[UUID, int], shift: timedelta
) -> list[Claimed]:
    """Take deliveries that are due, for as long as `LEASE`.

    Args:
        session: committed by the caller, which makes the claim hold.
        limit: how many at most.
        each: how many of one webhook at most, with those of it that the caller is at: a slow one must not keep all.
        busy: how many the caller is at, by webhook.
        shift: see the module.
    """
    if limit <= 0:
        return []
    values = {"limit": limit, "each": each, "lease": LEASE, "shift": shift}
    running = {"busy": list(busy), "running": list(busy.values())}
    return [_claimed(row) for row in (await session.execute(_CLAIM, values | running)).all()]


_CLAIM = (
    text(
        f"""
    WITH due AS (
        SELECT found.number, found.mutation_id
        FROM (SELECT webhook_id FROM webhooks WHERE enabled ORDER BY random()) AS live
        LEFT JOIN unnest(:busy, :running) AS busy (webhook_id, running) USING (webhook_id)
        CROSS JOIN LATERAL (
            SELECT number, mutation_id FROM webhook_deliveries
            WHERE webhook_id = live.webhook_id AND state = 'pending' AND due_at <= now() + :shift
            ORDER BY due_at LIMIT greatest(:each - coalesce(busy.running, 0), 0) FOR UPDATE SKIP LOCKED
        ) AS found
        LIMIT :limit
    )
    UPDATE webhook_deliveries AS taken
    SET attempts = attempts + 1, retries = retries + 1, attempted_at = now() + :shift,
        due_at = now() + :shift + :lease
    FROM webhooks, due LEFT JOIN mutations ON mutations.mutation_id = due.mutation_id
    WHERE taken.number = due.number AND webhooks.webhook_id = taken.webhook_id
    RETURNING taken.number, taken.attempts, taken.retries, taken.webhook_id, webhooks.url, webhooks.secret,
        CASE WHEN webhooks.previous_until > now() + :shift THEN webhooks.previous_secret END AS previous_secret,
        {", ".join(f"mutations.{name}" for name in COLUMNS)}
    """  # noqa: S608 - of this module's own names
    )
    .bindparams(
        _SHIFT,
        bindparam("lease", type_=INTERVAL()),
        bindparam("limit", type_=BigInteger),
        bindparam("each", type_=BigInteger),
        bindparam("busy", type_=ARRAY(Uuid)),
        bindparam("running", type_=ARRAY(BigInteger)),
    )
    .columns(**JSON_COLUMNS)
)


def _claimed(row: Any) -> Claimed:  # noqa: ANN401 - a row of a statement in text
    return Claimed(
        number=row.number,
        attempts=row.attempts,
        retries=row.retries,
        webhook_id=row.webhook_id,
        url=row.url,
        secrets=tuple(secret for secret in (row.secret, row.previous_secret) if secret is not None),
        change=None if row.mutation_id is None else stored_of(row),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """What came of an attempt, to be stored: delivered, to be tried again after `wait`, or given up."""

    delivered: bool
    wait: timedelta | None = None
    status: int | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        """Of the delivery."""
        if self.delivered:
            return "delivered"
        return "failed" if self.wait is None else "pending"


async def record(session: WriteSession, claimed: Claimed, told: Told, shift: timedelta) -> bool:
    """Store what came of an attempt; false where the delivery is no longer the claimer's, or was erased."""
    values = {
        "number": claimed.number,
        "attempts": claimed.attempts,
        "state": told.state,
        "wait": told.wait or timedelta(),
        "status": told.status,
        "error": told.error,
        "shift": shift,
    }
    return bool((await session.execute(_RECORD, values)).rowcount)  # type: ignore[attr-defined] # of an update


_RECORD = text(
    """
    UPDATE webhook_deliveries
    SET state = :state, status = :status, error = :error, due_at = now() + :shift + :wait,
        ended_at = CASE WHEN :state = 'pending' THEN NULL ELSE now() + :shift END
    WHERE number = :number AND attempts = :attempts AND state = 'pending'
    """
).bindparams(
    _SHIFT,
    bindparam("state", type_=Text),
    bindparam("status", type_=BigInteger),
    bindparam("error", type_=Text),
    bindparam("wait", type_=INTERVAL()),
)


async def noted(
    session: WriteSession, webhook_id: UUID, *, failed: bool, give_up_after: timedelta, shift: timedelta
) -> bool:
    """Keep since when nothing at all was delivered; whether the webhook was disabled for it now."""
    values = {"webhook_id": webhook_id, "shift": shift}
    if not failed:
        await session.execute(_WORKS, values)
        return False
    await session.execute(_FAILS, values)
    reason = f"nothing was delivered for {give_up_after.days} days"
    disabled = await session.execute(_GIVE_UP, values | {"days": give_up_after, "reason": reason})
    return bool(disabled.rowcount)  # type: ignore[attr-defined] # of an update


_OF_WEBHOOK = (bindparam("webhook_id", type_=Uuid), _SHIFT)
_WORKS = text(
    "UPDATE webhooks SET failing_since = NULL WHERE webhook_id = :webhook_id AND failing_since IS NOT NULL"
).bindparams(_OF_WEBHOOK[0])
_FAILS = text(
    "UPDATE webhooks SET failing_since = now() + :shift WHERE webhook_id = :webhook_id AND failing_since IS NULL"
).bindparams(*_OF_WEBHOOK)
_GIVE_UP = text(
    """
    UPDATE webhooks SET enabled = false, disabled_reason = :reason
    WHERE webhook_id = :webhook_id AND enabled AND failing_since <= now() + :shift - :days
    """
).bindparams(*_OF_WEBHOOK, bindparam("days", type_=INTERVAL()))


async def disable(session: WriteSession, webhook_id: UUID, reason: str) -> None:
    """Send no more to a webhook, and tell why."""
    await session.execute(_DISABLE, {"webhook_id": webhook_id, "reason": reason})


_DISABLE = text(
    "UPDATE webhooks SET enabled = false, disabled_reason = :reason WHERE webhook_id = :webhook_id AND enabled"
).bindparams(bindparam("webhook_id", type_=Uuid))


async def oldest(session: ReadSession | WriteSession) -> timedelta:
    """Age of the oldest delivery that an enabled webhook waits for; 0 without one."""
    age: timedelta | None = (await session.execute(_OLDEST)).scalar_one()
    return age or timedelta()


_OLDEST = text(
    """
    SELECT max(now() - waiting.created_at) FROM webhooks CROSS JOIN LATERAL (
        SELECT created_at FROM webhook_deliveries
        WHERE webhook_id = webhooks.webhook_id AND state = 'pending' ORDER BY created_at LIMIT 1
    ) AS waiting
    WHERE webhooks.enabled
    """
)


async def delete_old(session: WriteSession, before: datetime) -> int:
    """Delete some deliveries that were made before then; what is still tried is never as old."""
    result = await session.execute(_DELETE_OLD, {"before": before, "limit": CLEANUP})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_old(session: ReadSession, before: datetime) -> int:
    """How many deliveries were made before then."""
    return int((await session.execute(_COUNT_OLD, {"before": before})).scalar_one())


_DELETE_OLD = text(
    """
    DELETE FROM webhook_deliveries WHERE number IN (
        SELECT number FROM webhook_deliveries WHERE created_at < :before
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    """
)
_COUNT_OLD = text("SELECT count(*) FROM webhook_deliveries WHERE created_at < :before")
