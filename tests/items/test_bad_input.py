"""What `/items` refuses: each with the field, and nothing of the request stored."""

from typing import Any

import pytest
from sqlalchemy import text

from service.items.schemas import MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTE_DEPTH, MAX_ITEMS
from tests.items.conftest import Service, fetch

pytestmark = pytest.mark.anyio

GOOD = {"item_id": "good", "text": "one"}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"end": 1}
    for _ in range(depth - 1):
        value = {"inner": value}
    return value


ITEMS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "item_id", "required"),
    ({"item_id": ""}, "item_id", "pattern"),
    ({"item_id": "a\x00b", "text": "t"}, "item_id", "pattern"),
    ({"item_id": "x" * 257, "text": "t"}, "item_id", "pattern"),
    ({"item_id": 7, "text": "t"}, "item_id", "string"),
    ({"item_id": "progress", "text": "t"}, "item_id", "/items/progress"),
    ({"item_id": "a"}, "text", "missing or empty"),
    ({"item_id": "a", "text": " \t"}, "text", "missing or empty"),
    ({"item_id": "a", "text": "a\x00b"}, "text", "pattern"),
    ({"item_id": "a", "text": "x" * 8193}, "text", "8192"),
    ({"item_id": "a", "text": "t", "category": ""}, "category", "pattern"),
    ({"item_id": "a", "text": "t", "categroy": "c"}, "categroy", "not permitted"),
    ({"item_id": "a", "text": "t", "expires_at": "2026-01-05T10:00:00"}, "expires_at", "timezone"),
    ({"item_id": "a", "text": "t", "expires_at": 1767607200}, "expires_at", "RFC 3339"),
    ({"item_id": "a", "text": "t", "attributes": []}, "attributes", "dictionary"),
    ({"item_id": "a", "text": "t", "attributes": nested(MAX_ATTRIBUTE_DEPTH + 1)}, "attributes", "nested"),
    ({"item_id": "a", "text": "t", "attributes": {"a": "x" * MAX_ATTRIBUTE_BYTES}}, "attributes", "bytes"),
    ({"item_id": "a", "text": "t", "attributes": nested(200)}, "attributes", "nested"),
    ({"item_id": "a", "text": "t", "attributes": {"a": [2**63]}}, "attributes", "64 bits"),
    ({"item_id": "a", "text": "t", "attributes": {"a": "\x00"}}, "attributes", "NUL"),
    ({"item_id": "a", "text": "t", "attributes": {"\x00": 1}}, "attributes", "NUL"),
    ({"item_id": "a", "embedding": [1.0] * 7}, "embedding", "has 7 numbers, the model's vectors have 8"),
    ({"item_id": "a", "embedding": [0.0] * 8}, "embedding", "no direction"),
    ({"item_id": "a", "embedding": "AAAA!"}, "embedding", "base64"),
    ({"item_id": "a", "text": "t", "embedding": [1.0] * 9}, "embedding", "has 9 numbers"),
]


# Each list is gone through in one test: a service for each case would take longer than all cases.


async def test_a_bad_item_is_named_and_nothing_is_stored(service: Service) -> None:
    for item, field, told in ITEMS:
        answer = await service.client.put("/items", json={"items": [GOOD, item]})
        assert answer.status_code == 422, (item, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json"
        (error,) = answer.json()["errors"]
        assert error["field"] == f"items[1].{field}"
        assert told in error["message"], item
    assert await fetch(service.resources.engine, "SELECT 1 FROM items") == []


async def test_half_a_character_in_attributes(service: Service) -> None:
    body = r'{"items": [{"item_id": "a", "text": "t", "attributes": {"a": "\ud800"}}]}'
    answer = await service.client.put("/items", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"].startswith("items[0].attributes")


async def test_the_same_id_twice_names_both(service: Service) -> None:
    answer = await service.client.put("/items", json={"items": [GOOD, {"item_id": "b", "text": "t"}, GOOD]})
    (error,) = answer.json()["errors"]
    assert error["field"] == "items[2].item_id"
    assert error["message"] == "is the same as items[0].item_id"
    assert "once" in error["remedy"]


BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "items"),
    ({"items": []}, "items"),
    ({"items": [{"item_id": str(n), "text": "t"} for n in range(MAX_ITEMS + 1)]}, "items"),
    ({"domain": "not a domain", "items": [GOOD]}, "domain"),
    ({"domian": "d", "items": [GOOD]}, "domian"),
]
QUERIES = [
    ("GET", "/items/progress?domian=d", "domian"),
    ("GET", "/items/progress?domain=", "domain"),
    ("GET", "/items/a?include=vector", "include[0]"),
    ("GET", "/items/a?encoding_format=hex", "encoding_format"),
    ("DELETE", "/items/a?domains=d", "domains"),
    ("DELETE", f"/items/{'x' * 257}", "item_id"),
    ("GET", "/items/a%00b", "item_id"),
]


async def test_a_bad_request_is_named(service: Service) -> None:
    for body, field in BODIES:
        answer = await service.client.put("/items", json=body)
        assert answer.status_code == 422, field
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    for method, path, field in QUERIES:
        answer = await service.client.request(method, path)
        assert answer.status_code == 422, path
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_what_was_stored_under_an_id_that_is_refused_now_can_be_deleted(service: Service) -> None:
    """And one whose path is nearly the same is as any other."""
    for item_id in ("progress/", "Progress", "progress/x", "item-progress"):
        await service.put({"item_id": item_id, "text": "t"})
        assert (await service.get(item_id))["item_id"] == item_id
    async with service.resources.engine.begin() as connection:
        await connection.execute(text("DELETE FROM item_queue WHERE item_id = 'item-progress'"))
        await connection.execute(text("UPDATE items SET item_id = 'progress' WHERE item_id = 'item-progress'"))
    assert (await service.client.delete("/items/progress")).status_code == 204
    assert (await service.client.delete("/items/progress")).status_code == 404


async def test_a_method_that_is_not_taken_is_told_all_that_are(service: Service) -> None:
    for path, allowed in (("/items/a", "DELETE, GET"), ("/items/progress", "GET"), ("/items", "PUT")):
        answer = await service.client.post(path)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == allowed
    answer = await service.client.delete("/users/u/history")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


async def test_the_largest_attributes_are_given_back_as_sent(service: Service) -> None:
    attributes: dict[str, Any] = {"a": "é" * ((MAX_ATTRIBUTE_BYTES - len('{"a":""}')) // 2)}
    await service.put({"item_id": "a", "text": "t", "attributes": attributes})
    assert (await service.get("a"))["attributes"] == attributes
    for attributes in (nested(MAX_ATTRIBUTE_DEPTH), {"most": 2**63 - 1, "least": -(2**63) + 1, "huge": 1e308}):
        await service.put({"item_id": "a", "text": "t", "attributes": attributes})
        assert (await service.get("a"))["attributes"] == attributes
