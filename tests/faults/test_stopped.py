"""SIGTERM under load: `/readyz` turns red first, and nothing that was taken on is left without its answer."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from bench.faults.system import running
from tests.detect.conftest import behaviors
from tests.faults.conftest import Clients, Traffic, assert_nothing_lost_or_doubled, traffic

pytestmark = pytest.mark.anyio

DRAIN_S = "3"
MANY = 400
"""New texts of one request: it takes about as long as the service goes on answering after a SIGTERM."""


async def test_every_request_that_was_taken_on_is_answered(
    folder: Path, model_dir: Path, clients: Clients, themes: dict[str, list[str]]
) -> None:
    texts = [f"{text} {n}" for n, text in enumerate(themes["guitar"] * (MANY // 24 + 1))][:MANY]
    body = json.dumps({"user_id": "patient", "behaviors": behaviors(texts)}).encode()
    settings = {
        "SWERVE_DRAIN_DELAY_SECONDS": DRAIN_S,
        "SWERVE_ENCODER_MAX_WAIT_SECONDS": "60",
    }  # waits behind the long one
    with running(folder, model_dir, **settings) as system:
        async with traffic(system.url, clients) as load:
            await load.more(60)
            long = asyncio.create_task(post(load, body))
            await load.more(5)  # so that the long one was sent before the signal
            system.process.send_signal(signal.SIGTERM)
            await until_red(load)
            await load.more(5)
            assert (await long)["accepted"] == MANY
            assert await asyncio.to_thread(system.wait) == 0
            await asyncio.to_thread(system.start)
            await load.more(60)
        assert set(load.ledger.statuses) <= {0, 200}
        # A request that was taken on and cut off would have been stored, and a duplicate when it was sent again.
        assert sum(one.duplicates for one in load.ledger.acknowledged) == 0
        await assert_nothing_lost_or_doubled(system.url, load.ledger)


async def post(load: Traffic, body: bytes) -> dict[str, int]:
    headers = {"Content-Type": "application/json"}
    async with load.session.post("/detect", data=body, headers=headers, raise_for_status=True) as answer:
        told: dict[str, int] = await answer.json()
        return told


async def until_red(load: Traffic) -> None:
    """Ask until `/readyz` says that the service is stopping; that it answers at all means that the port is open."""
    while True:
        async with load.session.get("/readyz") as answer:
            if answer.status == 503:
                assert (await answer.json())["checks"] == [{"name": "running", "ok": False, "detail": "stopping"}]
                return
        await asyncio.sleep(0.02)
