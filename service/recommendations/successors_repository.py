"""SQL of what users took up soon after an item: how it is counted anew for all, and how it is read for a few items."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Row, TextClause, text

from service.database.sessions import WriteSession
from service.policy.succession import HASH_BYTES, SMOOTHING, Successors, hashes_of

LOCK_KEY = 0x5E47EC
"""Key of the advisory lock under which successors are counted; see also `service.items.write_repository.SPACES_KEY`."""
_CODE = np.dtype([("hash", f">u{HASH_BYTES}"), ("count", ">i4"), ("arrivals", ">i4")])
_MOST_CODED = 2**31 - 1
_BY_LOT = "sha256(seen.user_key || convert_to(seen.item_id, 'UTF8'))"
"""Order of what a user met at one time, as in a basket: another for each user, so that none comes first for all."""


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
            WINDOW later AS (PARTITION BY seen.domain, seen.user_key ORDER BY seen.first_seen_at, {_BY_LOT})
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


SUCCESSORS_OF_ASKED = f"""
    SELECT coalesce((SELECT mass FROM successor_totals WHERE domain = :domain), 0) AS mass,
           array_agg(asked.item_id ORDER BY asked.place) AS asked,
           array_agg(coalesce(held.total, 0) ORDER BY asked.place) AS totals,
           array_agg(coalesce(held.kept, 0) ORDER BY asked.place) AS kept,
           array_agg(coalesce(length(held.codes) / {_CODE.itemsize}, 0) ORDER BY asked.place) AS edges,
           string_agg(held.codes, '' ORDER BY asked.place) AS edge_codes
    FROM asked LEFT JOIN item_successors AS held ON held.domain = :domain AND held.item_id = asked.item_id
"""  # noqa: S608 - of this module's own words
"""One row, of the items of `asked (item_id, place)`, which are all different; see `successors_of`."""


def successors_of(row: Row[Any]) -> Successors:
    """From a row of `SUCCESSORS_OF_ASKED`."""
    edges = np.array(row.edges or [], np.int64)
    codes = np.frombuffer(row.edge_codes or b"", _CODE)
    first = np.cumsum(edges) - edges
    return Successors(
        items=hashes_of(row.asked or []),
        totals=np.array(row.totals or [], np.int64),
        kept=np.array(row.kept or [], np.int64),
        row=np.repeat(np.arange(len(edges)), edges),
        hashes=codes["hash"].astype(np.uint64),
        counts=codes["count"].astype(np.int64),
        arrivals=codes["arrivals"].astype(np.int64),
        place=np.arange(len(codes)) - np.repeat(first, edges),
        mass=row.mass,
    )
