"""What browsers are told: security headers on every answer, CORS closed and open, and the page of the document."""

import base64
import re
from hashlib import sha256

import httpx
import pytest

from service.security_headers import HEADERS
from tests.access.conftest import Access, Open

pytestmark = pytest.mark.anyio

PAGE = "https://shop.example"
NAMES = {
    "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy",
    "Cross-Origin-Resource-Policy", "Cross-Origin-Opener-Policy", "Cache-Control",
}  # fmt: skip


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The directives of the content security policy."""
    directives = answer.headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in (directive.split(" ") for directive in directives)}


async def test_every_answer_has_them_once(access: Access) -> None:
    key = await access.make("read", "ingest")

    @access.app.get("/model/bug", operation_id="bug")
    async def bug() -> None:
        raise KeyError("secret")

    admin = await access.make("admin")
    answers = {
        200: await access.ask(key),
        401: await access.ask(None),
        403: await access.ask(key, "DELETE", "/users/u"),
        404: await access.ask(key, "GET", "/users/u/interest"),
        405: await access.ask(key, "GET", "/detect"),
        413: await access.ask(key, "POST", "/encode", headers={"Content-Length": str(10**15)}),
        422: await access.ask(key, "POST", "/encode", json={}),
        500: await access.ask(admin, "GET", "/model/bug"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        for name in NAMES:
            assert answer.headers.get_list(name) == [HEADERS[name]], (status, name)
        assert answer.headers["X-Request-Id"]
        assert policy(answer) == {
            "default-src": ["'none'"], "base-uri": ["'none'"], "form-action": ["'none'"],
            "frame-ancestors": ["'none'"],
        }  # fmt: skip
    assert set(HEADERS) == NAMES


async def test_the_page_of_the_document_may_do_what_it_needs_and_no_more(access: Access) -> None:
    answer = await access.ask(None, "GET", "/docs")
    assert answer.headers["content-type"].startswith("text/html")
    allowed = policy(answer)
    assert allowed["default-src"] == allowed["frame-ancestors"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    scripts = re.findall(r"<script(?: src=\"([^\"]+)\")?>(.*?)</script>", answer.text, re.DOTALL)
    assert len(scripts) == 2
    for address, script in scripts:
        digest = base64.b64encode(sha256(script.encode()).digest()).decode()
        assert (address or f"'sha256-{digest}'") in allowed["script-src"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(allowed["script-src"])
    (style,) = re.findall(r'rel="stylesheet" href="([^"]+)"', answer.text)
    assert style in allowed["style-src"]
    (icon,) = re.findall(r'rel="shortcut icon" href="([^"]+)"', answer.text)
    assert icon.startswith("data:")
    assert allowed["img-src"] == ["data:"]


async def preflight(access: Access, origin: str, method: str = "POST") -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return await access.ask(None, "OPTIONS", "/detect", headers=headers)


async def test_other_origins_are_shut_out_by_default(access: Access) -> None:
    key = await access.make("read")
    for answer in (await preflight(access, PAGE), await access.ask(key, headers={"Origin": PAGE})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert answer.status_code == 200  # for what is no browser an Origin means nothing


async def test_named_origins_are_let_in_with_a_key_and_others_are_not(open_access: Open) -> None:
    access = await open_access(cors_origins=(PAGE,), rate_limit="5/minute")
    key = await access.make("read")
    asked = await preflight(access, PAGE)
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Access-Control-Allow-Credentials" not in asked.headers
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} == set(asked.headers["Access-Control-Allow-Methods"].split(", "))
    for answer in (await access.ask(key, headers={"Origin": PAGE}), await access.ask(None, headers={"Origin": PAGE})):
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE  # refusals can be read, too
        assert "Origin" in answer.headers["Vary"]
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"} <= set(exposed)
    for origin in ("https://other.example", "http://shop.example", "https://shop.example.other.example", "null"):
        assert (await preflight(access, origin)).status_code == 400
        answer = await access.ask(key, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_page_cannot_make_a_browser_post_without_asking_first(access: Access) -> None:
    """Without keys, a page's plain form or text is what a browser sends unasked; it is not taken as JSON."""
    body = '{"user_id": "u", "behaviors": [{"text": "shoes", "occurred_at": "2025-01-05T10:00:00Z"}]}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        headers = {"Origin": PAGE} | ({} if content_type is None else {"Content-Type": content_type})
        answer = await access.ask(None, "POST", "/detect", headers=headers, content=body)
        assert answer.status_code == 422
    assert (await access.ask(None, "GET", "/users/u/interest")).status_code == 404
