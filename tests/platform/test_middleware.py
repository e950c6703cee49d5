"""The body limit and the request id, over a real server."""

import asyncio
import http.client
import threading
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request

from service.middleware import BodyLimitMiddleware, LoadLimitMiddleware, RequestIdMiddleware
from service.problem_handlers import install_handlers

LIMIT = 1000


def make_app() -> FastAPI:
    app = FastAPI()
    install_handlers(app)
    app.add_middleware(BodyLimitMiddleware, max_bytes=LIMIT)
    app.add_middleware(RequestIdMiddleware)

    @app.post("/")
    async def read(body: dict[str, str], request: Request) -> str:
        assert body
        return str(request.state.request_id)

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("secret")

    return app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(make_app(), port=0, http="httptools", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield connection
    connection.close()


def body_of(size: int) -> bytes:
    return b'{"a": "%s"}' % (b"x" * (size - 9))


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (5_000_000, 413)])
def test_the_limit_holds_both_ways_and_the_connection_survives(
    connection: http.client.HTTPConnection, chunked: bool, size: int, status: int
) -> None:
    body = body_of(size)
    for _ in range(2):
        pieces = iter([body[:700], body[700:]])
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/", pieces if chunked else body, headers, encode_chunked=chunked)
        response = connection.getresponse()
        answer = response.read().decode()
        assert response.status == status
        if status == 413:
            assert response.headers["Content-Type"] == "application/problem+json"
            assert f"larger than {LIMIT} bytes" in answer
            assert "SWERVE_MAX_BODY_BYTES" in answer
            assert response.headers["X-Request-Id"]


def test_an_absurd_length_is_refused_without_reading(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "99999999999999999")
    connection.endheaders()
    assert connection.getresponse().status == 413


@pytest.mark.parametrize(
    ("sent", "kept"), [("order-17.a", True), ("", False), ("x" * 129, False), ("a b", False), ('a"b<', False)]
)
def test_a_sane_request_id_is_kept(connection: http.client.HTTPConnection, sent: str, kept: bool) -> None:
    connection.request("POST", "/", body_of(20), {"Content-Type": "application/json", "X-Request-Id": sent})
    response = connection.getresponse()
    given = response.headers["X-Request-Id"]
    assert response.read().decode() == f'"{given}"'
    assert (given == sent) == kept
    assert given


def test_a_fault_of_ours_has_the_request_id(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/bug", headers={"X-Request-Id": "trace-me"})
    response = connection.getresponse()
    assert response.status == 500
    assert b"secret" not in response.read()
    assert response.headers.get_all("X-Request-Id") == ["trace-me"]


@pytest.mark.anyio
async def test_more_requests_than_the_limit_are_refused_unread_and_probes_are_not() -> None:
    app, entered, gate = FastAPI(), asyncio.Event(), asyncio.Event()
    app.add_middleware(LoadLimitMiddleware, max_requests=1)

    @app.post("/detect")
    async def detect() -> str:
        entered.set()
        await gate.wait()
        return "done"

    @app.get("/livez")
    async def livez() -> str:
        return "alive"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        first = asyncio.create_task(client.post("/detect"))
        await entered.wait()

        read: list[bytes] = []

        async def body() -> AsyncIterator[bytes]:
            read.append(b"{}")
            yield read[-1]

        refused = await client.post("/detect", content=body())
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["type"] == "/problems/saturated"
        assert not read
        assert (await client.get("/livez")).status_code == 200
        gate.set()
        assert (await first).status_code == 200
        assert (await client.post("/detect")).status_code == 200
