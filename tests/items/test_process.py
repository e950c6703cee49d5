"""A real process with the real model: killed amid its work, it finds what was pending again."""

import signal
import time
from typing import Any

import numpy as np

from tests.conftest import Serve, Server

TITLES = 400
LIMIT_S = 90


def progress(server: Server) -> dict[str, Any]:
    told: dict[str, Any] = server.client.get("/items/progress").json()
    return told


def test_what_was_pending_when_the_service_was_killed_is_encoded_by_the_next(
    serve: Serve, themes: dict[str, list[str]]
) -> None:
    first = serve(catalogue_poll_seconds="0.2")
    texts = [f"{text}, number {n}" for n in range(20) for theme in themes.values() for text in theme][:TITLES]
    for start in range(0, len(texts), 200):
        items = [{"item_id": f"i{n}", "text": texts[n]} for n in range(start, min(start + 200, len(texts)))]
        answer = first.client.put("/items", json={"items": items})
        assert answer.json()["accepted"] == len(items)
    deadline = time.monotonic() + LIMIT_S
    while not (ready := progress(first)["ready"]):
        assert time.monotonic() < deadline
    assert ready < len(texts)
    first.stop(signal.SIGKILL)

    second = serve(catalogue_poll_seconds="0.2")
    told = progress(second)
    assert told["items"] == len(texts)
    while not told["complete"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        told = progress(second)
    assert (told["ready"], told["failed"]) == (len(texts), 0)
    item = second.client.get("/items/i7", params={"include": "vectors"}).json()
    (vector,) = second.client.post("/encode", json={"texts": [texts[7]]}).json()["vectors"]
    assert item["encoding"] == "ready"
    np.testing.assert_allclose(item["vector"], vector, atol=1e-3)
