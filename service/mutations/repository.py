"""SQL of the outbox as the stream reads it.

Changes are read in the order of transaction and position, and only below the oldest transaction that is still open:
nothing can come to lie before a place that was read, whatever the order in which transactions commit.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import BigInteger, Text

from service.database.sessions import ReadSession

LAST_POSITION = 2**63 - 1


class Place(NamedTuple):
    """A place in the outbox; places are in the order in which changes are told."""

    xid: int
    position: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored to be told of a change; the user's id is sealed.

    Attributes:
        change: the contract's object.
        gained: topics, as the contract has them.
        lost: topics, as the contract has them.
        population: the shift of the population that it is part of; None without one.
    """

    mutation_id: UUID
    domain: str
    user_key: bytes
    sequence: int
    recorded_at: datetime
    change: Any
    gained: Any
    lost: Any
    population: Any
    sealed: bytes


COLUMNS = (
    "mutation_id",
    "domain",
    "user_key",
    "sequence",
    "recorded_at",
    "change",
    "gained",
    "lost",
    "population",
    "sealed",
)
"""Of `mutations`: what makes a `Stored`."""
JSON_COLUMNS = dict.fromkeys(("change", "gained", "lost", "population"), JSONB)
"""Those of them that the driver leaves as text."""


def stored_of(row: Any) -> Stored:  # noqa: ANN401 - a row of a statement in text
    """What a row with `COLUMNS` holds."""
    return Stored(**{name: getattr(row, name) for name in COLUMNS})


async def settled(session: ReadSession) -> Place:
    """The place up to which nothing can change any more: what is declared from now on comes after it."""
    return Place((await session.execute(_SETTLED)).scalar_one() - 1, LAST_POSITION)


_SETTLED = text("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)")


async def after(
    session: ReadSession, place: Place, *, until: Place | None = None, domain: str | None = None, limit: int
) -> list[tuple[Place, Stored]]:
    """The next changes after a place, with the place of each.

    Args:
        session: to read with.
        place: where to begin; that of the last change that was read.
        until: none beyond this place.
        domain: none of another domain.
        limit: how many at most.
    """
    end = until or Place(LAST_POSITION, LAST_POSITION)
    values = {
        "xid": place.xid,
        "position": place.position,
        "end_xid": end.xid,
        "end_position": end.position,
        "domain": domain,
        "limit": limit,
    }
    rows = (await session.execute(_AFTER, values)).all()
    return [(Place(row.xid, row.position), stored_of(row)) for row in rows]


_AFTER = (
    text(
        f"""
        SELECT xid, position, {", ".join(COLUMNS)} FROM mutations
        WHERE (xid, position) > (:xid, :position)
          AND (xid, position) <= (:end_xid, :end_position)
          AND xid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)
          AND (CAST(:domain AS text) IS NULL OR domain = :domain)
        ORDER BY xid, position LIMIT :limit
        """  # noqa: S608 - of this module's own names
    )
    .bindparams(
        bindparam("xid", type_=BigInteger),
        bindparam("position", type_=BigInteger),
        bindparam("end_xid", type_=BigInteger),
        bindparam("end_position", type_=BigInteger),
        bindparam("domain", type_=Text),
    )
    .columns(**JSON_COLUMNS)
)
