"""Every kind of bad input: a problem that names the field, and nothing stored."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.detect.conftest import body

Request = dict[str, Any]
Spoil = Callable[[Request], object]


def behavior(**changes: Any) -> Spoil:
    """Changes the second of three behaviours."""
    return lambda request: request["behaviors"][1].update(changes)


def without(name: str) -> Spoil:
    return lambda request: request["behaviors"][1].pop(name)


def option(**changes: Any) -> Spoil:
    return lambda request: request["options"].update(changes)


def top(**changes: Any) -> Spoil:
    return lambda request: request.update(changes)


VECTOR = [0.5] * 384
TOMORROW = (datetime.now(UTC) + timedelta(days=3)).isoformat()
CASES: dict[str, tuple[Spoil, str]] = {
    "no user": (lambda request: request.pop("user_id"), "user_id"),
    "empty user": (top(user_id=""), "user_id"),
    "user too long": (top(user_id="u" * 257), "user_id"),
    "user not a string": (top(user_id=7), "user_id"),
    "no behaviours": (top(behaviors=[]), "behaviors"),
    "too many behaviours": (lambda request: request.update(behaviors=request["behaviors"] * 334), "behaviors"),
    "bad domain": (top(domain="no spaces"), "domain"),
    "typo at the top": (top(behaviours=[]), "behaviours"),
    "typo in a behaviour": (behavior(ocurred_at="x"), "behaviors[1].ocurred_at"),
    "unknown option": (option(detektor="bayes"), "options.detektor"),
    "unknown detector": (option(detector="oracle"), "options.detector"),
    "unknown part": (option(include=["everything"]), "options.include[0]"),
    "unknown format": (option(encoding_format="hex"), "options.encoding_format"),
    "empty text": (behavior(text=""), "behaviors[1].text"),
    "blank text": (behavior(text=" \t\n"), "behaviors[1].text"),
    "text of separators": (behavior(text="\x1d\x85\ufeff"), "behaviors[1].text"),
    "no text": (without("text"), "behaviors[1].text"),
    "text over the limit": (behavior(text="x" * 8193), "behaviors[1].text"),
    "no time": (without("occurred_at"), "behaviors[1].occurred_at"),
    "naive time": (behavior(occurred_at="2026-01-05T10:00:00"), "behaviors[1].occurred_at"),
    "time as a number": (behavior(occurred_at=1767607200), "behaviors[1].occurred_at"),
    "time as digits": (behavior(occurred_at="1767607200"), "behaviors[1].occurred_at"),
    "not a time": (behavior(occurred_at="yesterday"), "behaviors[1].occurred_at"),
    "time before 1970": (behavior(occurred_at="1969-12-31T23:00:00+00:00"), "behaviors[1].occurred_at"),
    "time in the year 9999": (behavior(occurred_at="9999-12-31T23:59:59-23:59"), "behaviors[1].occurred_at"),
    "time in the future": (behavior(occurred_at=TOMORROW), "behaviors[1].occurred_at"),
    "unknown type": (behavior(type="teleport"), "behaviors[1].type"),
    "negative weight": (behavior(weight=-1), "behaviors[1].weight"),
    "huge weight": (behavior(weight=1e9), "behaviors[1].weight"),
    "empty event id": (behavior(event_id=""), "behaviors[1].event_id"),
    "control character": (behavior(event_id="a\x00b"), "behaviors[1].event_id"),
    "null byte in a category": (behavior(category="a\x00b"), "behaviors[1].category"),
    "embedding too short": (behavior(embedding=VECTOR[:-1]), "behaviors[1].embedding"),
    "embedding too long": (behavior(embedding=[*VECTOR, 1.0]), "behaviors[1].embedding"),
    "embedding of zeros": (behavior(embedding=[0.0] * 384), "behaviors[1].embedding"),
    "embedding not base64": (behavior(embedding="!!!"), "behaviors[1].embedding"),
    "embedding of half numbers": (behavior(embedding=base64.b64encode(b"abc").decode()), "behaviors[1].embedding"),
    "embedding of words": (behavior(embedding=["a"] * 384), "behaviors[1].embedding"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_field_is_named_and_nothing_is_stored(case: str, api: httpx.Client, user: str) -> None:
    spoil, field = CASES[case]
    request = body(["one text", "two text", "three text"], user)
    spoil(request)
    response = api.post("/detect", json=request)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/invalid-request"
    named = [error["field"] for error in problem["errors"]]
    assert any(name == field or name.startswith((f"{field}[", f"{field}.")) for name in named), named
    assert api.get(f"/users/{user}/history").status_code == 404


RAW: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"hello", "body"),
    "cut short": (b'{"user_id": "u", "behaviors": [', "body"),
    "empty": (b"", "body"),
    "a list": (b"[]", "body"),
    "not UTF-8": (b'{"user_id": "\xff\xfe"}', "body"),
    "deeply nested": (b"[" * 100_000, "body"),
    "NaN": (b'{"user_id":"u","behaviors":[{"occurred_at":"2026-01-05T10:00:00Z","embedding":[NaN]}]}', "embedding"),
    "infinite weight": (
        b'{"user_id":"u","behaviors":[{"text":"t","occurred_at":"2026-01-05T10:00:00Z","weight":1e999}]}',
        "weight",
    ),
    "lone surrogate": (
        b'{"user_id":"\\ud800","behaviors":[{"text":"t","occurred_at":"2026-01-05T10:00:00Z"}]}',
        "user_id",
    ),
    "surrogate in a text": (
        b'{"user_id":"u","behaviors":[{"text":"\\udfff","occurred_at":"2026-01-05T10:00:00Z"}]}',
        "text",
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_a_body_that_is_no_request(case: str, api: httpx.Client) -> None:
    content, field = RAW[case]
    response = api.post("/detect", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert field in json.dumps([error["field"] for error in response.json()["errors"]])


def test_a_body_over_the_limit_names_the_limit(api: httpx.Client) -> None:
    response = api.post("/detect", content=b" " * (32 * 2**20 + 1), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert "SWERVE_MAX_BODY_BYTES" in response.json()["detail"]


def test_the_error_never_repeats_what_was_sent(api: httpx.Client, user: str) -> None:
    secret = "4111-1111-1111-1111"
    request = body([secret], user)
    request["behaviors"][0] |= {"occurred_at": secret, "type": secret, "weight": secret}
    assert secret not in api.post("/detect", json=request).text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/users/u/history?limit=0", "limit"),
        ("/users/u/history?limit=many", "limit"),
        ("/users/u/history?cursor=garbage", "cursor"),
        ("/users/u/history?since=2026-01-05T10:00:00", "since"),
        ("/users/u/history?until=never", "until"),
        ("/users/u/history?until=1767607200", "until"),
        ("/users/u/history?mutated=true", "mutated"),
        ("/users/u/interest?include=everything", "include[0]"),
        ("/users/u/interest?domain=no%20spaces", "domain"),
    ],
)
def test_a_bad_query_names_the_parameter(path: str, field: str, api: httpx.Client) -> None:
    response = api.get(path)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_path_that_does_not_exist_is_a_problem_too(api: httpx.Client) -> None:
    for response, status in ((api.get("/nowhere"), 404), (api.put("/detect"), 405)):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
