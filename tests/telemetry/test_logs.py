"""What is written to standard error: one line for each request, whole and readable, and never what was sent."""

import asyncio
import io
import json
import logging
import socket
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from service.database.embedded import EmbeddedPostgres
from service.telemetry.logs import configure_logs, log_loop_failure
from tests.conftest import data_folder, serving
from tests.telemetry.collector import collecting
from tests.telemetry.conftest import Observed, request

SECRET = "what-was-sent"


@pytest.fixture
def restored() -> Iterator[None]:
    """Puts back what `configure_logs` alters for the whole process."""
    root, own = logging.getLogger(), logging.getLogger("service")
    handlers, levels, hooks = root.handlers[:], (root.level, own.level), (sys.excepthook, threading.excepthook)
    shown = warnings.showwarning
    yield
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    sys.excepthook, threading.excepthook = hooks


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_line_for_each_request(observed: Observed) -> None:
    ids = [uuid4().hex for _ in range(3)]
    body = request(f"user-{ids[0]}", ["a text"])
    observed.client.post("/detect", json=body, headers={"X-Request-Id": ids[0]})
    observed.client.get(f"/users/user-{ids[0]}/history", headers={"X-Request-Id": ids[1]})
    observed.client.get("/users/nobody/interest", headers={"X-Request-Id": ids[2]})
    took, listed, missed = (observed.line(request_id=each) for each in ids)
    assert set(took) == {
        "timestamp", "level", "logger", "event", "request_id", "trace_id", "span_id",
        "method", "route", "status", "duration_s",
    }  # fmt: skip
    assert (took["event"], took["level"], took["logger"]) == ("request", "info", "service.access")
    assert (took["method"], took["route"], took["status"]) == ("POST", "/detect", 200)
    assert 0 < took["duration_s"] < 60
    assert (
        datetime.fromisoformat(took["timestamp"]).utcoffset()
        == datetime.fromisoformat("2026-01-01T00:00:00Z").utcoffset()
    )
    assert listed["route"] == "/users/{user_id}/history"
    assert (missed["status"], missed["problem"]) == (404, "unknown_user")


def test_probes_are_for_debugging_only(observed: Observed) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/model"):
        request_id = uuid4().hex
        observed.client.get(path, headers={"X-Request-Id": request_id})
        assert observed.line(request_id=request_id)["level"] == "debug"


def test_what_the_server_itself_has_to_say_is_json_too(observed: Observed) -> None:
    address = urlsplit(observed.server.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as connection:
        connection.sendall(f"{SECRET}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    line = observed.line(logger="uvicorn.error")
    assert line["level"] == "warning"
    assert SECRET not in str(line)


class Told:
    """Everything that one service wrote while all sorts of things went wrong, and what must not be in it."""

    def __init__(self) -> None:
        mark = uuid4().hex
        self.user, self.text, self.event = f"user-{mark}", f"words {mark}", f"event-{mark}"
        self.key, self.password, self.domain = f"key-{mark}", f"password-{mark}", f"domain-{mark}"
        self.statuses: list[int] = []
        self.failed = self.away = ""
        self.standard_output = self.standard_error = ""

    @property
    def secrets(self) -> list[str]:
        return [self.user, self.text, self.event, self.key, self.password]


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture(scope="module", params=["json", "console"])
def told(model_dir: Path, request: pytest.FixtureRequest) -> tuple[str, Told]:
    """A service through successes, refusals, a fault of ours and the loss of its database, and then stopped."""
    told = Told()
    with data_folder() as folder, serving(folder, model_dir) as start, collecting() as collector:
        postgres = EmbeddedPostgres(folder / "elsewhere")
        url = postgres.start()
        server = start(
            database_url=url.replace("postgres@", f"postgres:{told.password}@"),
            log_level="debug",
            log_format=request.param,
            otlp_endpoint=collector.url,
        )
        client = server.client
        client.headers["Authorization"] = f"Bearer {told.key}"

        def detect(**changes: Any) -> Any:
            behavior = {"event_id": told.event, "text": told.text, "occurred_at": "2026-01-05T10:00:00Z"} | changes
            return client.post("/detect", json={"user_id": told.user, "behaviors": [behavior]})

        answers = [
            detect(),
            client.post("/encode", json={"texts": [told.text]}),
            client.get(f"/users/{told.user}/interest"),
            client.get(f"/users/{told.user}/history", params={"cursor": told.event}),
            client.get(f"/users/{told.user}-unknown/interest"),
            client.get(f"/{told.user}/{told.event}"),
            client.request(told.user, "/detect"),
            detect(occurred_at=told.text),
            detect(kind=told.event),
            client.post("/detect", content=f'{{"user_id": "{told.user}", "text": "{told.text}'),
            client.get("/livez", headers={"X-Request-Id": f"{told.text} {told.key}", "traceparent": told.event}),
            client.delete(f"/users/{told.user}"),
        ]
        # Postgres refuses in its own words, which repeat the whole row.
        asyncio.run(execute(url, f"ALTER TABLE seen_events ADD CONSTRAINT no CHECK (event_id <> '{told.event}')"))
        answers.append(detect(occurred_at=_later()))
        told.failed = answers[-1].headers["X-Request-Id"]
        assert answers[-1].json()["request_id"] == told.failed
        # And then it is gone.
        other = url.replace("/swerve?", "/postgres?")
        asyncio.run(execute(other, "DROP DATABASE swerve WITH (FORCE)"))
        answers.append(detect())
        told.away = answers[-1].headers["X-Request-Id"]
        answers.append(client.get("/readyz"))
        told.statuses = [answer.status_code for answer in answers]
        assert server.process.stdout is not None
        rest = server.process.stdout
        server.client.close()
        server.process.terminate()
        told.standard_output = rest.read()
        assert server.process.wait(60) == 0
        rest.close()
        told.standard_error = (folder / "server-0.log").read_text(encoding="utf-8")
        postgres.stop()
    return request.param, told


def _later() -> str:
    """After the erasure, so that the behaviour is not rejected."""
    return datetime.now().astimezone().isoformat()


def test_nothing_that_was_sent_is_written(told: tuple[str, Told]) -> None:
    _, all_of_it = told
    assert all_of_it.statuses == [200, 200, 200, 422, 404, 404, 400, 422, 422, 422, 200, 204, 500, 503, 503]
    assert all_of_it.standard_output == ""
    assert len(all_of_it.standard_error.splitlines()) >= len(all_of_it.statuses)
    for secret in all_of_it.secrets:
        assert secret not in all_of_it.standard_error


def test_a_fault_of_ours_is_found_under_its_id(told: tuple[str, Told]) -> None:
    how, all_of_it = told
    if how == "console":
        assert f"request_id={all_of_it.failed}" in all_of_it.standard_error
        assert "asyncpg.exceptions.CheckViolationError (SQLSTATE 23514)" in all_of_it.standard_error
        return
    lines = [json.loads(line) for line in all_of_it.standard_error.splitlines()]
    failure, access = (line for line in lines if line.get("request_id") == all_of_it.failed)
    assert (failure["level"], failure["event"]) == ("error", "a request failed")
    assert failure["exception"][0]["type"] == "sqlalchemy.exc.IntegrityError"
    assert "23514" in {error.get("sqlstate") for error in failure["exception"]}
    assert any("service/detect/service.py" in frame for frame in failure["exception"][0]["frames"])
    assert (access["status"], access["problem"], access["level"]) == (500, "internal_error", "warning")
    assert failure["trace_id"] == access["trace_id"]
    # Once: the server has nothing to add.
    assert [line for line in lines if "exception" in line and line is not failure] == []
    lost, answered = (line for line in lines if line.get("request_id") == all_of_it.away)
    assert lost["event"].startswith("the database is away: ")
    assert (answered["status"], answered["problem"]) == (503, "database_unavailable")


@pytest.mark.usefixtures("restored")
def test_levels_and_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = logging.getLogger("service.something"), logging.getLogger("library")
    for level, expected in {
        "debug": ["debug", "info", "warning", "error", "their warning"],
        "info": ["info", "warning", "error", "their warning"],
        "error": ["error"],
    }.items():
        stream = io.StringIO()
        configure_logs(level, "auto", stream)  # type: ignore[arg-type]  # of the levels
        for name in ("debug", "info", "warning", "error"):
            getattr(ours, name)(name)
        theirs.info("their info: %s", SECRET)
        theirs.warning("their warning", extra={"color_message": SECRET, "route": "/x"})
        assert [line["event"] for line in written(stream)] == expected
        assert SECRET not in stream.getvalue()
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    configure_logs("info", "auto", terminal)
    ours.info("readable")
    assert "readable" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


@pytest.mark.usefixtures("restored")
def test_what_fails_outside_of_requests_is_told_without_values() -> None:
    stream = io.StringIO()
    configure_logs("info", "json", stream)
    known: dict[str, object] = {}
    thread = threading.Thread(target=lambda: known[SECRET])
    thread.start()
    thread.join()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_loop_failure)

        def fail(what: str) -> None:
            raise KeyError(what)

        async def fail_later() -> None:
            raise KeyError(SECRET)

        loop.call_soon(fail, SECRET)
        task = asyncio.create_task(fail_later())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task  # nobody asks it for its exception

    asyncio.run(main())
    events = [line["event"] for line in written(stream)]
    assert events == ["a thread ended by an exception", "Exception", "Task exception was never retrieved"]
    assert [line["exception"][0]["type"] for line in written(stream)] == ["KeyError"] * 3
    assert SECRET not in stream.getvalue()


def test_a_process_that_ends_by_an_exception_says_so_without_values() -> None:
    program = f"""
        from service.telemetry.logs import configure_logs
        configure_logs("info", "json")
        raise KeyError("{SECRET}")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    line = json.loads(done.stderr)
    assert (line["level"], line["exception"][0]["type"]) == ("critical", "KeyError")
    assert SECRET not in done.stderr
