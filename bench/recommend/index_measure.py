"""How exact and how quick the search of the catalogue is."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.recommend.fill import DOMAIN, parts
from bench.recommend.titles import SEED, Titles
from service.items.content import embedding_hash
from service.items.repository import nearest, vectors_of_texts

AT = 20
"""Neighbours for which recall is told."""
BEHAVIORS = 5
"""Titles of one topic whose mean is a query, as the vector of an interest is that of its behaviours."""
INTERESTS = 4
"""Queries of one statement."""

LOOKED_UP = 20
"""Texts whose vectors are looked up by one statement."""
REAL = 1000
"""Titles of which they are: those that the smallest catalogue has."""

Vectors = NDArray[np.float32]


def interests(titles: Titles, count: int) -> Vectors:
    """Queries (count, dim): means of a few titles of one topic each, at unit length."""
    generator = np.random.default_rng(SEED + 2)
    made = []
    for topic in generator.integers(len(titles.names), size=count):
        of_topic = np.flatnonzero(titles.topics == topic)
        mean = titles.vectors[generator.choice(of_topic, BEHAVIORS)].mean(axis=0)
        made.append(mean / np.linalg.norm(mean))
    return np.asarray(made, np.float32)


def exact(titles: Titles, count: int, noise: float, queries: Vectors) -> NDArray[np.int64]:
    """The true neighbours (n, AT) of each query, nearest first, by looking at every item, in half precision."""
    best = np.full((len(queries), AT), -np.inf, np.float32)
    ids = np.zeros((len(queries), AT), np.int64)
    first = 0
    for vectors, _ in parts(titles, count, noise):
        products = queries @ vectors.astype(np.float16).astype(np.float32).T
        together = np.concatenate([best, products], axis=1)
        numbers = np.concatenate([ids, np.broadcast_to(first + np.arange(len(vectors)), products.shape)], axis=1)
        order = np.argsort(-together, axis=1)[:, :AT]
        best, ids = np.take_along_axis(together, order, axis=1), np.take_along_axis(numbers, order, axis=1)
        first += len(vectors)
    return ids


async def recall(
    connection: AsyncConnection, space: str, queries: Vectors, true: NDArray[np.int64], *, per_query: int, ef: int
) -> float:
    """Mean share of each query's AT true neighbours that are among the `per_query` that are found."""
    shares = []
    for query, neighbours in zip(queries, true, strict=True):
        found = await nearest(
            connection, domain=DOMAIN, space=space, dim=queries.shape[1], queries=query[None], per_query=per_query,
            ef_search=ef,
        )  # fmt: skip
        shares.append(len({f"item-{n}" for n in neighbours} & set(found.ids)) / AT)
    return float(np.mean(shares))


async def lookup(connection: AsyncConnection, titles: Titles, statements: int) -> dict[str, float]:
    """Milliseconds in which the vectors of LOOKED_UP texts are found by hash, from Python, decoded."""
    generator = np.random.default_rng(SEED + 3)
    spent = []
    for _ in range(statements):
        chosen = generator.integers(min(REAL, len(titles.vectors)), size=LOOKED_UP)
        hashes = [embedding_hash(titles.vectors[n]) for n in chosen]
        began = time.perf_counter()
        found = await vectors_of_texts(connection, titles.space, hashes)
        spent.append(1000 * (time.perf_counter() - began))
        if len(found) != len(set(hashes)):
            raise ValueError("a title's vector was not found by its hash")
    p50, p95 = np.quantile(spent, [0.5, 0.95])
    return {"texts": LOOKED_UP, "p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2)}


async def latency(
    connection: AsyncConnection, space: str, queries: Vectors, *, per_query: int, ef: int, domain: str = DOMAIN,
    category: Sequence[str | None] = (None,), exclude: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of one statement for several queries, from Python, decoded; after as many that do not count."""
    groups = queries[: len(queries) // INTERESTS * INTERESTS].reshape(-1, INTERESTS, queries.shape[1])
    spent = []
    for counts in (False, True):
        for n, group in enumerate(groups):
            began = time.perf_counter()
            await nearest(
                connection, domain=domain, space=space, dim=queries.shape[1], queries=group, per_query=per_query,
                category=category[n % len(category)], exclude=exclude, ef_search=ef,
            )  # fmt: skip
            if counts:
                spent.append(1000 * (time.perf_counter() - began))
    p50, p95 = np.quantile(spent, [0.5, 0.95])
    return {"p50_ms": round(float(p50), 2), "p95_ms": round(float(p95), 2), "statements": len(spent)}
