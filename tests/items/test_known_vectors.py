"""Behaviours about items whose texts the catalogue has are not encoded again."""

from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from sqlalchemy import event

from service.encoder import FakeEncoder
from service.wire import from_wire
from tests.items.conftest import Open, Service

pytestmark = pytest.mark.anyio


def about(*texts: str, item_id: str | None = "a") -> list[dict[str, Any]]:
    return [
        {"text": text, "occurred_at": f"2026-01-05T10:{n:02}:00Z", **({"item_id": item_id} if item_id else {})}
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
    assert np.linalg.norm(z[0]) == pytest.approx(1.0, abs=1e-6)
    assert known == encoded | {"user_id": "u", "snapshot_id": ANY, "interest": ANY, "scores": ANY}


async def test_the_rest_of_a_request_is_encoded_as_ever(service: Service) -> None:
    """Each behaviour has the vector of its own text: an item's id alone stands for nothing."""
    before = service.encoder.texts_encoded
    mixed = await detect(service, "u", about("black tea", "green tea", "espresso cup"))
    assert service.encoder.texts_encoded == before + 2
    plain = await detect(service, "v", about("black tea", "green tea", "espresso cup", item_id=None))
    z = [from_wire(told["interest"]["z"], 8) for told in (mixed, plain)]
    np.testing.assert_allclose(z[0], z[1], atol=1e-3)


async def test_a_text_that_may_be_cut_off_is_encoded(service: Service) -> None:
    """The catalogue does not know whether the model read all of it."""
    long = " ".join(["word"] * 50)
    await service.put({"item_id": "a", "text": long})
    await service.encode_all()
    before = service.encoder.texts_encoded
    told = await detect(service, "u", about(long))
    assert service.encoder.texts_encoded == before + 1
    assert len(told["truncated"]) == 1


async def test_it_costs_one_statement_and_none_without_need(service: Service) -> None:
    await detect(service, "u", about("first"))
    sent = statements(service)
    for behaviors, expected in (
        (about("dark roast coffee", "green tea"), ["SELECT", "SELECT", "WITH"]),
        (about("dark roast coffee, again", item_id=None), ["SELECT", "WITH"]),
    ):
        sent.clear()
        await detect(service, "u", behaviors)
        assert sent == expected


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
