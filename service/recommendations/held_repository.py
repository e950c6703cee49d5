"""SQL of all that is learnt from: what is held of a user, and what others took up after the user's items."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import bindparam, text
from sqlalchemy.types import Text

from service.database.tables import UserStateRow
from service.policy.memory import Behavior
from service.policy.succession import ASKED, Successors
from service.recommendations.repository import Session
from service.recommendations.successors_repository import SUCCESSORS_OF_ASKED, successors_of


@dataclass(frozen=True, slots=True)
class Held:
    """A user's state, by column, and memory; all None and empty where nothing is held.

    Attributes:
        behaviors: those that are kept one by one in the space that was asked for, in the order of the user's stream.
        successors: of the newest items among theirs.
    """

    state: bytes | None = None
    pending: bytes | None = None
    space: str | None = None
    profile_id: str | None = None
    since: datetime | None = None
    behaviors: Sequence[Behavior] = ()
    successors: Successors = field(default_factory=Successors.none)


_COLUMNS = tuple(field.name for field in fields(Behavior))
# One row, its behaviours as arrays: a hundred small ones, and a second statement, would cost more. The newest items are
# those of the stream's end, not of the last arrivals: these were counted anew where the user started anew.
_HELD = text(
    f"""
    WITH remembered AS MATERIALIZED (
        SELECT {", ".join(_COLUMNS)}, row_number() OVER (ORDER BY counted_at, occurred_at, event_id) AS n
        FROM user_memory WHERE domain = :domain AND user_key = :user_key AND space = :space ORDER BY n
    ), asked AS (
        SELECT item_id, row_number() OVER (ORDER BY max(n) DESC) AS place FROM remembered
        WHERE item_id IS NOT NULL GROUP BY item_id ORDER BY place LIMIT {ASKED}
    )
    SELECT held.state, held.pending, held.space, held.profile_id, held.since, memory.*, followed.*
    FROM user_states AS held
    CROSS JOIN (
        SELECT {", ".join(f"array_agg({name}) AS {name}" for name in _COLUMNS)} FROM remembered
    ) AS memory
    CROSS JOIN ({SUCCESSORS_OF_ASKED}) AS followed
    WHERE held.domain = :domain AND held.user_key = :user_key
    """  # noqa: S608 - of this module's own words
).bindparams(
    bindparam("domain", type_=Text),
    bindparam("user_key", type_=UserStateRow.user_key.type),
    bindparam("space", type_=Text),
)


async def held(session: Session, domain: str, user_key: bytes, space: str) -> Held:
    """What is held of the user, with the behaviours of that space."""
    values = {"domain": domain, "user_key": user_key, "space": space}
    row = (await session.execute(_HELD, values)).one_or_none()
    if row is None:
        return Held()
    columns = [getattr(row, name) or () for name in _COLUMNS]
    return Held(
        row.state,
        row.pending,
        row.space,
        row.profile_id,
        row.since,
        [Behavior(*values) for values in zip(*columns, strict=True)],
        successors_of(row),
    )
