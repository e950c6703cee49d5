"""A service that is watched as an operator would: scraped, traced to a collector, its logs read."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Server, data_folder, serving
from tests.telemetry.collector import WAIT_SECONDS, Collector, collecting

START = datetime(2026, 1, 5, tzinfo=UTC)


class Observed:
    """One service and all that it tells of itself."""

    def __init__(self, server: Server, collector: Collector, log: Path) -> None:
        self.server = server
        self.client = server.client
        self.collector = collector
        self._log = log

    def lines(self, **wanted: Any) -> list[dict[str, Any]]:
        """Lines of the log with these fields, so far."""
        whole = self._log.read_text(encoding="utf-8").rpartition("\n")[0]  # without the one that is being written
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]

    def line(self, **wanted: Any) -> dict[str, Any]:
        """The one line with these fields, waited for: an answer is sent before its line is written."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := self.lines(**wanted)):
            assert time.monotonic() < deadline, wanted
            time.sleep(0.02)
        (only,) = found
        return only

    def scrape(self, accept: str = "") -> httpx.Response:
        response = self.client.get("/metrics", headers={"Accept": accept})
        assert response.status_code == 200
        return response


def request(user_id: str, texts: list[str], *, first: int = 0, **options: Any) -> dict[str, Any]:
    """A body of `POST /detect`."""
    behaviors = [
        {"event_id": f"e{n}", "text": text, "occurred_at": (START + timedelta(hours=n)).isoformat()}
        for n, text in enumerate(texts, first)
    ]
    return {"user_id": user_id, "behaviors": behaviors, "options": options}


@pytest.fixture(scope="package")
def observed(model_dir: Path) -> Iterator[Observed]:
    """One service for all tests that do not stop it."""
    with collecting() as collector, data_folder() as folder, serving(folder, model_dir) as start:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
            environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
            environment.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
            server = start(log_level="debug")
        server.client.post("/detect", json=request("somebody", ["trail running shoes"])).raise_for_status()
        yield Observed(server, collector, folder / "server-0.log")
