"""The service and its Postgres as processes that can be killed, and started again on the same port and data."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types

from service.database.embedded import await_end

ROOT = Path(__file__).parents[2]
END_SECONDS = 60


class StartError(Exception):
    """The service did not start; the message holds what it said."""


class System:
    """`swerve serve` on one port and one data folder, whatever becomes of its processes.

    Args:
        folder: for the data folder and the log; its own, thrown away afterwards.
        model: folder of the exported model.
        settings: environment variables of the service besides.
    """

    def __init__(self, folder: Path, model: Path, **settings: str) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "service.log"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWERVE_")}
        kept.pop("DATABASE_URL", None)
        self._environment = kept | {"SWERVE_DATA_DIR": str(self.data_dir), "SWERVE_MODEL_DIR": str(model.resolve())}
        self._environment |= settings

    def start(self) -> None:
        """Start the service and wait until it listens.

        Raises:
            StartError: it does not.
        """
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service", "serve", "--port", str(self.port)],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if re.search(r"http://\S+", line) is None:
            self._process.wait(END_SECONDS)
            raise StartError(line + self.told())

    def told(self) -> str:
        """The service's log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def process(self) -> subprocess.Popen[str]:
        """The service's process.

        Raises:
            StartError: it was never started.
        """
        if self._process is None:
            raise StartError("the service was not started")
        return self._process

    def end(self, how: signal.Signals) -> int:
        """Send the service a signal, and wait for its end; its exit code."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Wait for the service's end; its exit code."""
        code = self.process.wait(END_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End the service as a crash does. Its Postgres runs on."""
        self.end(signal.SIGKILL)

    def kill_postgres(self) -> None:
        """End every process of the Postgres in the data folder as a crash does."""
        kill_postgres(self.data_dir)

    def close(self) -> None:
        """Stop what still runs."""
        if self._process is not None and self._process.poll() is None:
            self.end(signal.SIGINT)  # unlike SIGTERM, it does not wait for a load balancer to notice
        with suppress(psutil.Error):
            for process in postgres_processes(self.data_dir):
                process.kill()


@contextmanager
def running(folder: Path, model: Path, **settings: str) -> Iterator[System]:
    """A system that is started, and whose processes are gone afterwards."""
    system = System(folder, model, **settings)
    try:
        system.start()
        yield system
    finally:
        system.close()


def kill_postgres(data_dir: Path) -> None:
    """Kill all of a data folder's Postgres at once, and wait until nothing of it is left."""
    processes = postgres_processes(data_dir)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if not await_end(processes, timeout=END_SECONDS):
        raise RuntimeError(f"Postgres outlives SIGKILL: {processes}")


def postgres_processes(data_dir: Path) -> list[psutil.Process]:
    """The postmaster of a data folder, and its children; none where it does not run."""
    folder = str((data_dir / "postgres").resolve())
    return [process for process in psutil.process_iter(["name"]) if _belongs(process, folder)]


def _belongs(process: psutil.Process, folder: str) -> bool:
    try:
        return bool(process.info["name"] == "postgres" and process.cwd() == folder)
    except psutil.Error:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
