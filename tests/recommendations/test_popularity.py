"""What is popular: counted by one replica at a time, looked at for some seconds, and recommended."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.database.engine import DatabaseAwayError
from service.recommendations import counts, repository
from service.recommendations.popularity import LATELY, POPULARITY, count_if_due
from service.recommendations.repository import Catalogue, Sampled
from service.recommendations.view import FRESH_SECONDS, Views, view_of

from .conftest import START, Open, Service, behavior, catalogue, ids, stream, until

pytestmark = pytest.mark.anyio
OFTEN = timedelta(minutes=10)


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock(service: Service) -> AsyncIterator[Clock]:
    """By which the views of the service grow old; they are empty before."""
    made, resources = Clock(), service.resources
    before, info = resources.views, resources.encoder.info
    resources.views = Views(resources.read_sessions, info.space, info.dim, made)
    yield made
    resources.views = before


async def count(service: Service) -> bool:
    """Count, as if the last time was long ago."""
    await service.fetch("DELETE FROM installation WHERE name = :name", name=POPULARITY.last)
    return await count_if_due(service.resources, OFTEN)


async def popular(service: Service, domain: str) -> list[tuple[str, int]]:
    query = "SELECT item_id, users FROM item_popularity WHERE domain = :domain ORDER BY users DESC, item_id"
    return [(row.item_id, row.users) for row in await service.fetch(query, domain=domain)]


async def liked_by(service: Service, domain: str, likes: dict[str, int]) -> None:
    """So many users have to do with each item."""
    for item_id, users in likes.items():
        for n in range(users):
            await service.detect(f"fan-{n}-of-{item_id}", [behavior(item_id.split("-")[0], n, item_id)], domain)


async def test_users_are_counted_by_one_replica_at_a_time(service: Service, open_service: Open, domain: str) -> None:
    other = await open_service()
    await liked_by(service, domain, {"chess-1": 3, "chess-2": 1})
    await service.detect("fan-0-of-chess-1", [behavior("chess", 5, "chess-1")], domain)  # again
    await service.fetch("DELETE FROM installation WHERE name = :name", name=POPULARITY.last)
    counted = await asyncio.gather(*(count_if_due(one.resources, OFTEN) for one in (service, other, service, other)))
    assert sum(counted) == 1
    assert await popular(service, domain) == [("chess-1", 3), ("chess-2", 1)]
    await liked_by(service, domain, {"chess-2": 2})
    assert not await count_if_due(other.resources, OFTEN), "it was counted lately"
    assert await popular(service, domain) == [("chess-1", 3), ("chess-2", 1)]
    assert await count_if_due(other.resources, timedelta(0))
    assert await popular(service, domain) == [("chess-1", 3), ("chess-2", 2)]
    ((last,),) = await service.fetch("SELECT value FROM installation WHERE name = :name", name=POPULARITY.last)
    counted_at = datetime.fromisoformat(last).timestamp()
    assert last_count(other) == counted_at
    assert last_count(service) < counted_at
    assert not await count_if_due(service.resources, OFTEN)
    assert last_count(service) == counted_at, "who looks tells when it was counted last"


def last_count(service: Service) -> float:
    """As the metrics tell it."""
    told = service.resources.metrics.registry.get_sample_value(
        "swerve_last_count_timestamp_seconds", {"what": POPULARITY.name}
    )
    assert told is not None
    return told


async def test_what_is_long_ago_is_popular_no_more(service: Service, domain: str) -> None:
    await liked_by(service, domain, {"chess-1": 2, "chess-2": 1})
    old = behavior("chess", 0, "chess-3") | {"occurred_at": (START - LATELY).isoformat()}
    await service.detect("an-old-fan", [old], domain)
    assert await count(service)
    assert await popular(service, domain) == [("chess-1", 2), ("chess-2", 1)]
    change = "UPDATE seen_items SET seen_at = :long_ago WHERE domain = :domain AND item_id = 'chess-1'"
    await service.fetch(change, long_ago=START - LATELY, domain=domain)
    assert await count(service)
    assert await popular(service, domain) == [("chess-2", 1)]


@pytest.mark.usefixtures("clock")
async def test_a_new_user_gets_what_is_popular_then_what_is_newest(service: Service, user: str, domain: str) -> None:
    await service.put(catalogue(["chess"], 6), domain)
    await service.put(catalogue(["opera"], 6), domain)
    await liked_by(service, domain, {"chess-2": 5, "opera-4": 3, "gone-1": 4})
    await count(service)
    told = await service.recommend(user, domain, k=12)
    assert ids(told)[:2] == ["chess-2", "opera-4"]
    assert set(ids(told)[2:7]) == {f"opera-{n}" for n in (0, 1, 2, 3, 5)}
    assert len(ids(told)) == 12
    scores = [item["score"] for item in told["items"]]
    assert scores[0] == 1.0 > scores[1] > scores[2] == scores[-1] > 0
    only = await service.recommend(user, domain, k=4, category="chess")
    assert ids(only)[0] == "chess-2"
    assert len(ids(only)) == 4


async def test_what_is_popular_comes_sooner_among_what_is_near(
    service: Service, clock: Clock, user: str, domain: str
) -> None:
    await service.put(catalogue(["chess", "opera"], 20), domain)
    await service.detect(user, stream(("chess", 30)), domain)
    plain = ids(await service.recommend(user, domain, k=20, diversity=0))
    last = next(item_id for item_id in reversed(plain[:10]) if item_id.startswith("chess"))
    await liked_by(service, domain, {last: 6, "opera-1": 6})
    await count(service)
    clock.now += FRESH_SECONDS + 1
    await service.recommend(user, domain)  # finds the view old

    async def first() -> bool:
        return ids(await service.recommend(user, domain, k=20, diversity=0))[0] == last

    await until(first)


async def test_a_view_is_kept_and_refreshed_beside_the_request_that_finds_it_old(
    service: Service, clock: Clock, domain: str
) -> None:
    views = service.resources.views
    await service.put(catalogue(["chess"], 3), domain)
    first = await views.get(domain)
    await service.put(catalogue(["opera"], 3), domain)
    clock.now += FRESH_SECONDS
    assert await views.get(domain) is first
    clock.now += 0.1
    assert await views.get(domain) is first, "nobody waits for the new one"

    async def refreshed() -> bool:
        return await views.get(domain) is not first

    await until(refreshed)
    found = await views.get(domain)
    assert set(found.popular.ids) == {item["item_id"] for item in catalogue(["chess", "opera"], 3)}
    assert found.weights.sum() == pytest.approx(1.0)
    assert await views.get(domain) is found


@pytest.mark.usefixtures("clock")
async def test_who_asks_at_once_reads_a_view_once(
    service: Service, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    views, reads, liked = service.resources.views, 0, repository.liked

    async def counted(*args: Any, **named: Any) -> Sampled:
        nonlocal reads
        reads += 1
        return await liked(*args, **named)

    monkeypatch.setattr(repository, "liked", counted)
    await service.put(catalogue(["chess"], 3), domain)
    first, *others = await asyncio.gather(*(views.get(domain) for _ in range(5)))
    assert all(other is first for other in others)
    assert reads == 1


@pytest.mark.usefixtures("clock")
async def test_an_empty_catalogue_is_not_remembered(service: Service, domain: str) -> None:
    """Who has just put the first items sees them at once."""
    assert (await service.resources.views.get(domain)).popular.ids == []
    await service.put(catalogue(["chess"], 3), domain)
    assert len((await service.resources.views.get(domain)).popular.ids) == 3


async def test_a_view_that_cannot_be_refreshed_stays(
    service: Service,
    clock: Clock,
    domain: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    views = service.resources.views
    await service.put(catalogue(["chess"], 3), domain)
    first = await views.get(domain)
    for error, said in ((DatabaseAwayError("away"), False), (ValueError("strange"), True)):

        async def fails(*_: object, error: Exception = error, **__: object) -> object:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(repository, "liked", fails)
            clock.now += FRESH_SECONDS + 1
            assert await views.get(domain) is first

            async def over() -> bool:
                return not views._reading

            await until(over)
        assert await views.get(domain) is first
        assert ("could not be read" in caplog.text) == said


async def test_a_sample_stands_for_the_catalogue(service: Service, domain: str) -> None:
    await service.put(catalogue(["chess", "opera"], 20), domain)
    await liked_by(service, domain, {"chess-2": 5})
    await count(service)
    info = service.resources.encoder.info
    whole = Catalogue(domain, info.space, info.dim)
    async with service.resources.read_sessions() as session:
        drawn, items = await repository.sample(session, whole, 10)
        liked = await repository.liked(session, whole, 3, enough=1)
    assert len(set(drawn.ids)) == 10
    assert liked.ids == ["chess-2"]
    assert items >= 40
    seen = view_of(liked, drawn, 40)
    others = [item_id for item_id in drawn.ids if item_id != "chess-2"]
    assert len(seen.weights) == 1 + len(others)
    # Each of the others stands for as many as there are for each drawn, by the prior of an item that nobody likes.
    assert seen.weights[1:] == pytest.approx([(1 - seen.weights[0]) / len(others)] * len(others))
    assert seen.weights.sum() == pytest.approx(1.0)


async def test_a_replica_counts_by_itself(open_service: Open, domain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "FIRST_AFTER_SECONDS", 0.01)
    service = await open_service()
    await liked_by(service, domain, {"chess-1": 2})
    await service.fetch("DELETE FROM installation WHERE name = :name", name=POPULARITY.last)
    counting = await open_service(popularity_every_minutes=10.0)

    async def counted() -> bool:
        return await popular(counting, domain) == [("chess-1", 2)]

    await until(counted)
