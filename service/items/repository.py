"""SQL of reading the catalogue: the items near to vectors, and what is known of items.

Expired items are left out of every query here that gives items; retention removes them in its own time. What a text's
vector is does not depend on whether its item has expired.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, REAL
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer, Text

from service.database.sessions import ReadSession, WriteSession
from service.items.halves import HEADER_BYTES, cut, decode, flat

Session = ReadSession | WriteSession | AsyncConnection

_SPACE = re.compile(r"[0-9a-f]{1,128}")
_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Items near to some vectors, each once.

    Attributes:
        ids: of the items, those found by the first query first, nearest first.
        vectors: (c, dim) float32, of unit length up to half precision.
        query: (c,) which query found it first, from 0.
    """

    ids: list[str]
    vectors: NDArray[np.float32]
    query: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of an item besides its vector.

    Attributes:
        text: None where it came with a vector alone.
        attributes: as they were sent.
        expires_at: None where it does not expire.
    """

    item_id: str
    text: str | None
    category: str | None
    attributes: dict[str, Any]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


def literal(value: str, allowed: re.Pattern[str]) -> str:
    """The value between quotes, for statements in `text` that Postgres must plan knowing it.

    Raises:
        ValueError: it is not what may stand there.
    """
    if allowed.fullmatch(value) is None:
        raise ValueError("a domain or space is not one")
    escaped = value.replace(":", "\\:")  # else SQLAlchemy takes what follows for a parameter's name
    return f"'{escaped}'"


def scope(domain: str, space: str) -> str:
    """The condition that picks a domain's vectors of a space: word for word that of their index of neighbours."""
    return f"domain = {literal(domain, _DOMAIN)} AND space = {literal(space, _SPACE)}"


async def nearest(
    session: Session,
    *,
    domain: str,
    space: str,
    dim: int,
    queries: NDArray[np.float32],
    per_query: int,
    category: str | None = None,
    exclude: Sequence[str] = (),
    ef_search: int = 40,
) -> Candidates:
    """The items whose vectors have the largest inner product with each query; the union, in one statement.

    By the index of neighbours where the domain is large enough to have one, else by looking at all of it.

    Args:
        session: any.
        domain: whose catalogue.
        space: of the model that made the queries.
        dim: of that space.
        queries: (n, dim).
        per_query: items for each.
        category: only items of this one.
        exclude: ids to leave out.
        ef_search: how many candidates the index keeps while it searches, 1 to 1,000: more find the true neighbours more
            surely, in more time.
    """
    if not len(queries) or per_query < 1:
        return Candidates([], np.empty((0, dim), np.float32), np.empty(0, np.int64))
    statement = _nearest(
        domain=domain,
        space=space,
        dim=dim,
        per_query=per_query,
        with_category=category is not None,
        with_exclude=bool(exclude),
        ef_search=ef_search,
    )
    values: dict[str, Any] = {"count": len(queries), "flat": flat(queries)}
    if category is not None:
        values["category"] = category
    if exclude:
        values["exclude"] = list(exclude)
    rows = (await session.execute(statement, values)).all()  # one of each query: many small ones cost more
    first: dict[str, int] = {}
    for place, item_id in enumerate(item_id for row in rows for item_id in row.ids):
        first.setdefault(item_id, place)
    places = np.array(list(first.values()), np.int64)
    found = np.repeat([row.query - 1 for row in rows], [len(row.ids) for row in rows]).astype(np.int64)
    return Candidates(
        ids=list(first),
        vectors=decode([row.vectors for row in rows], dim)[places],
        query=found[places],
    )


@lru_cache(maxsize=1024)
def _nearest(
    *, domain: str, space: str, dim: int, per_query: int, with_category: bool, with_exclude: bool, ef_search: int
) -> TextClause:
    """The statement of `nearest`.

    What decides the plan is written into it, not bound: an index over a part of the table is used only where the
    condition is seen to imply it, also by a plan that is made once for all values. The settings hold for the
    transaction. They are made before the first search, which reads them, because the queries are made of their row.
    """
    conditions = [scope(domain, space), "(expires_at IS NULL OR expires_at > now())"]
    parameters: list[BindParameter[Any]] = [
        bindparam("count", type_=Integer),
        bindparam("flat", type_=ARRAY(REAL)),
    ]
    if with_category:
        conditions.append("category = :category")
        parameters.append(bindparam("category", type_=Text))
    if with_exclude:
        # As a subquery, it is hashed once; compared with an array, each row would be compared with each id.
        conditions.append("item_id NOT IN (SELECT unnest(:exclude))")
        parameters.append(bindparam("exclude", type_=ARRAY(Text)))
    return text(
        f"""
        WITH settings AS MATERIALIZED (
            SELECT set_config('hnsw.ef_search', '{int(ef_search)}', true) AS ef_search,
                   set_config('hnsw.iterative_scan', 'relaxed_order', true) AS iterative_scan
        ), queries AS MATERIALIZED (
            SELECT n, {cut("n", int(dim))} AS vector
            FROM settings CROSS JOIN generate_series(1, :count + 0 * length(settings.ef_search)) AS n
        )
        SELECT queries.n AS query, array_agg(near.item_id ORDER BY near.distance) AS ids,
               string_agg(halfvec_send(near.vector), CAST('' AS bytea) ORDER BY near.distance) AS vectors
        FROM queries CROSS JOIN LATERAL (
            SELECT item_id, vector, vector::halfvec({int(dim)}) <#> queries.vector AS distance
            FROM item_vectors WHERE {" AND ".join(conditions)}
            ORDER BY vector::halfvec({int(dim)}) <#> queries.vector LIMIT {int(per_query)}
        ) AS near
        GROUP BY queries.n ORDER BY queries.n
        """  # noqa: S608 - of this module's own words, numbers, and values checked by `literal`
    ).bindparams(*parameters)


_DETAILS = text(
    """
    SELECT item_id, text, category, attributes, expires_at, created_at, updated_at FROM items
    WHERE domain = :domain AND item_id = ANY(:ids) AND (expires_at IS NULL OR expires_at > now())
    """
).bindparams(bindparam("domain", type_=Text), bindparam("ids", type_=ARRAY(Text)))


async def details(session: Session, domain: str, ids: Sequence[str]) -> dict[str, Item]:
    """What is known of those of the items that are in the catalogue, by id."""
    rows = await session.execute(_DETAILS, {"domain": domain, "ids": list(ids)})
    return {row.item_id: Item(**row._mapping) for row in rows}


_OF_TEXTS = text(
    """
    SELECT wanted.hash, held.sent FROM unnest(:hashes) AS wanted (hash) CROSS JOIN LATERAL (
        SELECT halfvec_send(vector) AS sent FROM item_vectors
        WHERE item_vectors.space = :space AND item_vectors.content_hash = wanted.hash LIMIT 1
    ) AS held
    """
).bindparams(bindparam("hashes", type_=ARRAY(BYTEA)), bindparam("space", type_=Text))


async def vectors_of_texts(
    session: Session, space: str, text_hashes: Sequence[bytes]
) -> Mapping[bytes, NDArray[np.float32]]:
    """Vectors of those of the texts that some item of any domain has, by hash (see `service.items.content`).

    Half precision: within about 0.0005 of what the encoder gives, a component.
    """
    rows = (await session.execute(_OF_TEXTS, {"space": space, "hashes": list(text_hashes)})).all()
    if not rows:
        return {}
    dim = (len(rows[0].sent) - HEADER_BYTES) // 2
    vectors = decode([row.sent for row in rows], dim)
    return {bytes(row.hash): vector for row, vector in zip(rows, vectors, strict=True)}


_ANY = text("SELECT EXISTS (SELECT 1 FROM item_vectors WHERE space = :space)").bindparams(
    bindparam("space", type_=Text)
)


async def any_vector(session: Session, space: str) -> bool:
    """Whether any item of any domain has a vector in the space."""
    return bool((await session.execute(_ANY, {"space": space})).scalar_one())
