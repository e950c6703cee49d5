"""Behaviours about items whose texts the catalogue has are not encoded again."""

from collections.abc import Sequence
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from sqlalchemy import event

from service.encoder import FakeEncoder
from service.wire import from_wire
from tests.items.conftest import Open, Service

pytestmark = pytest.mark.anyio


def about(*texts: str, item_id: str | None = "a", day: int = 5) -> list[dict[str, Any]]:
    return [
        {"text": text, "occurred_at": f"2026-01-{day:02}T10:{n:02}:00Z", **({"item_id": item_id} if item_id else {})}
        for n, text in enumerate(texts)
    ]


async def detect(service: Service, user: str, behaviors: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"user_id": user, "behaviors": behaviors, "options": {"include": ["vectors"]}}
    answer = await service.client.post("/detect", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture
async def service(open_service: Open) -> Service:
    """With two items whose vectors are there."""
    service = await open_service(FakeEncoder(dim=8, max_tokens=40))
    await service.put({"item_id": "a", "text": "dark roast coffee"}, {"item_id": "b", "text": "green tea"})
    await service.encode_all()
    return service


def statements(service: Service) -> list[str]:
    """What is sent to Postgres from now on, by its first word."""
    sent = list[str]()

    @event.listens_for(service.resources.engine.sync_engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement.split(maxsplit=1)[0])

    return sent


async def test_what_the_catalogue_knows_is_not_encoded(service: Service) -> None:
    before = service.encoder.texts_encoded
    known = await detect(service, "u", about("dark roast coffee", "green tea", "dark roast coffee"))
    assert service.encoder.texts_encoded == before
    encoded = await detect(service, "v", about("dark roast coffee", "green tea", "dark roast coffee", item_id=None))
    assert service.encoder.texts_encoded > before
    z = [from_wire(told["interest"]["z"], 8) for told in (known, encoded)]
    np.testing.assert_allclose(z[0], z[1], atol=1e-3)
    assert known == encoded | {"user_id": "u", "snapshot_id": ANY, "interest": ANY, "scores": ANY}


async def test_the_rest_of_a_request_is_encoded_as_ever(service: Service) -> None:
    """Each behaviour has the vector of its own text: an item's id alone stands for nothing."""
    before = service.encoder.texts_encoded
    mixed = await detect(service, "u", about("black tea", "green tea", "espresso cup"))
    assert service.encoder.texts_encoded == before + 2
    plain = await detect(service, "v", about("black tea", "green tea", "espresso cup", item_id=None))
    z = [from_wire(told["interest"]["z"], 8) for told in (mixed, plain)]
    np.testing.assert_allclose(z[0], z[1], atol=1e-3)


@pytest.mark.parametrize("long", [" ".join(["word"] * 50), "\u331a" * 10], ids=["as it is", "as it is normalised"])
async def test_a_text_that_may_be_cut_off_is_encoded(service: Service, long: str) -> None:
    """The catalogue does not know whether the model read all of it."""
    await service.put({"item_id": "a", "text": long})
    await service.encode_all()
    before = service.encoder.texts_encoded
    told = await detect(service, "u", about(long))
    assert service.encoder.texts_encoded == before + 1
    assert len(told["truncated"]) == (" " in long)


async def test_what_was_found_is_kept_at_unit_length(service: Service) -> None:
    """One statement for all texts of a request, none when they come again."""
    await detect(service, "u", about("first"))
    sent = statements(service)
    before = service.encoder.texts_encoded
    for number, expected in enumerate((["SELECT", "SELECT", "WITH"], ["SELECT", "WITH"])):
        sent.clear()
        await detect(service, "u", about("dark roast coffee", "green tea", day=6 + number))
        assert sent == expected
    assert service.encoder.texts_encoded == before
    kept = service.resources.known_vectors.kept("green tea")
    assert kept is not None
    assert np.linalg.norm(kept) == pytest.approx(1.0, abs=1e-6)


async def test_nothing_is_kept_where_no_text_is(open_service: Open) -> None:
    service = await open_service(FakeEncoder(dim=8), encoder_cache_texts=0)
    await service.put({"item_id": "a", "text": "dark roast coffee"})
    await service.encode_all()
    before = service.encoder.texts_encoded
    for day in (5, 6):
        await detect(service, "u", about("dark roast coffee", day=day))
    assert service.encoder.texts_encoded == before
    assert service.resources.known_vectors.kept("dark roast coffee") is None


async def test_a_text_that_is_no_items_costs_one_statement(service: Service) -> None:
    await detect(service, "u", about("first"))
    sent = statements(service)
    for day, behaviors, expected in (
        (6, about("bought: dark roast coffee", day=6), ["SELECT", "SELECT", "WITH"]),
        (7, about("dark roast coffee, again", item_id=None, day=7), ["SELECT", "WITH"]),
    ):
        sent.clear()
        await detect(service, "u", behaviors)
        assert sent == expected, day


class Remembers(FakeEncoder):
    """With a cache, as the real one has."""

    def cached(self, texts: Sequence[str]) -> list[bool]:
        return [text == "green tea" for text in texts]


async def test_what_the_encoder_holds_is_not_asked_for(open_service: Open) -> None:
    service = await open_service(Remembers(dim=8))
    await service.put({"item_id": "a", "text": "dark roast coffee"}, {"item_id": "b", "text": "green tea"})
    await service.encode_all()
    await detect(service, "u", about("first"))
    sent = statements(service)
    await detect(service, "u", about("green tea", day=6))
    assert sent == ["SELECT", "WITH"]


async def test_a_text_has_one_vector_in_a_request(service: Service) -> None:
    """Also of the behaviour that does not name the item."""
    before = service.encoder.texts_encoded
    await detect(service, "u", [*about("green tea"), *about("green tea", item_id=None, day=6)])
    assert service.encoder.texts_encoded == before


async def test_an_empty_catalogue_is_not_asked_again_and_again(open_service: Open) -> None:
    service = await open_service(FakeEncoder(dim=8))
    await detect(service, "u", about("first"))
    sent = statements(service)
    await detect(service, "u", about("second"))
    assert sent == ["SELECT", "WITH"]


async def test_a_saturated_service_refuses_before_it_asks_the_catalogue(service: Service) -> None:
    sent = statements(service)
    with service.encoder.admit(4096):
        body = {"user_id": "u", "behaviors": about("dark roast coffee")}
        assert (await service.client.post("/detect", json=body)).status_code == 503
    assert sent == []
