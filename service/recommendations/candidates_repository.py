"""SQL of candidates: what is known of those that were found, and those that others took up, in one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, bindparam, text
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
        users: (c,) how many users had to do with each that was found near lately.
        after: those that others took up, in the order in which they were wanted, each once.
        seen: which of all of them, and of those that were found elsewhere, this user had to do with.
    """

    users: NDArray[np.int64]
    after: Sampled
    seen: frozenset[str]


# Popularity is looked up in the index for each candidate, whatever Postgres thinks of the table's size: a join with all
# that is popular takes ten times as long. What a user has seen stands together: there one scan for all takes a tenth.
_USERS = "coalesce((SELECT p.users FROM item_popularity AS p WHERE p.domain = :domain AND p.item_id = {}), 0)"
_KNOWN = f"""
    WITH named AS MATERIALIZED (
        SELECT v.item_id, v.vector, wanted.n FROM (
            SELECT held.successor_ids[wanted.place + 1] AS item_id, min(wanted.n) AS n
            FROM unnest(:from_ids, :places) WITH ORDINALITY AS wanted (item_id, place, n)
            JOIN item_successors AS held ON held.domain = :domain AND held.item_id = wanted.item_id
            GROUP BY 1
        ) AS wanted
        JOIN item_vectors AS v ON v.item_id = wanted.item_id
        WHERE {LIVE} {{conditions}}
    )
    SELECT after.*, (
        SELECT array_agg({_USERS.format("near.item_id")} ORDER BY n)
        FROM unnest(:near) WITH ORDINALITY AS near (item_id, n)
    ) AS users, (
        SELECT array_agg(s.item_id) FROM seen_items AS s WHERE s.domain = :domain AND s.user_key = :user_key
        AND s.item_id = ANY(:near || :others || ARRAY(SELECT item_id FROM named))
    ) AS seen
    FROM (
        SELECT array_agg(item_id ORDER BY n) AS after_ids, array_agg(halfvec_send(vector) ORDER BY n) AS after_sent,
               array_agg({_USERS.format("named.item_id")} ORDER BY n) AS after_users
        FROM named
    ) AS after
"""  # noqa: S608 - of this module's own words
_TYPES = (
    bindparam("near", type_=ARRAY(Text)),
    bindparam("others", type_=ARRAY(Text)),
    bindparam("from_ids", type_=ARRAY(Text)),
    bindparam("places", type_=ARRAY(BigInteger)),
    bindparam("domain", type_=Text),
    bindparam("user_key", type_=UserStateRow.user_key.type),
)


async def known(
    session: Session,
    catalogue: Catalogue,
    user_key: bytes,
    *,
    near: Sequence[str],
    others: Sequence[str],
    after: After,
) -> Known:
    """What is known of candidates, and those that others took up.

    Counts may have been replaced since the places of `after` were read: then others may stand there.

    Args:
        session: any.
        catalogue: those of `after` that are not in it are left out.
        user_key: of the user.
        near: c, of those that were found near.
        others: of candidates of which it is only asked whether the user had to do with them.
        after: where others stand.
    """
    values = catalogue.values | {
        "user_key": user_key,
        "near": list(near),
        "others": list(others),
        "from_ids": [item_id for item_id, _ in after],
        "places": [place for _, place in after],
    }
    row = (await session.execute(_statement(catalogue.conditions), values)).one()
    return Known(
        users=np.array(row.users or [], np.int64),
        after=Sampled(
            row.after_ids or [], decode(row.after_sent or [], catalogue.dim), np.array(row.after_users or [], np.int64)
        ),
        seen=frozenset(row.seen or ()),
    )


@cache
def _statement(conditions: str) -> TextClause:
    return text(_KNOWN.format(conditions=conditions)).bindparams(*_TYPES)
