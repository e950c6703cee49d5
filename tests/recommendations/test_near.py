"""What is near to the questions is the same by one connection and by two, and the second is for who is alone."""

import asyncio
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
from sqlalchemy.pool import QueuePool

from service.connected import connected
from service.database.engine import DatabaseAwayError
from service.encoder import FakeEncoder
from service.items import repository as items
from service.items.repository import Candidates
from service.recommendations import near as searching
from service.recommendations.near import Search, near
from service.recommendations.repository import Catalogue

from .conftest import DIM, THEMES, Open, Service, vector_of

pytestmark = pytest.mark.anyio
Found = tuple[list[str], np.ndarray]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, int]]:
    """Which connection was asked how many questions."""
    told = list[tuple[object, int]]()

    async def nearest(connection: object, *, queries: np.ndarray, **values: Any) -> Candidates:
        told.append((connection, len(queries)))
        return await items.nearest(connection, queries=queries, **values)  # type: ignore[arg-type] # as it was given

    monkeypatch.setattr(searching, "items", SimpleNamespace(nearest=nearest))
    return told


async def find(service: Service, *themes: str) -> Found:
    """As a request does."""
    questions = np.array([await vector_of(FakeEncoder(dim=DIM), theme) for theme in themes])
    info = service.resources.encoder.info
    search = Search(Catalogue("default", info.space, info.dim), per_query=8, ef_search=40)
    async with connected(service.resources) as connection:
        return await near(service.resources, connection, questions, search)


def once(found: Found) -> dict[str, list[float]]:
    """Each item by where it was found first."""
    first: dict[str, list[float]] = {}
    for item_id, vector in zip(*found, strict=True):
        first.setdefault(item_id, vector.tolist())
    return first


async def test_two_connections_find_what_one_does(service: Service, asked: list[tuple[object, int]]) -> None:
    themes = (*THEMES[:2], f"{THEMES[0]} {THEMES[1]}")
    alone = await find(service, *themes)
    assert [questions for _, questions in asked] == [2, 1]
    assert len({id(connection) for connection, _ in asked}) == 2
    async with service.resources.turns:  # somebody else is at the database
        beside = await find(service, *themes)
    assert [questions for _, questions in asked[2:]] == [3]
    assert list(once(alone).items()) == list(once(beside).items())
    assert len(once(alone)) >= 16


async def test_one_question_needs_no_second_connection(service: Service, asked: list[tuple[object, int]]) -> None:
    await find(service, THEMES[0])
    assert [questions for _, questions in asked] == [1]


async def test_where_there_is_no_second_connection_one_does(
    open_service: Open, asked: list[tuple[object, int]]
) -> None:
    only = await open_service(database_pool_size=1)
    await find(only, *THEMES[:2])
    assert [questions for _, questions in asked] == [2]


async def test_where_the_second_connection_cannot_be_had_one_does(
    service: Service, asked: list[tuple[object, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> NoReturn:
        raise DatabaseAwayError("too many clients already")

    expected = once(await find(service, *THEMES[:2]))
    monkeypatch.setattr(searching, "connected", away)
    assert once(await find(service, *THEMES[:2])) == expected
    assert [questions for _, questions in asked] == [1, 1, 2]


async def test_in_a_rotation_all_is_read_on_one_connection(open_service: Open, asked: list[tuple[object, int]]) -> None:
    rotating = await open_service(user_key_previous_secrets=("a-secret-they-had-before",))
    await find(rotating, *THEMES[:2])
    assert [questions for _, questions in asked] == [2]


@pytest.mark.parametrize("fails", [0, 1])
async def test_where_one_fails_the_other_is_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    begun, ended = list[int](), list[int]()

    async def nearest(connection: object, *, queries: np.ndarray, **values: Any) -> Candidates:
        place = len(begun)
        begun.append(place)
        if place == fails:
            raise ValueError("it failed")
        await asyncio.sleep(0.05)
        found = await items.nearest(connection, queries=queries, **values)  # type: ignore[arg-type] # as it was given
        ended.append(place)
        return found

    monkeypatch.setattr(searching, "items", SimpleNamespace(nearest=nearest))
    with pytest.raises(ValueError, match="it failed"):
        await find(service, *THEMES[:2])
    assert ended == [1 - fails]
    assert service.resources.turns.taken == 0
    pool = service.resources.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
