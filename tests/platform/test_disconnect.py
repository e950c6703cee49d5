"""Clients that go away before they are answered, over real sockets."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.conftest import Serve

pytestmark = pytest.mark.anyio


def post(url: httpx.URL, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST /detect HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def test_texts_of_a_client_that_has_gone_are_not_encoded(serve: Serve) -> None:
    server = serve(encoder_max_wait_seconds="60", force_cpu="true")
    url = httpx.URL(server.url)
    long = "a word after another and so on for as long as the model reads " * 30
    behaviors = [{"text": f"{n} {long}", "occurred_at": "2026-01-05T10:00:00+00:00"} for n in range(400)]
    writers = []
    for user in ("first", "gone"):  # the first keeps the encoder busy while the second one's texts wait
        _, writer = await asyncio.open_connection(url.host, url.port)
        told = [{**behavior, "text": f"{user} {behavior['text']}"} for behavior in behaviors]
        writer.write(post(url, {"user_id": user, "behaviors": told}))
        await writer.drain()
        await asyncio.sleep(0.5)
        writers.append(writer)
    for writer in writers:
        writer.close()
    # The encoder takes the oldest first: had the others' texts been left to it, they would be stored by now.
    late = {"user_id": "late", "behaviors": [{"text": "trail shoes", "occurred_at": "2026-01-05T10:00:00+00:00"}]}
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        answer = await client.post("/detect", json=late)
        assert answer.status_code == 200
        for user in ("first", "gone"):
            assert (await client.get(f"/users/{user}/interest")).status_code == 404
