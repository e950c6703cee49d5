"""SQL of the spaces of models: announced by the replicas that serve them, retired when none does any more."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Double, Integer, Text

from service.database.sessions import WriteSession
from service.encoder.contract import ModelInfo
from service.items.write_repository import SPACES_KEY

BATCH = 2000
"""Vectors that one transaction removes."""

_SPACE = bindparam("space", type_=Text)


@dataclass(frozen=True, slots=True)
class Space:
    """A space that is known of.

    Attributes:
        filled_at: when every item of before had been queued for it; None until then.
        retired_at: since when it is being removed; None for one in use.
    """

    space: str
    dim: int
    filled_at: datetime | None
    retired_at: datetime | None


async def announce(session: WriteSession, model: ModelInfo) -> Space:
    """Say that a replica lives that serves this model; what is known of its space.

    A space that is new, or was about to be removed, is entered while nobody changes the catalogue: every later change
    is queued for it, and every earlier one is there to be found by `queue_repository.fill`.
    """
    found = (await session.execute(_SEEN, {"space": model.space})).one_or_none()
    if found is None:
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SPACES_KEY})
        values = {"space": model.space, "model_id": model.id, "dim": model.dim}
        found = (await session.execute(_ENTER, values)).one()
    return Space(found.space, found.dim, found.filled_at, found.retired_at)


_SEEN = text(
    """
    UPDATE item_spaces SET seen_at = now() WHERE space = :space AND retired_at IS NULL
    RETURNING space, dim, filled_at, retired_at
    """
).bindparams(_SPACE)
_ENTER = text(
    """
    INSERT INTO item_spaces AS held (space, model_id, dim) VALUES (:space, :model_id, :dim)
    ON CONFLICT (space) DO UPDATE SET seen_at = now(), retired_at = NULL,
        filled_at = CASE WHEN held.retired_at IS NULL THEN held.filled_at END
    RETURNING space, dim, filled_at, retired_at
    """
).bindparams(_SPACE, bindparam("model_id", type_=Text), bindparam("dim", type_=Integer))


async def filled(session: WriteSession, space: str) -> None:
    """Remember that the whole catalogue was queued for the space."""
    query = text("UPDATE item_spaces SET filled_at = now() WHERE space = :space").bindparams(_SPACE)
    await session.execute(query, {"space": space})


async def retire(session: WriteSession, space: str, unseen_seconds: float) -> list[str]:
    """Retire the spaces besides this one that no replica has announced for so long."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SPACES_KEY})
    return list((await session.execute(_RETIRE, {"space": space, "seconds": unseen_seconds})).scalars())


_RETIRE = text(
    """
    UPDATE item_spaces SET retired_at = now()
    WHERE space <> :space AND retired_at IS NULL AND seen_at < now() - make_interval(secs => :seconds)
    RETURNING space
    """
).bindparams(_SPACE, bindparam("seconds", type_=Double))


async def unused(session: WriteSession, space: str, unseen_seconds: float) -> bool:
    """Whether `retire` would find one: asked first, for it keeps others waiting."""
    query = text(
        "SELECT 1 FROM item_spaces WHERE space <> :space AND retired_at IS NULL "
        "AND seen_at < now() - make_interval(secs => :seconds) LIMIT 1"
    ).bindparams(_SPACE, bindparam("seconds", type_=Double))
    return (await session.execute(query, {"space": space, "seconds": unseen_seconds})).first() is not None


async def remove_retired(session: WriteSession) -> bool:
    """Remove some of what is left of a retired space, and the space itself at last; whether there was one.

    Its row is locked: a replica that comes back with it waits, and begins anew.
    """
    space = (await session.execute(_NEXT_RETIRED)).scalar_one_or_none()
    if space is None:
        return False
    gone = 0
    for table in ("item_queue", "item_vectors"):
        gone += int((await session.execute(_REMOVE[table], {"space": space, "limit": BATCH})).rowcount)  # type: ignore[attr-defined] # of a deletion
    if not gone:
        await session.execute(text("DELETE FROM item_spaces WHERE space = :space").bindparams(_SPACE), {"space": space})
    return True


_NEXT_RETIRED = text(
    "SELECT space FROM item_spaces WHERE retired_at IS NOT NULL ORDER BY space LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_REMOVE = {
    table: text(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE space = :space LIMIT :limit))"  # noqa: S608 - our tables
    ).bindparams(_SPACE, bindparam("limit", type_=Integer))
    for table in ("item_queue", "item_vectors")
}


async def in_use(session: WriteSession | AsyncConnection) -> list[Space]:
    """The spaces that are not retired."""
    rows = await session.execute(
        text("SELECT space, dim, filled_at, retired_at FROM item_spaces WHERE retired_at IS NULL")
    )
    return [Space(row.space, row.dim, row.filled_at, row.retired_at) for row in rows]
