"""The index of neighbours: built when there is enough to search, used, exact enough, also under filters."""

from collections.abc import AsyncIterator
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.database.engine import make_engine
from service.encoder import FakeEncoder
from service.items import index_repository, repository
from service.items.halves import decode
from service.items.repository import Candidates
from service.items.upkeep import Upkeep
from tests.items.conftest import Open, Service, execute, fetch

pytestmark = pytest.mark.anyio

DIM, ITEMS, CLUSTERS = 32, 4000, 200
Vectors = NDArray[np.float32]


def clustered(count: int) -> Vectors:
    """Unit vectors (count, DIM) around some centres, as texts about some topics are."""
    generator = np.random.default_rng(7)
    centres = generator.standard_normal((CLUSTERS, DIM))
    made = centres[generator.integers(CLUSTERS, size=count)] + generator.standard_normal((count, DIM))
    unit: Vectors = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS = clustered(ITEMS)
QUERIES = clustered(ITEMS + 40)[ITEMS:]


@pytest.fixture
async def indexed(open_service: Open) -> Service:
    """A domain of some thousand items with an index, every hundredth in the category `rare`; and a small domain."""
    service = await open_service(FakeEncoder(dim=DIM), catalogue_index_from=1000)
    for start in range(0, ITEMS, 1000):
        part = range(start, start + 1000)
        await service.put(
            *(
                {
                    "item_id": f"i{n}",
                    "embedding": VECTORS[n].tolist(),
                    "category": "rare" if n % 100 == 0 else "common",
                    "expires_at": "2020-01-01T00:00:00+00:00" if n % 2 else None,
                }
                for n in part
            )
        )
    await service.put({"item_id": "alone", "embedding": VECTORS[0].tolist()}, domain="small")
    await Upkeep(service.resources).keep_indexes()
    return service


@pytest.fixture
async def connection(indexed: Service) -> AsyncIterator[AsyncConnection]:
    async with indexed.resources.statements.connect() as connection:
        yield connection


async def find(service: Service, connection: AsyncConnection, **more: Any) -> Candidates:
    model = service.encoder.info
    given: dict[str, Any] = {
        "domain": "default", "queries": QUERIES, "per_query": 20, "category": None, "exclude": [], "ef_search": 40,
    } | more  # fmt: skip
    return await repository.nearest(connection, space=model.space, dim=model.dim, **given)


def recall(found: Candidates, allowed: NDArray[np.int64], per_query: int = 20) -> float:
    """The share of the union of every query's true neighbours that was found."""
    products = QUERIES @ VECTORS[allowed].T
    true = {f"i{allowed[n]}" for order in np.argsort(-products, axis=1)[:, :per_query] for n in order}
    assert len(found.ids) == len(set(found.ids))
    return len(true & set(found.ids)) / len(true)


LIVE = np.arange(0, ITEMS, 2)


async def test_it_is_used_and_finds_the_true_neighbours(indexed: Service, connection: AsyncConnection) -> None:
    """Half of the items have expired, so that the search goes on behind what it finds first."""
    explaining = Explaining(connection)
    found = await find(indexed, cast("AsyncConnection", explaining))
    assert index_repository.index_name("default", indexed.encoder.info.space) in explaining.plan
    assert "Seq Scan" not in explaining.plan
    assert recall(found, LIVE) >= 0.95
    assert np.bincount(found.query, minlength=len(QUERIES)).max() <= 20
    products = np.einsum("cd,cd->c", found.vectors, QUERIES[found.query])
    for query in range(len(QUERIES)):
        of_query = products[found.query == query]
        assert (np.diff(of_query) <= 1e-3).all(), "nearest first"


class Explaining:
    """A connection that has every statement explained before it is carried out."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.plan = ""

    async def execute(self, statement: TextClause, values: dict[str, Any]) -> Any:
        explain = text(f"EXPLAIN {statement.text}").bindparams(*statement._bindparams.values())
        self.plan = "\n".join(str(line[0]) for line in await self._connection.execute(explain, values))
        return await self._connection.execute(statement, values)


async def test_filters_leave_as_many_as_were_asked_for(indexed: Service, connection: AsyncConnection) -> None:
    rare = np.arange(0, ITEMS, 100)
    found = await find(indexed, connection, category="rare", per_query=10)
    assert recall(found, rare, 10) == 1.0
    nearest_of_all = [f"i{LIVE[n]}" for n in np.argsort(-(QUERIES @ VECTORS[LIVE].T).max(axis=0))[:300]]
    left = np.array([n for n in LIVE if f"i{n}" not in set(nearest_of_all)])
    found = await find(indexed, connection, exclude=nearest_of_all)
    assert not set(found.ids) & set(nearest_of_all)
    assert recall(found, left) >= 0.9
    assert (await find(indexed, connection, domain="small")).ids == ["alone"]


async def test_what_is_put_later_is_found_by_it(indexed: Service, connection: AsyncConnection) -> None:
    await indexed.put({"item_id": "fresh", "embedding": QUERIES[0].tolist()})
    found = await find(indexed, connection)
    assert found.ids[0] == "fresh"
    assert (await indexed.client.delete("/items/fresh")).status_code == 204
    assert "fresh" not in (await find(indexed, connection)).ids


async def names(engine: AsyncEngine) -> dict[str, bool]:
    async with engine.connect() as connection:
        return {index.name: index.valid for index in await index_repository.indexes(connection)}


async def test_one_that_was_cut_short_is_built_anew_and_one_not_needed_is_dropped(open_service: Open) -> None:
    service = await open_service(FakeEncoder(dim=8), catalogue_index_from=20)
    engine, name = service.resources.engine, index_repository.index_name("default", service.encoder.info.space)
    generator = np.random.default_rng(1)
    items = [{"item_id": f"i{n}", "embedding": generator.standard_normal(8).tolist()} for n in range(20)]
    await service.put(*items[:19])
    upkeep = Upkeep(service.resources)
    await upkeep.keep_indexes()
    assert await names(engine) == {}
    await service.put(items[19])
    await upkeep.keep_indexes()
    assert await names(engine) == {name: True}
    # Postgres leaves an index so when its building is cut short.
    await execute(
        engine, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)", name=name
    )
    await upkeep.keep_indexes()
    assert await names(engine) == {name: True}
    await execute(engine, "DELETE FROM items WHERE item_id > 'i15'")
    left = (await fetch(engine, "SELECT count(*) FROM items"))[0][0]
    assert left < 20 * 0.5
    await upkeep.keep_indexes()
    assert await names(engine) == {}
    async with service.resources.statements.connect() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "30s", "as requests have it"


async def test_one_replica_builds_at_a_time(open_service: Open) -> None:
    service = await open_service(FakeEncoder(dim=8), catalogue_index_from=1)
    await service.put({"item_id": "a", "embedding": [1.0] * 8})
    async with service.resources.statements.connect() as other:
        assert await index_repository.try_lock(other)
        await Upkeep(service.resources).keep_indexes()
        assert await names(service.resources.engine) == {}
        await index_repository.unlock(other)
    await Upkeep(service.resources).keep_indexes()
    assert len(await names(service.resources.engine)) == 1


async def test_without_shared_memory_it_is_built_alone(open_service: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await open_service(FakeEncoder(dim=8), catalogue_index_from=1, catalogue_index_memory_mb=64)
    await service.put({"item_id": "a", "embedding": [1.0] * 8})
    create, helped = index_repository.create, list[int]()

    class FullError(Exception):
        sqlstate = "53100"

    async def create_or_not(connection: AsyncConnection, *, workers: int, **more: Any) -> None:
        helped.append(workers)
        if workers:
            raise DBAPIError("CREATE INDEX", None, FullError("could not resize shared memory segment"))
        await create(connection, workers=workers, **more)

    monkeypatch.setattr(index_repository, "create", create_or_not)
    await Upkeep(service.resources).keep_indexes()
    assert helped == [1, 0]
    assert list((await names(service.resources.engine)).values()) == [True]


def test_vectors_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="does not have 3 numbers"):
        decode([b"\x00\x02\x00\x00" + np.ones(2, ">f2").tobytes()], 3)
    np.testing.assert_array_equal(decode([b"\x00\x02\x00\x00" + np.array([1, 0.5], ">f2").tobytes()], 2), [[1, 0.5]])


def test_what_is_no_domain_never_gets_into_a_statement() -> None:
    for domain, space in (("a' OR true --", "00"), ("a", "0' OR true --"), ("", "00"), ("a", "")):
        with pytest.raises(ValueError, match="not one"):
            repository.scope(domain, space)


async def test_the_only_connection_is_left_to_requests(open_service: Open) -> None:
    service = await open_service(FakeEncoder(dim=8), catalogue_index_from=1, database_pool_size=1)
    await service.put({"item_id": "a", "embedding": [1.0] * 8})
    await Upkeep(service.resources).keep_indexes()
    url = service.resources.settings.database_url
    assert url is not None
    engine = make_engine(url.get_secret_value(), pool_size=1)
    assert await names(engine) == {}
    await engine.dispose()
