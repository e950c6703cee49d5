"""The command line as its users run it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from service import __version__
from service.access.start import ExposedError
from service.console import load_command, run_command
from service.database.embedded import EmbeddedPostgres, EmbeddedPostgresError
from service.database.engine import DatabaseAwayError
from service.database.migrate import MigrationError
from service.detection.profile import ProfileError
from service.encoder import ModelFolderError
from service.errors import InputError, MisuseError, OperatorError, StartError
from service.identity import UserKeySecretError
from service.server import PortError

Postmasters = Callable[[Path], list[int]]

# `swerve serve` over an encoder that needs no model.
SERVE = """
    import sys
    import service.cli, service.server
    from service.encoder import FakeEncoder

    run = service.server.run
    service.server.run = lambda settings: run(settings, encoder=FakeEncoder(dim=8))
    sys.argv = ["swerve", "serve", "--port", "0"]
    service.cli.main()
"""


def swerve(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=cwd,
        env=environment_for(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def environment_for(extra: dict[str, str]) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {name: value for name, value in os.environ.items() if not name.startswith("SWERVE_")} | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        **extra,
    }


def fails_in_one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("swerve: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@contextlib.contextmanager
def serving(cwd: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running service and its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVE)],
        cwd=cwd,
        env=environment_for(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        yield process, next((word for word in words if word.startswith("http://")), "")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_version(tmp_path: Path) -> None:
    assert swerve("--version", cwd=tmp_path).stdout.strip() == __version__


def test_openapi_goes_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    # What the document says must not depend on who writes it.
    shown = swerve("openapi", cwd=tmp_path, SWERVE_MAX_BODY_BYTES="7")
    assert swerve("openapi", "--out", "api.json", cwd=tmp_path).returncode == 0
    written = (tmp_path / "api.json").read_text()
    assert shown.stdout == written
    assert written == json.dumps(json.loads(written), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert [path.name for path in tmp_path.iterdir()] == ["api.json"]
    message = fails_in_one_line(swerve("openapi", "--out", "no/such/folder.json", cwd=tmp_path), 1)
    assert "cannot write no/such/folder.json" in message


@pytest.mark.parametrize(
    ("environment", "code", "says"),
    [
        ({"SWERVE_PORT": "none"}, 2, "SWERVE_PORT: "),
        ({"DATABASE_URL": "mysql://u:hunter2@h/d"}, 2, "DATABASE_URL: must begin with postgresql://"),
        ({"SWERVE_MODEL_DIR": "nowhere"}, 2, "no model folder at nowhere"),
    ],
)
def test_serve_says_what_is_wrong(tmp_path: Path, environment: dict[str, str], code: int, says: str) -> None:
    message = fails_in_one_line(swerve("serve", cwd=tmp_path, **({"SWERVE_PORT": "0"} | environment)), code)
    assert says in message
    assert "hunter2" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = fails_in_one_line(swerve("serve", "--port", port, cwd=tmp_path), 1)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in message


def test_a_host_that_is_not_ours_says_so(tmp_path: Path) -> None:
    assert "cannot listen on 192.0.2.1:0" in fails_in_one_line(
        swerve("serve", "--port", "0", "--host", "192.0.2.1", cwd=tmp_path), 1
    )


def test_migrate_moves_up_and_down(tmp_path: Path, postmasters: Postmasters) -> None:
    up = swerve("migrate", cwd=tmp_path)
    assert up.stdout.startswith("empty -> ")
    assert swerve("migrate", cwd=tmp_path).stdout.endswith(": nothing to do\n")
    assert "no_such" in fails_in_one_line(swerve("migrate", "--down-to", "no_such", cwd=tmp_path), 1)
    assert swerve("migrate", "--down-to", "base", cwd=tmp_path).stdout.endswith(" -> empty\n")
    assert postmasters(tmp_path / "data") == []


def test_retention_by_hand(tmp_path: Path) -> None:
    message = fails_in_one_line(swerve("retention", "run", cwd=tmp_path), 1)
    assert "run `swerve migrate`" in message
    assert swerve("migrate", cwd=tmp_path).returncode == 0
    with embedded(tmp_path / "data") as psql:
        ages = "SELECT 'd', n::text::bytea, now() - n * interval '1 day' FROM generate_series(1, 5) n"
        psql(f"INSERT INTO tombstones {ages}")
        rows = []
        for options in (["--dry-run"], [], []):
            done = swerve("retention", "run", *options, cwd=tmp_path, SWERVE_RETENTION_DAYS_TOMBSTONES="2.5")
            assert (done.returncode, done.stderr) == (0, "")
            rows.append({words[0]: words[1:] for line in done.stdout.splitlines() if (words := line.split())})
        assert psql("SELECT count(*) FROM tombstones") == "2"
    assert [table["tombstones"][-1] for table in rows] == ["3", "3", "0"]
    assert "would" in rows[0]["table"]
    assert rows[0]["snapshots"] == ["kept", "0"]
    bad = swerve("retention", "run", cwd=tmp_path, SWERVE_RETENTION_DAYS_USERS="soon")
    assert "SWERVE_RETENTION_DAYS_USERS: " in fails_in_one_line(bad, 2)


@contextlib.contextmanager
def embedded(data_dir: Path) -> Iterator[Callable[[str], str]]:
    """Asks the data folder's Postgres, which runs as long as the context is open; the first value of an answer."""
    postgres = EmbeddedPostgres(data_dir)
    url = postgres.start()

    async def ask(query: str) -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval(query))
        finally:
            await connection.close()

    try:
        yield lambda query: asyncio.run(ask(query))
    finally:
        postgres.stop()


def test_a_database_that_is_away_says_so(tmp_path: Path) -> None:
    away = swerve("migrate", cwd=tmp_path, DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/d")
    message = fails_in_one_line(away, 1)
    assert "cannot connect to Postgres" in message
    assert "hunter2" not in message


def test_sigterm_fails_readiness_first_then_drains_and_leaves_no_process(
    tmp_path: Path, profile_path: Path, postmasters: Postmasters
) -> None:
    with (
        serving(tmp_path, SWERVE_PROFILE=str(profile_path), SWERVE_DRAIN_DELAY_SECONDS="1") as (process, address),
        httpx.Client(base_url=address, timeout=10) as client,
    ):
        assert client.get("/readyz").status_code == 200
        assert len(postmasters(tmp_path / "data")) == 1
        process.send_signal(signal.SIGTERM)
        answers = [client.get("/readyz").status_code for _ in range(20)]
        assert answers[-1] == 503  # told to stop, and still answering
        assert client.get("/livez").status_code == 200
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, out, errors) == (0, "", "")
    assert postmasters(tmp_path / "data") == []


def test_a_request_under_way_is_finished(tmp_path: Path, profile_path: Path, postmasters: Postmasters) -> None:
    with serving(tmp_path, SWERVE_PROFILE=str(profile_path), SWERVE_DRAIN_DELAY_SECONDS="0") as (process, address):
        host, _, port = address.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            headers = f"Host: {host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
            connection.sendall(f"POST /encode HTTP/1.1\r\n{headers}{{".encode())  # half a body: the request has begun
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            process.send_signal(signal.SIGTERM)
            connection.settimeout(30)
            threading.Timer(0.5, connection.sendall, [b"}"]).start()
            answer = connection.recv(100)
        assert answer.startswith(b"HTTP/1.1 422")
        process.wait(timeout=60)
        assert process.returncode == 0
    assert postmasters(tmp_path / "data") == []


def test_told_to_stop_while_starting_it_leaves_nothing_running(
    tmp_path: Path, profile_path: Path, postmasters: Postmasters
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVE)],
        cwd=tmp_path,
        env=environment_for({"SWERVE_PROFILE": str(profile_path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (tmp_path / "data" / "postgres.lock").exists():
        pass  # initialising its Postgres from here on
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (0, "", "")
    assert postmasters(tmp_path / "data") == []


def test_keys_and_schema_are_looked_after_without_the_app_and_the_compiler() -> None:
    program = """
        import importlib, sys
        import service.cli
        for name in ("keys", "migrate", "user_keys"):
            importlib.import_module(f"service.commands.{name}")
        print(*sorted({"fastapi", "numba", "onnxruntime", "uvicorn"} & set(sys.modules)))
        importlib.import_module("service.commands.serve")
        print(*sorted({"fastapi", "numba", "onnxruntime", "uvicorn"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment_for({}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["", "fastapi numba onnxruntime uvicorn"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MisuseError, 2), (InputError, 2), (ModelFolderError, 2), (ProfileError, 2),
        (OperatorError, 1), (StartError, 1), (ExposedError, 1), (EmbeddedPostgresError, 1), (DatabaseAwayError, 1),
        (MigrationError, 1), (UserKeySecretError, 1), (PortError, 1), (OSError, 1),
    ],
)  # fmt: skip
def test_what_an_operator_can_mend_is_one_line(
    error: type[Exception], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error("this is wrong;\nmend it so")

    with pytest.raises(SystemExit) as left:
        run_command(fails)
    assert left.value.code == code
    assert capsys.readouterr().err == "swerve: this is wrong; mend it so\n"


def test_who_has_seen_enough_of_an_output_is_told_no_failure() -> None:
    """As by `swerve openapi | head`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "openapi"],
        env=environment_for({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(60)


@pytest.mark.parametrize("command", ["keys", "replay"])
def test_only_commands_on_logs_name_the_extra(command: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, f"service.commands.{command}", None)
    with pytest.raises(ModuleNotFoundError if command == "keys" else SystemExit):
        load_command(command)
    assert ("pip install 'swerve[calibrate]'" in capsys.readouterr().err) == (command == "replay")
