"""SQL of snapshots."""

from datetime import datetime

from sqlalchemy import Select, select

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import SnapshotRow


def _of_user(domain: str, user_key: bytes) -> Select[SnapshotRow]:
    return select(SnapshotRow).where(SnapshotRow.domain == domain, SnapshotRow.user_key == user_key)


async def latest(session: ReadSession | WriteSession, domain: str, user_key: bytes) -> SnapshotRow | None:
    """The user's newest snapshot."""
    query = _of_user(domain, user_key).order_by(SnapshotRow.sequence.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def page(
    session: ReadSession,
    domain: str,
    user_key: bytes,
    *,
    limit: int,
    before: int | None,
    since: datetime | None,
    until: datetime | None,
    changes_only: bool,
) -> list[SnapshotRow]:
    """The user's snapshots, newest first.

    Args:
        session: to read with.
        domain: of the user.
        user_key: of the user.
        limit: how many at most.
        before: only those with a lower sequence.
        since: only those taken then or later.
        until: only those taken before then.
        changes_only: only those taken for a change.
    """
    query = _of_user(domain, user_key).order_by(SnapshotRow.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(SnapshotRow.sequence < before)
    if since is not None:
        query = query.where(SnapshotRow.taken_at >= since)
    if until is not None:
        query = query.where(SnapshotRow.taken_at < until)
    if changes_only:
        query = query.where(SnapshotRow.taken_for == "change")
    return list((await session.execute(query)).scalars())
