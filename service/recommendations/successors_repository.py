"""SQL of what users took up soon after an item: counted anew for all, and read for a few items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from service.database.sessions import WriteSession
from service.policy.succession import HASH_BYTES, SMOOTHING, Successors, hashes_of
from service.recommendations.repository import LIVE, Catalogue, Sampled, Session, sampled

LOCK_KEY = 0x5E47EC
"""Key of the advisory lock under which successors are counted; see also `service.items.write_repository.SPACES_KEY`."""
_CODE = np.dtype([("hash", f">u{HASH_BYTES}"), ("count", ">i4"), ("arrivals", ">i4")])
_MOST_CODED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Graph:
    """What is counted.

    Attributes:
        since: only items that a user had to do with for the first time after that are in the user's order.
        within: so many places after an item are soon after it.
        most: successors of an item that are kept.
        least_users: pairs that fewer users have are not.
    """

    since: datetime
    within: int
    most: int
    least_users: int


def _count(within: int) -> TextClause:
    """The statement that counts, reads what is held, and writes what differs.

    Items have numbers in it, in the order of domain and id, which are quicker to sort and to count than their ids. That
    their join is an outer one tells Postgres that no row is lost by it. All is counted before the first row is written,
    because the rows to be written are sorted: only from then on does the transaction hold up who reads the outbox.
    """
    after = [f"after_{place}" for place in range(1, within + 1)]
    later = ", ".join(f"lead(items.n, {place}) OVER later AS {name}" for place, name in enumerate(after, 1))
    pairs = " UNION ALL ".join(
        f"SELECT n AS item, {name} AS successor FROM ordered WHERE {name} IS NOT NULL"  # noqa: S608 - as below
        for name in after
    )
    return text(
        f"""
        WITH items AS MATERIALIZED (
            SELECT domain, item_id, CAST(row_number() OVER (ORDER BY domain, item_id COLLATE "C") AS integer) AS n,
                   substring(sha256(convert_to(item_id, 'UTF8')) FOR {HASH_BYTES}) AS hash
            FROM (SELECT DISTINCT domain, item_id FROM seen_items WHERE first_seen_at > :since) AS seen
        ), ordered AS MATERIALIZED (
            SELECT items.n, row_number() OVER later - 1 AS before, {later}
            FROM seen_items AS seen LEFT JOIN items USING (domain, item_id) WHERE seen.first_seen_at > :since
            WINDOW later AS (PARTITION BY seen.domain, seen.user_key ORDER BY seen.first_seen_at, items.n)
        ), sums AS MATERIALIZED (
            SELECT n, CAST(sum(num_nonnulls({", ".join(after)})) AS bigint) AS total,
                   CAST(sum(least(before, {within})) AS double precision) AS arrivals
            FROM ordered GROUP BY n
        ), counted AS MATERIALIZED (
            SELECT item, successor, count(*) AS users FROM ({pairs}) AS pairs
            GROUP BY item, successor HAVING count(*) >= :least_users
        ), heaviest AS (
            SELECT item, successor, users, row_number() OVER heavier AS place FROM counted
            WINDOW heavier AS (PARTITION BY item ORDER BY users DESC, successor)
        ), edges AS (
            SELECT heaviest.item, CAST(sum(heaviest.users) AS bigint) AS kept,
                   array_agg(items.item_id ORDER BY place) AS successor_ids,
                   string_agg(items.hash || int4send(CAST(heaviest.users AS integer))
                       || int4send(CAST(least(sums.arrivals, {_MOST_CODED}) AS integer)), '' ORDER BY place) AS codes
            FROM heaviest JOIN sums ON sums.n = heaviest.successor JOIN items ON items.n = heaviest.successor
            WHERE place <= :most GROUP BY heaviest.item
        ), made AS MATERIALIZED (
            SELECT items.domain, items.item_id, sums.total, coalesce(edges.kept, 0) AS kept,
                   coalesce(edges.successor_ids, '{{}}') AS successor_ids, coalesce(edges.codes, '') AS codes
            FROM sums JOIN items USING (n) LEFT JOIN edges ON edges.item = n WHERE sums.total > 0
        ), forgotten AS (
            DELETE FROM item_successors AS held WHERE NOT EXISTS (
                SELECT 1 FROM made WHERE made.domain = held.domain AND made.item_id = held.item_id
            )
        ), domains AS (
            SELECT items.domain, sum(power(sums.arrivals, {SMOOTHING})) AS mass FROM sums JOIN items USING (n)
            WHERE sums.arrivals > 0 GROUP BY items.domain
        ), domains_forgotten AS (
            DELETE FROM successor_totals WHERE domain NOT IN (SELECT domain FROM domains)
        ), domains_written AS (
            INSERT INTO successor_totals AS held (domain, mass, counted_at) SELECT domain, mass, :now FROM domains
            ON CONFLICT (domain) DO UPDATE SET mass = excluded.mass, counted_at = excluded.counted_at
            WHERE held.mass <> excluded.mass
        )
        INSERT INTO item_successors (domain, item_id, total, kept, successor_ids, codes, counted_at)
        SELECT domain, item_id, total, kept, successor_ids, codes, :now FROM made WHERE NOT EXISTS (
            SELECT 1 FROM item_successors AS held
            WHERE held.domain = made.domain AND held.item_id = made.item_id
              AND held.total = made.total AND held.codes = made.codes
        )
        ORDER BY domain, item_id
        ON CONFLICT (domain, item_id) DO UPDATE SET total = excluded.total, kept = excluded.kept,
            successor_ids = excluded.successor_ids, codes = excluded.codes, counted_at = excluded.counted_at
        """  # noqa: S608 - of this module's own words and numbers
    )


_SETTINGS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL work_mem = '256MB'",
    # Of what one part hands to the next Postgres does not know the size. To hash it is right whatever that is.
    "SET LOCAL enable_nestloop = off",
    "SET LOCAL enable_mergejoin = off",
)


async def prepare(session: WriteSession) -> None:
    """Have the transaction count: as long as it takes, and with memory to do it in."""
    for setting in _SETTINGS:
        await session.execute(text(setting))


_MARK = text(
    """
    SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(domain, user_key, item_id, first_seen_at), 0)))
    FROM seen_items WHERE first_seen_at > :since
    """
)


async def mark(session: WriteSession, graph: Graph) -> str:
    """What all that is counted can be told by: it differs once anybody saw something new, was erased, or grew old.

    To read it takes a small part of the time that counting takes, and it may be read in parallel.
    """
    seen: str = (await session.execute(_MARK, {"since": graph.since})).scalar_one()
    return f"{seen} {graph.within} {graph.most} {graph.least_users}"


async def count_successors(session: WriteSession, now: datetime, graph: Graph) -> None:
    """Count anew what users took up soon after each item, in a session that is prepared."""
    values = {"now": now, "since": graph.since, "most": graph.most, "least_users": graph.least_users}
    await session.execute(_count(graph.within), values)


_SUCCESSORS = text(
    f"""
    SELECT coalesce((SELECT mass FROM successor_totals WHERE domain = :domain), 0) AS mass,
           array_agg(coalesce(held.total, 0) ORDER BY asked.place) AS totals,
           array_agg(coalesce(held.kept, 0) ORDER BY asked.place) AS kept,
           array_agg(coalesce(length(held.codes) / {_CODE.itemsize}, 0) ORDER BY asked.place) AS edges,
           string_agg(held.codes, '' ORDER BY asked.place) AS codes
    FROM unnest(:ids) WITH ORDINALITY AS asked (item_id, place)
    LEFT JOIN item_successors AS held ON held.domain = :domain AND held.item_id = asked.item_id
    """  # noqa: S608 - of this module's own words
).bindparams(bindparam("ids", type_=ARRAY(Text)), bindparam("domain", type_=Text))


async def successors(session: Session, domain: str, ids: Sequence[str]) -> Successors:
    """What users took up soon after these items, which are all different."""
    row = (await session.execute(_SUCCESSORS, {"ids": list(ids), "domain": domain})).one()
    edges = np.array(row.edges or [], np.int64)
    codes = np.frombuffer(row.codes or b"", _CODE)
    first = np.cumsum(edges) - edges
    return Successors(
        items=hashes_of(ids),
        totals=np.array(row.totals or [], np.int64),
        kept=np.array(row.kept or [], np.int64),
        row=np.repeat(np.arange(len(edges)), edges),
        hashes=codes["hash"].astype(np.uint64),
        counts=codes["count"].astype(np.int64),
        arrivals=codes["arrivals"].astype(np.int64),
        place=np.arange(len(codes)) - np.repeat(first, edges),
        mass=row.mass,
    )


_NAMED = f"""
    SELECT v.item_id, halfvec_send(v.vector) AS sent, coalesce(p.users, 0) AS users
    FROM (
        SELECT held.successor_ids[wanted.place + 1] AS item_id, min(wanted.n) AS n
        FROM unnest(:from_ids, :places) WITH ORDINALITY AS wanted (item_id, place, n)
        JOIN item_successors AS held ON held.domain = :domain AND held.item_id = wanted.item_id
        GROUP BY 1
    ) AS named
    JOIN item_vectors AS v ON v.item_id = named.item_id
    LEFT JOIN item_popularity AS p ON p.domain = v.domain AND p.item_id = v.item_id
    WHERE {LIVE} {{conditions}}
    ORDER BY named.n
"""  # noqa: S608 - of this module's own words
_NAMED_TYPES = (bindparam("from_ids", type_=ARRAY(Text)), bindparam("places", type_=ARRAY(BigInteger)))


async def named(session: Session, catalogue: Catalogue, wanted: Sequence[tuple[str, int]]) -> Sampled:
    """The items at these places among the successors of these items, each once, in the order in which they are wanted.

    They are told apart by `hash_of`: counts that were replaced since the places were read may have others there.

    Args:
        session: any.
        catalogue: items that are not in it are left out.
        wanted: an item and a place among its successors, from 0.
    """
    statement = text(_NAMED.format(conditions=catalogue.conditions)).bindparams(*_NAMED_TYPES)
    values = {"from_ids": [item_id for item_id, _ in wanted], "places": [place for _, place in wanted]}
    return sampled((await session.execute(statement, catalogue.values | values)).all(), catalogue.dim)
