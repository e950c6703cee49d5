"""The catalogue by HTTP: what is put is there, is encoded, is found, and goes."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from service.encoder import FakeEncoder
from service.encoder.contract import Encoded, EncoderSaturatedError, Permit
from service.encoder.errors import EncodingFailedError
from service.encoder.stats import EncoderStats
from service.items import repository, worker, write_repository
from service.items.content import text_hash
from service.items.repository import Candidates
from service.items.upkeep import Upkeep
from service.items.worker import BATCH_TEXTS, Worker
from service.retention.cleanups import cleanups
from service.settings import Settings
from service.vectors import Vectors
from tests.items.conftest import Open, Service, execute, fetch, until

pytestmark = pytest.mark.anyio


async def vector_of(encoder: FakeEncoder, text: str) -> Vectors:
    with encoder.admit(1) as permit:
        encoded = await encoder.encode([text], permit)
    vector: Vectors = encoded.vectors[0]
    return vector


async def near(service: Service, text: str, *, domain: str = "default", **more: Any) -> Candidates:
    """The items near to a text, nearest first."""
    model = service.encoder.info
    query = (await vector_of(service.encoder, text))[None]
    given = {"per_query": 10, "category": None, "exclude": [], "ef_search": 40} | more
    async with service.resources.read_sessions() as session:
        return await repository.nearest(
            session, domain=domain, space=model.space, dim=model.dim, queries=query, **given
        )


async def test_a_text_is_pending_then_encoded_and_found(service: Service) -> None:
    items = [{"item_id": f"i{n}", "text": f"word{n} shoes"} for n in range(3)]
    assert await service.put(*items) == {"domain": "default", "accepted": 3, "unchanged": 0, "pending": 3}
    assert (await service.get("i1"))["encoding"] == "pending"
    assert (await near(service, "word1 shoes")).ids == []
    told = await service.progress()
    assert (told["items"], told["ready"], told["pending"], told["complete"]) == (3, 0, 3, False)
    await service.encode_all()
    told = await service.progress()
    assert (told["items"], told["ready"], told["pending"], told["complete"]) == (3, 3, 0, True)
    assert (told["space"], told["re_encoding"]) == (service.encoder.info.space, False)
    found = await near(service, "word1 shoes")
    assert found.ids[0] == "i1"
    assert sorted(found.ids) == ["i0", "i1", "i2"]
    np.testing.assert_allclose(found.vectors[0], await vector_of(service.encoder, "word1 shoes"), atol=1e-3)
    assert found.query.tolist() == [0, 0, 0]


async def test_the_worker_is_woken_by_a_put_and_by_those_of_other_replicas(open_service: Open) -> None:
    encoding = await open_service(catalogue_poll_seconds=0.05)
    other = await open_service()
    await encoding.put({"item_id": "here", "text": "one"})
    await other.put({"item_id": "there", "text": "two"})

    async def complete() -> bool:
        return bool((await other.progress())["ready"] == 2)

    await until(complete)
    assert other.encoder.texts_encoded == 0


async def test_what_is_unchanged_costs_nothing(service: Service) -> None:
    item = {"item_id": "a", "text": "one", "category": "c", "attributes": {"price": 3}, "expires_at": None}
    await service.put(item)
    await service.encode_all()
    before, encoded = await service.get("a"), service.encoder.texts_encoded
    assert await service.put(item) == {"domain": "default", "accepted": 0, "unchanged": 1, "pending": 0}
    await service.encode_all()
    assert service.encoder.texts_encoded == encoded
    assert await service.get("a") == before


async def test_other_attributes_are_stored_without_encoding(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one", "category": "c"})
    await service.encode_all()
    encoded = service.encoder.texts_encoded
    answer = await service.put({"item_id": "a", "text": "one", "category": "d", "attributes": {"a": [1, {"b": None}]}})
    assert answer == {"domain": "default", "accepted": 1, "unchanged": 0, "pending": 0}
    assert service.encoder.texts_encoded == encoded
    told = await service.get("a")
    assert (told["category"], told["attributes"], told["encoding"]) == ("d", {"a": [1, {"b": None}]}, "ready")
    assert (await near(service, "one", category="d")).ids == ["a"]
    assert (await near(service, "one", category="c")).ids == []


async def test_an_item_with_an_embedding_is_usable_at_once(service: Service) -> None:
    vector = (await vector_of(service.encoder, "cold")) * 7
    sent = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    answer = await service.put({"item_id": "cold", "embedding": sent}, {"item_id": "warm", "text": "warm"})
    assert answer == {"domain": "default", "accepted": 2, "unchanged": 0, "pending": 1}
    assert (await near(service, "cold")).ids == ["cold"]
    told = await service.get("cold", include="vectors")
    assert told["encoding"] == "ready"
    np.testing.assert_allclose(told["vector"], vector / np.linalg.norm(vector), atol=1e-3)
    assert told["topics"] is None
    about = [await service.get(item_id, include="topics") for item_id in ("cold", "warm")]
    assert [one["topics"] for one in about] == [[], None]  # no profile; no vector yet
    assert [one["vector"] for one in about] == [None, None]
    assert (await service.put({"item_id": "cold", "embedding": vector.tolist()}))["unchanged"] == 1


async def test_an_altered_text_keeps_its_old_vector_until_the_new_one_is_there(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one"})
    await service.encode_all()
    assert (await service.put({"item_id": "a", "text": "two"}))["pending"] == 1
    assert (await service.get("a"))["encoding"] == "pending"
    np.testing.assert_allclose(
        (await near(service, "x")).vectors[0], await vector_of(service.encoder, "one"), atol=1e-3
    )
    await service.encode_all()
    np.testing.assert_allclose(
        (await near(service, "x")).vectors[0], await vector_of(service.encoder, "two"), atol=1e-3
    )


async def test_a_text_altered_and_altered_back_waits_for_nothing(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one"})
    await service.encode_all()
    await service.put({"item_id": "a", "text": "two"})
    assert (await service.put({"item_id": "a", "text": "one"}))["pending"] == 0
    assert await fetch(service.resources.engine, "SELECT 1 FROM item_queue") == []
    assert (await service.get("a"))["encoding"] == "ready"


async def test_a_text_altered_while_it_is_encoded_is_encoded_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = service.encoder.encode

    async def slowly(texts: list[str], permit: Permit) -> Encoded:
        if texts == ["one"]:
            await service.put({"item_id": "a", "text": "two", "category": "c"})
        return await encode(texts, permit)

    monkeypatch.setattr(service.encoder, "encode", slowly)
    await service.put({"item_id": "a", "text": "one"})
    await Worker(service.resources).step()
    assert (await service.get("a"))["encoding"] == "pending"
    await service.encode_all()
    found = await near(service, "two", category="c")
    np.testing.assert_allclose(found.vectors[0], await vector_of(service.encoder, "two"), atol=1e-3)


async def test_the_same_text_of_another_item_is_not_encoded_again(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one"})
    await service.encode_all()
    encoded = service.encoder.texts_encoded
    await service.put({"item_id": "b", "text": "one"}, domain="other")
    await service.encode_all()
    assert service.encoder.texts_encoded == encoded
    assert (await near(service, "one", domain="other")).ids == ["b"]
    async with service.resources.read_sessions() as session:
        found = await repository.vectors_of_texts(
            session, service.encoder.info.space, [text_hash("one"), text_hash("none")]
        )
    assert list(found) == [text_hash("one")]
    np.testing.assert_allclose(found[text_hash("one")], await vector_of(service.encoder, "one"), atol=1e-3)


async def test_a_text_that_cannot_be_encoded_stops_no_other(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = service.encoder.encode

    async def choosy(texts: list[str], permit: Permit) -> Encoded:
        if "bad" in texts:
            raise EncodingFailedError(ValueError("no such token"))
        return await encode(texts, permit)

    monkeypatch.setattr(service.encoder, "encode", choosy)
    await service.put(*({"item_id": f"i{n}", "text": "bad" if n == 3 else f"t{n}"} for n in range(2 * BATCH_TEXTS)))
    await service.encode_all()
    told = await service.progress()
    assert (told["ready"], told["pending"], told["failed"], told["complete"]) == (2 * BATCH_TEXTS - 1, 0, 1, True)
    bad = await service.get("i3")
    assert bad["encoding"] == "failed"
    assert "no such token" in bad["failure"]
    monkeypatch.undo()
    assert (await service.put({"item_id": "i3", "text": "bad"})) == {
        "domain": "default",
        "accepted": 0,
        "unchanged": 1,
        "pending": 1,
    }
    await service.encode_all()
    assert (await service.get("i3"))["encoding"] == "ready"


async def test_metrics_tell_what_waits_and_how_it_fared(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = service.encoder.encode

    async def choosy(texts: list[str], permit: Permit) -> Encoded:
        if "broken" in texts:
            raise EncodingFailedError(ValueError("no such token"))
        return await encode(texts, permit)

    def told(name: str, **labels: str) -> float:
        return service.resources.metrics.registry.get_sample_value(f"swerve_catalogue_items_{name}", labels) or 0.0

    def fared() -> list[float]:
        return [told("total", result=result) for result in ("encoded", "copied", "failed")]

    monkeypatch.setattr(service.encoder, "encode", choosy)
    before = fared()
    await service.put(*({"item_id": f"m{n}", "text": text} for n, text in enumerate(("fine", "well", "broken"))))
    await Upkeep(service.resources).tell()
    assert (told("waiting"), told("failed")) == (3, 0)
    await service.encode_all()
    await service.put({"item_id": "m0", "text": "fine"}, domain="other")
    await service.encode_all()
    await Upkeep(service.resources).tell()
    assert (told("waiting"), told("failed")) == (0, 1)
    assert [now - then for now, then in zip(fared(), before, strict=True)] == [2, 1, 1]


async def test_a_saturated_encoder_leaves_what_was_claimed_to_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object) -> Encoded:
        raise EncoderSaturatedError(0)

    await service.put({"item_id": "a", "text": "one"})
    with monkeypatch.context() as patch:
        patch.setattr(service.encoder, "encode", refuses)
        assert await Worker(service.resources).step(), "it is tried again"
    assert await fetch(service.resources.engine, "SELECT 1 FROM item_queue WHERE claimed_until IS NOT NULL") == []
    await service.encode_all()
    assert (await service.get("a"))["encoding"] == "ready"


class Watched(FakeEncoder):
    """Counts how often it was looked at."""

    looks = 0

    @property
    def stats(self) -> EncoderStats:
        self.looks += 1
        return super().stats


async def test_requests_go_first_but_not_for_ever(open_service: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Watched(dim=8)
    service = await open_service(encoder)
    await service.put({"item_id": "a", "text": "one"})
    monkeypatch.setattr(worker, "PATIENCE_S", 3600.0)
    with encoder.admit(1):  # as a request does
        waiting = asyncio.create_task(Worker(service.resources).step())
        before = encoder.looks

        async def looked_again() -> bool:
            return encoder.looks > before + 2

        await until(looked_again)
        assert encoder.texts_encoded == 0
        assert await fetch(service.resources.engine, "SELECT 1 FROM item_queue WHERE claimed_until IS NULL")
    await waiting
    while not (await service.progress())["complete"]:  # the first step may have been the queueing of what was there
        await Worker(service.resources).step()
    assert encoder.texts_encoded == 1

    monkeypatch.setattr(worker, "PATIENCE_S", 0.02)
    await service.put({"item_id": "b", "text": "two"})
    with encoder.admit(1):
        await service.encode_all()
    assert (await service.progress())["ready"] == 2


async def test_two_replicas_encode_each_text_once(open_service: Open) -> None:
    replicas = [await open_service() for _ in range(2)]
    await replicas[0].put(*({"item_id": f"i{n}", "text": f"t{n}"} for n in range(10 * BATCH_TEXTS)))
    await asyncio.gather(*(replica.encode_all() for replica in replicas))
    assert sum(replica.encoder.texts_encoded for replica in replicas) == 10 * BATCH_TEXTS
    assert (await replicas[0].progress())["complete"]


async def test_deleted_and_expired_items_are_not_found(service: Service, settings: Settings) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    await service.put(
        {"item_id": "stays", "text": "one"},
        {"item_id": "goes/away", "text": "one"},
        {"item_id": "old", "text": "one", "expires_at": "2026-01-05T10:00:00+00:00"},
        {"item_id": "later", "text": "one", "expires_at": soon.isoformat()},
    )
    await service.encode_all()
    assert sorted((await near(service, "one")).ids) == ["goes/away", "later", "stays"]
    assert (await service.client.delete("/items/goes/away")).status_code == 204
    assert sorted((await near(service, "one")).ids) == ["later", "stays"]
    for path in ("/items/goes/away", "/items/old", "/items/stays?domain=other", "/items/never"):
        for method in ("GET", "DELETE"):
            answer = await service.client.request(method, path)
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-item")
    assert (await service.progress())["items"] == 2
    async with service.resources.read_sessions() as session:
        assert list(await repository.details(session, "default", ["old", "stays", "never"])) == ["stays"]

    (cleanup,) = (one for one in cleanups(settings) if one.table == "items")
    now = datetime.now(UTC)
    async with service.resources.read_sessions() as session:
        assert await cleanup.count_expired(session, now) == 1
    async with service.resources.write_sessions.begin() as session:
        assert await cleanup.delete_expired(session, now) == 1
        assert await cleanup.delete_expired(session, now) == 0
    for table in ("items", "item_vectors"):
        left = await fetch(service.resources.engine, f"SELECT item_id FROM {table} ORDER BY 1")  # noqa: S608
        assert [row.item_id for row in left] == ["later", "stays"]


async def test_domains_know_nothing_of_each_other(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one"}, domain="x:1")
    await service.put({"item_id": "b", "text": "one"}, domain="x:2")
    await service.encode_all()
    assert (await near(service, "one", domain="x:1")).ids == ["a"]
    assert (await service.progress("x:2"))["items"] == 1
    assert (await service.client.get("/items/a")).status_code == 404


async def test_several_queries_at_once_give_each_item_once(service: Service) -> None:
    await service.put(*({"item_id": f"i{n}", "text": f"t{n}"} for n in range(30)))
    await service.encode_all()
    model = service.encoder.info
    queries = np.stack([await vector_of(service.encoder, f"t{n}") for n in range(4)])
    vectors = np.stack([await vector_of(service.encoder, f"t{n}") for n in range(30)])
    excluded = ["i7", "i8"]
    async with service.resources.read_sessions() as session:
        found = await repository.nearest(
            session, domain="default", space=model.space, dim=model.dim, queries=queries, per_query=5,
            category=None, exclude=excluded, ef_search=40,
        )  # fmt: skip
        none = await repository.nearest(
            session, domain="default", space=model.space, dim=model.dim, queries=queries[:0], per_query=5,
            category=None, exclude=[], ef_search=40,
        )  # fmt: skip
    assert (none.ids, none.vectors.shape, none.query.shape) == ([], (0, model.dim), (0,))
    products = queries @ vectors.T
    products[:, [7, 8]] = -np.inf
    expected: dict[str, int] = {}
    for query, order in enumerate(np.argsort(-products, axis=1)[:, :5]):
        for n in order:
            expected.setdefault(f"i{n}", query)
    assert found.ids == list(expected)
    assert found.query.tolist() == list(expected.values())


async def test_puts_of_the_same_items_at_once_leave_one_of_them_whole(service: Service) -> None:
    async def put(n: int) -> None:
        ids = [f"i{m}" for m in range(50)]
        await service.put(*({"item_id": i, "text": f"t{n}", "category": f"c{n}"} for i in ids[:: 1 if n % 2 else -1]))

    encoding = asyncio.create_task(service.encode_all())
    await asyncio.gather(*(put(n) for n in range(8)), encoding)
    await service.encode_all()
    rows = await fetch(
        service.resources.engine,
        "SELECT DISTINCT text, items.category, near.category AS near, near.content_hash = items.content_hash AS same "
        "FROM items JOIN item_vectors AS near USING (domain, item_id)",
    )
    assert len(rows) == 1
    assert rows[0].same
    assert rows[0].text[1:] == rows[0].category[1:] == rows[0].near[1:]


async def test_an_expired_claim_is_taken_by_another(service: Service) -> None:
    await service.put({"item_id": "a", "text": "one"})
    await execute(service.resources.engine, "UPDATE item_queue SET claimed_until = now() + interval '1 hour'")
    await service.encode_all()
    assert (await service.get("a"))["encoding"] == "pending"
    await execute(service.resources.engine, "UPDATE item_queue SET claimed_until = now() - interval '1 second'")
    await service.encode_all()
    assert (await service.get("a"))["encoding"] == "ready"


async def test_a_batch_of_expired_items_is_bounded(service: Service) -> None:
    statement = """
        INSERT INTO items (domain, item_id, content_hash, encodable, expires_at)
        SELECT 'd', n::text, 'h', true, now() - interval '1 hour' FROM generate_series(1, :count) n
    """
    await execute(service.resources.engine, statement, count=write_repository.BATCH + 1)
    for gone in (write_repository.BATCH, 1, 0):
        async with service.resources.write_sessions.begin() as session:
            assert await write_repository.delete_expired(session, datetime.now(UTC)) == gone
