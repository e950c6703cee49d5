"""Two models on one database: old vectors are used until nobody serves the old model any more."""

import asyncio
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from service.encoder import FakeEncoder
from service.items import index_repository, queue_repository, spaces_repository
from service.items.upkeep import Upkeep
from service.items.worker import ANNOUNCE_S, UNSEEN_S, Worker
from tests.items.conftest import Open, Service, execute, fetch
from tests.items.test_items import near

pytestmark = pytest.mark.anyio

ITEMS: list[dict[str, Any]] = [{"item_id": f"i{n}", "text": f"t{n}"} for n in range(10)]


async def age(service: Service, space: str) -> None:
    """As if no replica had announced that space for long."""
    statement = "UPDATE item_spaces SET seen_at = now() - make_interval(secs => :seconds) WHERE space = :space"
    await execute(service.resources.engine, statement, seconds=UNSEEN_S + 1.0, space=space)


async def vectors(service: Service, space: str) -> int:
    query = "SELECT count(*) FROM item_vectors WHERE space = :space"
    return int((await fetch(service.resources.engine, query, space=space))[0][0])


async def test_a_new_model_encodes_everything_while_the_old_one_serves(open_service: Open) -> None:
    old = await open_service(FakeEncoder(dim=8))
    own = np.eye(8)[0].tolist()
    await old.put(*ITEMS, {"item_id": "own", "embedding": own})
    await old.encode_all()

    new = await open_service(FakeEncoder(dim=16))
    told = await new.progress()
    assert (told["items"], told["ready"], told["pending"], told["stale"]) == (11, 0, 10, 1)
    assert (told["re_encoding"], told["complete"]) == (True, False)
    (other,) = told["other_spaces"]
    assert (other["space"], other["vectors"], other["live"]) == (old.encoder.info.space, 11, True)
    assert (await near(new, "t3")).ids == []
    assert (await near(old, "t3")).ids[0] == "i3"

    await new.put({"item_id": "fresh", "text": "t99"})  # for both
    await new.encode_all()
    await old.encode_all()
    for service in (old, new):
        found = await near(service, "t99", per_query=20)
        assert found.ids[0] == "fresh"
        assert ("own" in found.ids) == (service is old)
        assert found.vectors.shape == (len(found.ids), service.encoder.info.dim)
    told = await new.progress()
    assert (told["ready"], told["pending"], told["stale"]) == (11, 0, 1)
    assert (told["re_encoding"], told["complete"]) == (False, True)
    assert (await new.get("own"))["encoding"] == "stale"
    assert (await old.get("own"))["encoding"] == "ready"

    await Upkeep(new.resources).retire()
    assert await vectors(new, old.encoder.info.space) == 12, "the old model's replica lives"
    await age(new, old.encoder.info.space)
    await Upkeep(new.resources).retire()
    assert await vectors(new, old.encoder.info.space) == 0
    assert (await new.progress())["other_spaces"] == []
    await new.put({"item_id": "own", "embedding": np.eye(16)[0].tolist()})
    assert (await new.progress())["stale"] == 0
    assert (await new.get("own"))["encoding"] == "ready"


async def test_nothing_is_removed_before_the_new_set_is_complete(open_service: Open) -> None:
    old = await open_service(FakeEncoder(dim=8))
    await old.put(*ITEMS)
    await old.encode_all()
    new = await open_service(FakeEncoder(dim=16))
    await age(new, old.encoder.info.space)
    await Upkeep(new.resources).retire()  # not even queued
    worker = Worker(new.resources)
    await worker.announce()
    await worker.step()
    await new.put({"item_id": "one more", "text": "t99"})
    await Upkeep(new.resources).retire()
    assert await vectors(new, old.encoder.info.space) == len(ITEMS)
    await new.encode_all()
    await Upkeep(new.resources).retire()
    assert await vectors(new, old.encoder.info.space) == 0


async def test_a_replica_that_comes_back_with_a_removed_model_begins_anew(
    open_service: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = await open_service(FakeEncoder(dim=8)), await open_service(FakeEncoder(dim=16))
    worker = Worker(old.resources)
    await worker.announce()
    await old.put(*ITEMS)
    await old.encode_all()
    await new.encode_all()
    await age(new, old.encoder.info.space)
    monkeypatch.setattr(spaces_repository, "BATCH", 3)
    async with new.resources.write_sessions.begin() as session:
        assert await spaces_repository.retire(session, new.encoder.info.space, UNSEEN_S) == [old.encoder.info.space]
        assert await spaces_repository.remove_retired(session)
    assert await vectors(new, old.encoder.info.space) == len(ITEMS) - 3
    worker._announced -= ANNOUNCE_S
    await worker.announce()
    while await worker.step():
        pass
    await Upkeep(new.resources).retire()
    assert await vectors(new, old.encoder.info.space) == len(ITEMS)
    assert (await old.progress())["complete"]


async def test_what_is_put_while_a_model_is_announced_is_not_missed(open_service: Open) -> None:
    old = await open_service(FakeEncoder(dim=8))
    sizes = range(16, 22)

    async def put(n: int) -> None:
        await old.put({"item_id": f"i{n}", "text": f"t{n}"})

    putting = asyncio.gather(*(put(n) for n in range(60)))
    opened = await asyncio.gather(*(open_service(FakeEncoder(dim=dim)) for dim in sizes))
    await putting
    for service in opened:
        await service.encode_all()
        told = await service.progress()
        assert (told["items"], told["ready"], told["complete"]) == (60, 60, True)


async def test_a_catalogue_longer_than_a_page_is_queued_whole_and_a_cut_short_queueing_goes_on(
    open_service: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_repository, "PAGE", 4)
    old = await open_service(FakeEncoder(dim=8))
    await old.put(*ITEMS)
    await old.put(*ITEMS, domain="other")
    await old.encode_all()
    new = await open_service(FakeEncoder(dim=16))
    worker = Worker(new.resources)
    await worker.announce()
    await worker.step()  # a page, and then the process is gone
    assert (await new.progress())["re_encoding"]
    await new.encode_all()
    for domain in ("default", "other"):
        told = await new.progress(domain)
        assert (told["ready"], told["re_encoding"], told["complete"]) == (10, False, True)


async def test_what_clients_send_and_what_is_encoded_again_take_turns(open_service: Open) -> None:
    old = await open_service(FakeEncoder(dim=8))
    await old.put(*({"item_id": f"i{n}", "text": f"t{n}"} for n in range(200)))
    await old.encode_all()
    new = await open_service(FakeEncoder(dim=16))
    worker = Worker(new.resources)
    await worker.announce()
    await worker.step()
    await new.put(*({"item_id": f"new{n}", "text": f"n{n}"} for n in range(100)))
    query = "SELECT priority, count(*) FROM item_queue WHERE space = :space GROUP BY 1 ORDER BY 1"
    before = dict(map(tuple, await fetch(new.resources.engine, query, space=new.encoder.info.space)))
    await worker.step()
    after = dict(map(tuple, await fetch(new.resources.engine, query, space=new.encoder.info.space)))
    assert before[0] - after[0] == before[1] - after[1] > 0


async def test_the_index_of_a_removed_model_goes(open_service: Open) -> None:
    old = await open_service(FakeEncoder(dim=8), catalogue_index_from=5)
    await old.put(*ITEMS)
    await old.encode_all()
    await Upkeep(old.resources).keep_indexes()
    new = await open_service(FakeEncoder(dim=16), catalogue_index_from=5)
    await new.encode_all()
    await Upkeep(new.resources).keep_indexes()

    async def names() -> set[str]:
        async with new.resources.engine.connect() as connection:
            return {index.name for index in await index_repository.indexes(connection)}

    both = [index_repository.index_name("default", service.encoder.info.space) for service in (old, new)]
    assert await names() == set(both)
    await age(new, old.encoder.info.space)
    await Upkeep(new.resources).retire()
    await Upkeep(new.resources).keep_indexes()
    assert await names() == {both[1]}
    async with new.resources.engine.connect() as connection:
        assert (await connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"),
                                         {"key": index_repository.LOCK_KEY})).scalar_one()  # fmt: skip
