"""SQL of candidates: what is known of those that were found, and those that others took up, in one row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from service.database.tables import UserStateRow
from service.items.halves import decode
from service.recommendations.repository import LIVE, Catalogue, Sampled, Session

After = Sequence[tuple[str, int]]
"""Items by where they stand: an item, and the place among its successors, from 0."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of candidates.

    Attributes:
        users: (c,) how many users had to do with each that was found lately.
        seen: (c,) whether this user had.
        after: those that others took up, in the order in which they were wanted, each once.
        after_seen: whether this user had to do with each of them.
    """

    users: NDArray[np.int64]
    seen: NDArray[np.bool_]
    after: Sampled
    after_seen: NDArray[np.bool_]


# Subqueries are looked up in the index for each candidate, whatever Postgres thinks of the tables' sizes: a join with
# all that is popular takes ten times as long.
_USERS = "coalesce((SELECT p.users FROM item_popularity AS p WHERE p.domain = :domain AND p.item_id = {}), 0)"
_SEEN = "EXISTS (SELECT FROM seen_items AS s WHERE s.domain = :domain AND s.user_key = :user_key AND s.item_id = {})"
_KNOWN = f"""
    SELECT found.*, named.* FROM (
        SELECT array_agg({_USERS.format("wanted.item_id")} ORDER BY place) AS users,
               array_agg({_SEEN.format("wanted.item_id")} ORDER BY place) AS seen
        FROM unnest(:ids) WITH ORDINALITY AS wanted (item_id, place)
    ) AS found CROSS JOIN (
        SELECT array_agg(v.item_id ORDER BY n) AS after_ids, array_agg(halfvec_send(v.vector) ORDER BY n) AS after_sent,
               array_agg({_USERS.format("v.item_id")} ORDER BY n) AS after_users,
               array_agg({_SEEN.format("v.item_id")} ORDER BY n) AS after_seen
        FROM (
            SELECT held.successor_ids[wanted.place + 1] AS item_id, min(wanted.n) AS n
            FROM unnest(:from_ids, :places) WITH ORDINALITY AS wanted (item_id, place, n)
            JOIN item_successors AS held ON held.domain = :domain AND held.item_id = wanted.item_id
            GROUP BY 1
        ) AS wanted
        JOIN item_vectors AS v ON v.item_id = wanted.item_id
        WHERE {LIVE} {{conditions}}
    ) AS named
"""  # noqa: S608 - of this module's own words
_TYPES = (
    bindparam("ids", type_=ARRAY(Text)),
    bindparam("from_ids", type_=ARRAY(Text)),
    bindparam("places", type_=ARRAY(BigInteger)),
    bindparam("domain", type_=Text),
    bindparam("user_key", type_=UserStateRow.user_key.type),
)


async def known(session: Session, catalogue: Catalogue, user_key: bytes, ids: Sequence[str], after: After) -> Known:
    """What is known of candidates, and those that others took up.

    Counts may have been replaced since the places of `after` were read: then others may stand there.

    Args:
        session: any.
        catalogue: those of `after` that are not in it are left out.
        user_key: of the user.
        ids: c, of those that were found.
        after: where others stand.
    """
    statement = text(_KNOWN.format(conditions=catalogue.conditions)).bindparams(*_TYPES)
    values = catalogue.values | {
        "user_key": user_key,
        "ids": list(ids),
        "from_ids": [item_id for item_id, _ in after],
        "places": [place for _, place in after],
    }
    row = (await session.execute(statement, values)).one()
    return Known(
        users=np.array(row.users or [], np.int64),
        seen=np.array(row.seen or [], bool),
        after=Sampled(
            row.after_ids or [], decode(row.after_sent or [], catalogue.dim), np.array(row.after_users or [], np.int64)
        ),
        after_seen=np.array(row.after_seen or [], bool),
    )
