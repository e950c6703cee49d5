"""`POST /detect` and `/detect/batch` with events as the CloudEvents SDK makes and sends them."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from service.cloud_events.translate import event_id_of
from tests.cloud_events.conftest import START

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example/web"
BATCH = "application/cloudevents-batch+json"


def make(n: int = 0, data: Any = None, **attributes: Any) -> CloudEvent:
    """An event of user u; an attribute that is None is left out."""
    given = {
        "id": f"{n}",
        "source": SHOP,
        "type": "com.example.shop.purchase",
        "subject": "u",
        "time": START + timedelta(hours=n),
    } | attributes
    return CloudEvent(
        {name: value for name, value in given.items() if value is not None},
        {"text": f"word{n}"} if data is None else data,
    )


def as_object(event: CloudEvent) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(to_structured(event, JSONFormat()).body)
    return body


async def send(client: httpx.AsyncClient, message: HTTPMessage, **headers: str) -> httpx.Response:
    return await client.post("/detect", content=message.body, headers=message.headers | headers)


async def send_batch(client: httpx.AsyncClient, events: list[Any], path: str = "/detect") -> httpx.Response:
    return await client.post(path, content=json.dumps(events), headers={"Content-Type": BATCH})


def fields(response: httpx.Response) -> list[str]:
    assert response.status_code == 422, response.text
    return [error["field"] for error in response.json()["errors"]]


async def test_every_form_says_the_same_as_a_plain_body(client: httpx.AsyncClient) -> None:
    plain = {
        "user_id": "ü/1",
        "domain": "shop",
        "behaviors": [
            {
                "event_id": f"{SHOP} 0",
                "type": "purchase",
                "text": "shoes",
                "occurred_at": START.isoformat(),
                "weight": 2.5,
            }
        ],
        "options": {"include": ["topics"], "persist": False},
    }
    expected = (await client.post("/detect", json=plain)).json()
    data = {"text": "shoes", "weight": 2.5, "options": plain["options"]}
    event = make(subject="ü/1", domain="shop", data=data, traceparent="00-1-2-03")
    for response in (
        await send(client, to_structured(event, JSONFormat())),
        await send(client, to_binary(event, JSONFormat())),
        await send_batch(client, [as_object(event)]),
        await send_batch(client, [as_object(event)], "/detect/batch"),
    ):
        assert response.status_code == 200, response.text
        body = response.json()
        assert (body["results"][0]["result"] if "results" in body else body) == expected
    assert expected["accepted"] == 1


async def test_source_and_id_together_name_a_behaviour(client: httpx.AsyncClient) -> None:
    answers = [
        (await send(client, message)).json()
        for message in (
            to_structured(make(), JSONFormat()),
            to_binary(make(), JSONFormat()),
            to_structured(make(source="/another"), JSONFormat()),
        )
    ]
    assert [(answer["accepted"], answer["duplicates"]) for answer in answers] == [(1, 0), (0, 1), (1, 0)]
    ids = [event_id_of(source, id_) for source in ("/a", "/" + "a" * 200) for id_ in ("1", "1 2", "b" * 500)]
    assert len(set(ids)) == 6
    assert max(map(len, ids)) <= 128


async def test_types_are_known_by_their_last_part(client: httpx.AsyncClient) -> None:
    for kind in ("purchase", "com.example.purchase", "com.example.like.v2", "org.watch.2"):
        response = await send(client, to_structured(make(type=kind), JSONFormat()))
        assert response.status_code == 200, kind
    assert fields(await send(client, to_structured(make(type="com.example.purchases"), JSONFormat()))) == ["type"]
    assert fields(await send(client, to_binary(make(type="purchase.example"), JSONFormat()))) == ["ce-type"]
    weighed = make(type="com.example." + "x" * 200, data={"text": "shoes", "weight": 1})
    assert (await send(client, to_structured(weighed, JSONFormat()))).status_code == 200


async def test_what_is_wrong_is_named_as_it_was_sent(client: httpx.AsyncClient) -> None:
    good = as_object(make())
    for change, named in (
        ({"subject": None}, ["subject"]),
        ({"specversion": "0.3"}, ["specversion"]),
        ({"time": "2026-01-05T10:00:00"}, ["time"]),
        ({"time": "2099-01-05T10:00:00Z"}, ["time"]),
        ({"source": "a b", "id": ""}, ["id", "source"]),
        ({"domain": "-"}, ["domain"]),
        ({"data": {}}, ["data.text"]),
        ({"data": "shoes"}, ["data"]),
        ({"data": {"text": "a", "txt": "b", "options": {"persit": False}}}, ["data.options.persit", "data.txt"]),
        ({"data": {"embedding": [1.0]}}, ["data.embedding"]),
        ({"datacontenttype": "text/xml"}, ["datacontenttype"]),
        ({"data_base64": "e30="}, ["data_base64"]),
        ({"Subject": "u"}, ["Subject"]),
    ):
        body = good | change
        message = HTTPMessage(
            {"Content-Type": "application/cloudevents+json; charset=utf-8"}, json.dumps(body).encode()
        )
        assert sorted(fields(await send(client, message))) == named, change
        assert set(fields(await send_batch(client, [good, body]))) == {f"[1].{name}" for name in named}
    headers = to_binary(make(), JSONFormat()).headers
    for altered, content, named in (
        ({"ce-time": "soon"}, b'{"text": "a"}', ["ce-time"]),
        ({"ce-subject": ""}, b'{"tex": "a"}', ["ce-subject", "tex"]),
        ({}, b"[]", ["body"]),
        ({}, b"{", ["body"]),
        ({"Content-Type": "text/xml"}, b'{"text": "a"}', ["Content-Type"]),
        ({"Content-Type": "application/cloudevents+avro"}, b"{}", ["Content-Type"]),
    ):
        assert sorted(fields(await send(client, HTTPMessage(headers | altered, content)))) == named
    assert (await client.get("/users/u/interest")).status_code == 404  # nothing was stored


async def test_a_batch_is_a_request_for_each_user(client: httpx.AsyncClient) -> None:
    events: list[Any] = [as_object(make(n, subject=f"user-{n % 3}")) for n in range(9)]
    events[4]["data"] = {}
    events.append("no event")
    response = await send_batch(client, events, "/detect/batch")
    assert response.status_code == 200, response.text
    first, second, third, last = response.json()["results"]
    assert [(item["result"]["user_id"], item["result"]["accepted"]) for item in (first, third)] == [
        ("user-0", 3),
        ("user-2", 3),
    ]
    assert [error["field"] for error in second["problem"]["errors"]] == ["[4].data.text"]
    assert [error["field"] for error in last["problem"]["errors"]] == ["[9]"]
    assert fields(await send_batch(client, events[:4])) == ["body"]
    assert fields(await send_batch(client, [])) == ["body"]
    assert fields(await send_batch(client, [events[0]] * 1001)) == ["[1000]"]
    wrong = await client.post("/detect/batch", json=events[0], headers={"Content-Type": "application/cloudevents+json"})
    assert fields(wrong) == ["Content-Type"]


async def test_a_key_is_for_what_a_request_says_in_whichever_form(client: httpx.AsyncClient) -> None:
    keyed = {"Idempotency-Key": "one"}
    first = await send(client, to_structured(make(), JSONFormat()), **keyed)
    again = await send(client, to_binary(make(), JSONFormat()), **keyed)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    other = await send(client, to_structured(make(1), JSONFormat()), **keyed)
    assert other.json()["type"] == "/problems/idempotency-key-reused"
