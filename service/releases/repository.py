"""SQL of released vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import aliased

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import PrivacyReleaseRow, SnapshotRow


@dataclass(frozen=True, slots=True)
class Released:
    """A vector as it left the service.

    Attributes:
        z: float32, little-endian, with noise.
        previous: the one released before it, of the same model; None for the first.
        cost: rho, of z alone.
    """

    z: bytes
    previous: bytes | None
    cost: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was released of a user within a period.

    Attributes:
        now: by the database's clock, which all replicas share.
        spent: times and costs.
    """

    now: datetime
    spent: list[tuple[datetime, float]]


async def released(
    session: ReadSession | WriteSession, domain: str, user_key: bytes, sequences: Sequence[int]
) -> dict[UUID, Released]:
    """Those of the user's snapshots whose vectors have left the service before, by id."""
    before = aliased(PrivacyReleaseRow)
    previous = (
        select(before.z)
        .where(
            before.domain == domain,
            before.user_key == user_key,
            before.sequence < PrivacyReleaseRow.sequence,
            before.model_digest == PrivacyReleaseRow.model_digest,
        )
        .order_by(before.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(
        PrivacyReleaseRow.snapshot_id, PrivacyReleaseRow.z, previous.label("previous"), PrivacyReleaseRow.cost
    ).where(
        PrivacyReleaseRow.domain == domain,
        PrivacyReleaseRow.user_key == user_key,
        PrivacyReleaseRow.sequence.in_(sequences),
    )
    rows = (await session.execute(query)).all()
    return {row.snapshot_id: Released(row.z, row.previous, row.cost) for row in rows}


async def unreleased(
    session: WriteSession, domain: str, user_key: bytes, wanted: Sequence[tuple[int, UUID]]
) -> list[SnapshotRow]:
    """Those of the snapshots, by sequence and id, that are stored and whose vectors have never left the service."""
    query = select(SnapshotRow).where(
        SnapshotRow.domain == domain,
        SnapshotRow.user_key == user_key,
        SnapshotRow.sequence.in_([sequence for sequence, _ in wanted]),
        SnapshotRow.snapshot_id.in_([snapshot_id for _, snapshot_id in wanted]),
        ~select(PrivacyReleaseRow.sequence)
        .where(
            PrivacyReleaseRow.domain == SnapshotRow.domain,
            PrivacyReleaseRow.user_key == SnapshotRow.user_key,
            PrivacyReleaseRow.sequence == SnapshotRow.sequence,
        )
        .exists(),
    )
    return list((await session.execute(query.order_by(SnapshotRow.sequence))).scalars())


async def ledger(session: WriteSession, domain: str, user_key: bytes, period: timedelta) -> Ledger:
    """What was released of the user within the period up to now.

    Only under the user's lock is it the truth for as long as the transaction lasts.
    """
    query = select(
        func.clock_timestamp().label("now"),
        func.array_agg(PrivacyReleaseRow.released_at).label("times"),
        func.array_agg(PrivacyReleaseRow.cost).label("costs"),
    ).where(
        PrivacyReleaseRow.domain == domain,
        PrivacyReleaseRow.user_key == user_key,
        # now() is when the transaction began: before it waited for the lock, so that rather too much counts.
        PrivacyReleaseRow.released_at > func.now() - period,
    )
    row = (await session.execute(query)).one()
    return Ledger(row.now, list(zip(row.times or [], row.costs or [], strict=True)))


async def add(session: WriteSession, rows: Sequence[PrivacyReleaseRow]) -> None:
    """Record releases, before they are sent."""
    session.add_all(rows)
    await session.flush()


_SPENT = """
    FROM privacy_releases AS release WHERE released_at <= :before AND NOT EXISTS (
        SELECT FROM snapshots
        WHERE domain = release.domain AND user_key = release.user_key AND sequence = release.sequence
    )
"""
_BEFORE = bindparam("before", type_=TIMESTAMP(timezone=True))
_DELETE_SPENT = text(
    f"""
    DELETE FROM privacy_releases WHERE (domain, user_key, sequence) IN (
        SELECT domain, user_key, sequence {_SPENT} LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    """  # noqa: S608 - no part of it comes from outside
).bindparams(_BEFORE)
_COUNT_SPENT = text(f"SELECT count(*) {_SPENT}").bindparams(_BEFORE)
BATCH = 1000
"""Rows that one transaction deletes."""


async def delete_spent(session: WriteSession, before: datetime) -> int:
    """Delete up to a batch of the releases that nobody can ask for again, and that no budget counts; how many.

    That is, of snapshots that are gone. Of those that are kept, the vector must stay the same: never one before its
    time, or a budget would have room for what it has no room for.

    Args:
        session: that writes.
        before: the budget counts what was released later.
    """
    await session.execute(text("SET LOCAL statement_timeout = 0"))  # it looks at all releases that are old enough
    result = await session.execute(_DELETE_SPENT, {"before": before, "limit": BATCH})
    return int(result.rowcount)  # type: ignore[attr-defined] # of a deletion


async def count_spent(session: ReadSession, before: datetime) -> int:
    """How many there are. See `delete_spent`."""
    await session.execute(text("SET LOCAL statement_timeout = 0"))
    return int((await session.execute(_COUNT_SPENT, {"before": before})).scalar_one())
