"""Twenty thousand malformed requests: none fails the service, and the database stays as it was."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.adversaries.conftest import Fingerprints
from tests.adversaries.malformed import JSON, Malformed, bodies, paths
from tests.conftest import Server, data_folder, serving
from tests.detect.conftest import body

SEED, BODIES, PATHS = 20, 20_000, 2_000
CONNECTIONS = 24
MAX_BODY = 2**20
PROBLEM = "application/problem+json"

Look = Callable[[], Fingerprints]


@pytest.fixture(scope="module")
def filled(postgres_url: str, model_dir: Path, themes: dict[str, list[str]]) -> Iterator[Server]:
    """A service that takes bodies of up to a mebibyte, and knows some users already."""
    with data_folder() as folder, serving(folder, model_dir) as serve:
        # Nothing is written but by what is sent: nothing is counted meanwhile, what is too old is not removed, and no
        # replica says every few minutes that it serves this model's catalogue.
        server = serve(
            database_url=postgres_url,
            max_body_bytes=str(MAX_BODY),
            popularity_every_minutes="0",
            successors_every_minutes="0",
            retention_every_hours="0",
            catalogue_poll_seconds="0",
        )
        for user in ("fuzz-0", "fuzz-1", "u", "a/b"):
            server.client.post("/detect", json=body(themes["cooking"], user)).raise_for_status()
        yield server


def test_malformed_bodies_are_refused_and_nothing_is_stored(filled: Server, fingerprints: Look) -> None:
    before = fingerprints()
    assert min(rows for table, (rows, _) in before.items() if table in {"user_states", "seen_events"}) > 0
    told = asyncio.run(send_all(filled.url, bodies(SEED, BODIES)))
    assert sum(told.values()) == BODIES
    assert set(told) <= {200, 413, 422}, told
    assert told[422] > BODIES / 2
    assert fingerprints() == before
    assert filled.client.get("/readyz").status_code == 200


async def send_all(url: str, requests: Iterator[Malformed]) -> Counter[int]:
    """Send everything over some connections, and judge each answer."""
    statuses: Counter[int] = Counter()

    async def connection(session: aiohttp.ClientSession) -> None:
        for request in requests:
            content = in_parts(request.body) if request.chunked or len(request.body) > MAX_BODY // 2 else request.body
            headers = {"Content-Type": request.content_type}
            async with session.post(request.path, data=content, headers=headers) as answer:
                statuses[answer.status] += 1
                assert answer.status < 500, (request, await answer.text())
                if request.hopeless or request.content_type == "text/plain":
                    assert answer.status in {413, 422}, request
                if answer.status != 200:
                    assert answer.content_type == PROBLEM, request
                if answer.status == 422:
                    assert (await answer.json(content_type=PROBLEM))["errors"], request

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection(session))
    return statuses


async def in_parts(content: bytes) -> AsyncIterator[bytes]:
    middle = len(content) // 2
    for part in (content[:middle], content[middle:]):
        if part:
            yield part


def test_enormous_bodies_are_cut_and_nothing_is_stored(filled: Server, fingerprints: Look) -> None:
    before = fingerprints()
    listed = json.dumps({"texts": ["a tent"] * (MAX_BODY // 10)}).encode()
    assert len(listed) > MAX_BODY
    told = filled.client.post("/encode", content=listed, headers={"Content-Type": JSON})
    assert told.status_code == 413
    parts: Iterable[bytes] = (b" " * 65_536 for _ in range(2 * MAX_BODY // 65_536))
    told = filled.client.post("/detect", content=parts, headers={"Content-Type": JSON})
    assert told.status_code == 413
    assert fingerprints() == before


def test_odd_ids_and_parameters_are_answered(filled: Server, fingerprints: Look) -> None:
    statuses: Counter[int] = Counter()

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            for method, path in paths(SEED, PATHS):
                async with session.request(method, URL(filled.url + path, encoded=True)) as answer:
                    statuses[answer.status] += 1
                    assert answer.status < 500, (method, path, await answer.text())
                    if answer.status >= 400:
                        assert answer.content_type == PROBLEM, (method, path)

    asyncio.run(ask())
    assert set(statuses) <= {200, 204, 404, 405, 422}, statuses
    assert min(statuses[200], statuses[404], statuses[422]) > 0
    kept = {name: rows for name, (rows, _) in fingerprints().items()}
    assert kept["tombstones"] > 0, "no known user was among those to be erased"


GARBAGE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "endless header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
    "negative length": b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "length of words": b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "two lengths": b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz",
    "bad chunk": b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "null in the path": b"GET /users/\x00/interest HTTP/1.1\r\nHost: x\r\n\r\n",
    "null in a header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\x00b\r\n\r\n",
    "header without name": b"GET /livez HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "cut short": b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
}


@pytest.mark.parametrize("case", GARBAGE)
def test_what_is_no_http_ends_only_its_own_connection(case: str, server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        try:
            connection.sendall(GARBAGE[case])
            connection.shutdown(socket.SHUT_WR)
            told = b"".join(islice(iter(lambda: connection.recv(65_536), b""), 100))
        except (ConnectionResetError, BrokenPipeError):
            told = b""
    assert not told.startswith(b"HTTP/1.1 5"), told
    assert server.client.get("/livez").status_code == 200
