"""SQL of webhooks, and of their deliveries as they are looked at and sent again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.sql.elements import ColumnElement

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import WebhookDeliveryRow, WebhookRow

LOCK_KEY = 0x5E47E7
"""Key of the advisory lock under which webhooks are made, so that they can be counted."""


async def count_alone(session: WriteSession) -> int:
    """How many webhooks there are; none is made by others until the transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=LOCK_KEY))
    return int((await session.execute(select(func.count()).select_from(WebhookRow))).scalar_one())


async def now(session: WriteSession) -> tuple[datetime, int]:
    """The database's time, and the number of this transaction: changes of later ones are told."""
    query = text("SELECT now() AS time, CAST(CAST(pg_current_xact_id() AS text) AS bigint) AS xid")
    row = (await session.execute(query)).one()
    return row.time, row.xid


def add(session: WriteSession, row: WebhookRow) -> None:
    """Keep a new webhook."""
    session.add(row)


async def every(session: ReadSession | WriteSession) -> Sequence[WebhookRow]:
    """All webhooks, oldest first."""
    query = select(WebhookRow).order_by(WebhookRow.created_at, WebhookRow.webhook_id)
    return (await session.execute(query)).scalars().all()


async def find(session: ReadSession | WriteSession, webhook_id: UUID, *, lock: bool = False) -> WebhookRow | None:
    """A webhook; to change it, locked."""
    query = select(WebhookRow).where(WebhookRow.webhook_id == webhook_id)
    return (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def remove(session: WriteSession, webhook_id: UUID) -> bool:
    """Delete a webhook and its deliveries; whether there was one."""
    gone = await session.execute(delete(WebhookRow).where(WebhookRow.webhook_id == webhook_id))
    await session.execute(delete(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == webhook_id))
    return bool(gone.rowcount)  # type: ignore[attr-defined] # of a deletion


async def page(
    session: ReadSession, webhook_id: UUID, *, limit: int, before: int | None, state: str | None
) -> Sequence[WebhookDeliveryRow]:
    """Deliveries of a webhook, newest first.

    Args:
        session: to read with.
        webhook_id: of the webhook.
        limit: how many at most.
        before: only those with a lower number.
        state: only those in this state.
    """
    query = select(WebhookDeliveryRow).where(WebhookDeliveryRow.webhook_id == webhook_id)
    if before is not None:
        query = query.where(WebhookDeliveryRow.number < before)
    if state is not None:
        query = query.where(WebhookDeliveryRow.state == state)
    return (await session.execute(query.order_by(WebhookDeliveryRow.number.desc()).limit(limit))).scalars().all()


async def resend(
    session: WriteSession, webhook_id: UUID, *, mutation_ids: Sequence[UUID] | None, since: datetime | None
) -> int:
    """Have failed deliveries sent again, from the beginning of the schedule; how many.

    Args:
        session: to write with.
        webhook_id: of the webhook.
        mutation_ids: only of these changes.
        since: only those made then or later.
    """
    chosen: list[ColumnElement[bool]] = [
        WebhookDeliveryRow.webhook_id == webhook_id,
        WebhookDeliveryRow.state == "failed",
    ]
    if mutation_ids is not None:
        chosen.append(WebhookDeliveryRow.mutation_id.in_(mutation_ids))
    if since is not None:
        chosen.append(WebhookDeliveryRow.created_at >= since)
    # Attempts go on being counted, for they tell one sending from the next.
    again = {"state": "pending", "retries": 0, "due_at": func.now(), "ended_at": None}
    result = await session.execute(
        update(WebhookDeliveryRow).where(*chosen).values(again).execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined] # of an update


async def resume(session: WriteSession, webhook_id: UUID) -> None:
    """Have what waits sent at once: whoever enables a webhook again expects to see it work."""
    await session.execute(
        update(WebhookDeliveryRow)
        .where(
            WebhookDeliveryRow.webhook_id == webhook_id,
            WebhookDeliveryRow.state == "pending",
            WebhookDeliveryRow.due_at > func.now() + timedelta(minutes=1),  # not what is being sent right now
        )
        .values(due_at=func.now(), retries=0)
        .execution_options(synchronize_session=False)
    )
