"""What every folder of tests shares: the exported model, and the service as a real process on a real Postgres.

`tests.app` has what an app in the tests' own process needs.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

pytest_plugins = ["tests.app"]

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it have random names, and are closed to others
"""Where Linux has files in memory. The tests end processes in every way, but never the machine, so that what is there
is as safe as on a disk; and Postgres, which waits for the disk at every step, starts in a fraction of the time."""
ENOUGH_MEMORY = 4 * 2**30


class Server:
    """`swerve serve` as a process of its own, on a free port."""

    def __init__(self, data_dir: Path, log: IO[str], environment: dict[str, str]) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve", "--port", "0"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if "http://" not in line:
            self.process.wait(START_SECONDS)
            raise AssertionError(f"the service did not start: {line}{Path(log.name).read_text()}")
        self.url = line[line.index("http://") :].split()[0]
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait, and give the exit code."""
        self.client.close()
        self.process.send_signal(how)
        code = self.process.wait(START_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


Serve = Callable[..., Server]


def clean_environment() -> dict[str, str]:
    """The environment without any setting of the service."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("SWERVE_") and name != "DATABASE_URL"
    }


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder outside pytest's own, which a second run of pytest would close to the embedded Postgres's user.

    In memory, where there is room.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_MEMORY
    with tempfile.TemporaryDirectory(prefix="swerve-test-", dir=MEMORY if roomy else None) as folder:
        yield Path(folder).resolve()


@contextmanager
def serving(folder: Path, model_dir: Path) -> Iterator[Serve]:
    """Starts servers on the folder's data, and stops what is left of them."""
    started: list[Server] = []

    def start(data: str = "data", **settings: str) -> Server:
        environment = clean_environment() | {"SWERVE_DATA_DIR": str(folder / data), "SWERVE_MODEL_DIR": str(model_dir)}
        environment["SWERVE_DRAIN_DELAY_SECONDS"] = "0"  # no load balancer is there to look at /readyz before the end
        environment |= {f"SWERVE_{name.upper()}": value for name, value in settings.items()}
        with (folder / f"server-{len(started)}.log").open("w") as log:
            started.append(Server(folder / data, log, environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """The default model, exported: SWERVE_TEST_MODEL, or models/default as make leaves it."""
    given = os.environ.get("SWERVE_TEST_MODEL")
    folder = Path(given) if given else ROOT / "models" / "default"
    if not (folder / "manifest.json").exists():
        subprocess.run([sys.executable, "-m", "onnx_export", "--out", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="session")
def server(model_dir: Path) -> Iterator[Server]:
    """One service for all tests that do not stop it; each uses users of its own."""
    with data_folder() as folder, serving(folder, model_dir) as start:
        yield start()


@pytest.fixture
def serve(model_dir: Path) -> Iterator[Serve]:
    """`serve(data="data", **settings)`: services for one test, which may stop them as it likes."""
    with data_folder() as folder, serving(folder, model_dir) as start:
        yield start


@pytest.fixture
def api(server: Server) -> httpx.Client:
    """A client of the shared service."""
    return server.client


@pytest.fixture(scope="session")
def themes() -> dict[str, list[str]]:
    data: dict[str, list[str]] = json.loads(
        (Path(__file__).parent / "data" / "themes.json").read_text(encoding="utf-8")
    )
    return data
