"""Bodies and paths that no client should send, drawn from a seed.

Whatever has a valid form asks for `persist: false`, so that nothing of it may be stored.
"""

import copy
import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from service.detect.schemas import DetectRequest
from service.encode.schemas import EncodeRequest

Body = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)
JSON = "application/json"
TIME = "2026-01-05T10:00:00+00:00"

RAW = {  # tokens that Python's JSON would not write, by the string that stands for them until it has written the rest
    "<NaN>": "NaN", "<Infinity>": "Infinity", "<-Infinity>": "-Infinity", "<1e999>": "1e999", "<-1e999>": "-1e999",
    "<huge>": "9" * 4000, "<point>": "1." + "3" * 2000, "<zeros>": "0" * 50 + "7", "<hex>": "0x10", "<plus>": "+1",
    "<single>": "'one'", "<comma>": "[1,,2]", "<trailing>": "[1,]", "<bare>": "undefined", "<escape>": '"\\x41"',
    "<half>": '"\\ud83d"', "<halves>": '"\\udc00\\ud800"', "<tab>": '"a\tb"', "<newline>": '"a\nb"',
}  # fmt: skip
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, -1e-320,
    "", " ", "\x00", "a\x00b", "\x1b[31m", "\u202e\u200b", "\ufeff", "\U0010ffff" * 40, "é" * 300, "𝔘" * 128,
    "x" * 10_000, "'; DROP TABLE user_states; --", "%s%n%x", "{{7*7}}", "../../etc/passwd", "<script>", "${jndi:x}",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
    "2026-01-05T25:00:00Z", "2026-01-05T10:00:00+99:99", "2026-01-05", "1e9", "1700000000", "-1", "NaN", "now",
    "2016-12-31T23:59:60Z", "٢٠٢٦-01-05T10:00:00Z", "2026-01-05T10:00:00." + "9" * 400 + "Z",
    [], [[]], [None], [1, "a", {}], ["a"] * 2000, [0.0] * 384, [1e200] * 384, [10**400] * 384, ["<NaN>"] * 384,
    {}, {"": ""}, {"$ref": "#"}, {"__proto__": {}}, {"\x00": 1}, {"k" * 5000: 1}, *RAW,
)  # fmt: skip
TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "", "json", "é",
         "application/json; charset=utf-16", "application/problem+json", "application/octet-stream")  # fmt: skip
PATHS = ("/detect", "/detect/batch", "/encode")


@dataclass(frozen=True, slots=True)
class Malformed:
    """One request that should be refused.

    Attributes:
        path: of the URL.
        content_type: of the body.
        body: as bytes.
        chunked: sent without saying how long it is.
        hopeless: not even its form is right, so that it must be refused.
    """

    path: str
    content_type: str
    body: bytes
    chunked: bool
    hopeless: bool


def bodies(seed: int, number: int) -> Iterator[Malformed]:
    """So many malformed requests; the same for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - to be repeatable
    while number:
        made = _one(draw)
        if made is not None:
            number -= 1
            yield made


def _one(draw: random.Random) -> Malformed | None:
    path = draw.choice(PATHS)
    content_type = draw.choice(TYPES) if draw.random() < 0.05 else JSON
    body = draw.choices((_spoiled, _cut, _noisy, _doubled, _deep, _strange), (60, 10, 15, 8, 2, 5))[0](draw, path)
    form = _form(path, body)
    if form is Form.STORES:
        return None
    return Malformed(path, content_type, body, draw.random() < 0.1, form is Form.WRONG)


class Form:
    """What a body is by its form."""

    WRONG, HARMLESS, STORES = "wrong", "harmless", "stores"


def _form(path: str, body: bytes) -> str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return Form.WRONG
    if path == "/encode":
        return Form.HARMLESS if _fits(EncodeRequest, value) else Form.WRONG
    if path == "/detect":
        return _form_of_request(value)
    entries = value.get("requests") if isinstance(value, dict) and set(value) == {"requests"} else None
    if not isinstance(entries, list) or not 0 < len(entries) <= 1000:
        return Form.WRONG
    return Form.STORES if any(_form_of_request(entry) is Form.STORES for entry in entries) else Form.HARMLESS


def _form_of_request(value: Any) -> str:
    request = _fits(DetectRequest, value)
    if request is None:
        return Form.WRONG
    return Form.STORES if request.options.persist else Form.HARMLESS


def _fits(model: type[Model], value: Any) -> Model | None:
    try:
        return model.model_validate(value)
    except (ValidationError, RecursionError):
        return None


def _valid(draw: random.Random, path: str) -> Body:
    if path == "/encode":
        return {"texts": ["trail running shoes", "a tent"], "encoding_format": "base64"}
    requests = [_request(draw) for _ in range(draw.randint(1, 3))]
    return requests[0] if path == "/detect" else {"requests": requests}


def _request(draw: random.Random) -> Body:
    behavior = {"event_id": "e1", "type": "view", "text": "a tent", "item_id": "i", "category": "c", "weight": 1.0}
    given: Body = {"user_id": f"fuzz-{draw.randint(0, 9)}", "domain": "default"}
    given["behaviors"] = [{**behavior, "occurred_at": TIME, "embedding": None} for _ in range(draw.randint(1, 3))]
    options: Body = {"detector": "bayes", "threshold": None, "include": [], "encoding_format": "float"}
    return given | {"options": {"persist": False, **options}}


def _spoiled(draw: random.Random, path: str) -> bytes:
    """One value replaced, or a key added or renamed."""
    value = _valid(draw, path)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        holder, key = draw.choice(list(_places(value)))
        nasty = copy.deepcopy(draw.choice(NASTY))
        if isinstance(holder, dict) and draw.random() < 0.15:
            key = str(draw.choice((key, "", "\x00", "__class__", "k" * 300))) + draw.choice("x \x00é")
        holder[key] = nasty
    return _written(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _written(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    for stand_in, token in RAW.items():
        text = text.replace(f'"{stand_in}"', token)
    return text.encode("utf-8", "surrogatepass")


def _cut(draw: random.Random, path: str) -> bytes:
    body = _written(_valid(draw, path))
    return body[: draw.randrange(len(body))]


NOISE = (b"\x00", b"\xff", b"\xc0", b"\x80", b'"', b"\\", b"{", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\\u0000", b"")


def _noisy(draw: random.Random, path: str) -> bytes:
    """Bytes altered, left out or put in, many of them not UTF-8."""
    body = bytearray(_written(_valid(draw, path)))
    for _ in range(draw.choice((1, 2, 8))):
        start = draw.randrange(len(body))
        body[start : start + draw.randint(0, 2)] = draw.choice((draw.randbytes(1), draw.choice(NOISE)))
    return bytes(body)


def _doubled(draw: random.Random, path: str) -> bytes:
    """A key that comes twice, the second time wrong."""
    body = _written(_valid(draw, path))
    key = draw.choice(("user_id", "behaviors", "options", "requests", "texts"))
    return body[:-1] + f', "{key}": {draw.choice(("7", "null", "[]", "NaN", "{}"))}}}'.encode()


def _deep(draw: random.Random, path: str) -> bytes:
    """Nested deeper than anything means."""
    depth = draw.choice((200, 900, 5_000, 100_000))
    opening, closing = draw.choice((("[", "]"), ('{"a":', "}"), ('{"requests":[', "]}"), ('{"behaviors":[', "]}")))
    nested = opening * depth + "1" + closing * draw.choice((0, depth))
    if draw.random() < 0.5:
        return nested.encode()
    return _written(_valid(draw, path)).replace(b'"a tent"', nested.encode())


def _strange(draw: random.Random, path: str) -> bytes:
    body = _written(_valid(draw, path))
    return draw.choice((
        b"", b"\x00", b"null", b"[]", b"{}", b"0", b'"', b"\xef\xbb\xbf" + body, body + body, body + b"\x00",
        body.decode().encode("utf-16"), body.decode().encode("utf-32-be"), gzip.compress(body), b"--x\r\n\r\n" + body,
        b"user_id=a&behaviors=b", b"<xml/>", draw.randbytes(draw.randrange(1, 2000)), b" " * 70_000,
        b"[" + b"1," * 9_999,
    ))  # fmt: skip


IDS = (
    "u", "%00", "a%00b", "%ff%fe", "%ED%A0%80", "%2e%2e%2f%2e%2e", "..%5c..", "%0d%0aX:%20y", "%F0%9F%92%A9", "a%2Fb",
    "%25", "%", "%zz", "a;b=c", "'--", "*" * 257, quote("é" * 256), "%20", "interest", "history", "%2f%2f", "@",
    "a%3Fb",
)  # fmt: skip
VALUES = (
    "", "%00", "%ff", "1", "-1", "0", "99999999999999999999", "1e999", "NaN", "true", "vectors", "default", "v1-1",
    "v1-%00", "v1-999999999999999999", "v1--1", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00%2B00:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59", "1700000000", "%ED%A0%80", "x" * 3000, "[]", "{}", "base64", "a%00b", "%F0%9F%92%A9",
)  # fmt: skip
NAMES = ("domain", "include", "encoding_format", "limit", "cursor", "since", "until", "mutated_only", "x", "%00", "")


def paths(seed: int, number: int) -> Iterator[tuple[str, str]]:
    """Method and path of so many odd questions about users."""
    draw = random.Random(seed)  # noqa: S311 - to be repeatable
    for _ in range(number):
        method, what = draw.choice((("GET", "/interest"), ("GET", "/history"), ("DELETE", "")))
        query = "&".join(f"{draw.choice(NAMES)}={draw.choice(VALUES)}" for _ in range(draw.randint(0, 3)))
        yield method, f"/users/{draw.choice(IDS)}{what}{'?' * bool(query)}{query}"
