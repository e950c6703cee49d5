"""The real service as a process of its own, on a database that is thrown away afterwards."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 60


class ServiceError(Exception):
    """The service did not start, is away, or refused a request; the message says why."""


@contextmanager
def service(url: str | None, model: Path) -> Iterator[str]:
    """The address of a running service: the given one, or one started here on a temporary folder, and stopped.

    Args:
        url: of a service that runs; None to start one.
        model: folder of the model of a service started here.

    Raises:
        ServiceError: it does not start, with what it said.
    """
    if url is not None:
        yield url
        return
    with running(model) as started:
        yield started.url


@dataclass(frozen=True, slots=True)
class Running:
    """A server in a process of its own.

    Attributes:
        url: its address.
        pid: its process.
    """

    url: str
    pid: int


@contextmanager
def running(
    model: Path,
    settings: Mapping[str, str] = MappingProxyType({}),
    *,
    module: Sequence[str] = ("service", "serve"),
) -> Iterator[Running]:
    """A service started on a temporary folder, and stopped.

    Args:
        model: folder of its model.
        settings: environment variables of the service, besides the folders.
        module: what is run instead of the service; it must take `--port 0` and say its address on its first line.

    Raises:
        ServiceError: it does not start, with what it said.
    """
    command = [sys.executable, "-m", *module, "--port", "0"]
    with tempfile.TemporaryDirectory(prefix="swerve-demo-") as folder:
        log = Path(folder) / "service.log"
        environment = _environment(Path(folder) / "data", model.resolve()) | dict(settings)
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            try:
                yield Running(_address(process, log), process.pid)
            finally:
                _stop(process)


def _environment(data: Path, model: Path) -> dict[str, str]:
    """Without settings of the caller's own service: its database must not be written to."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWERVE_")}
    kept.pop("DATABASE_URL", None)
    return kept | {"SWERVE_DATA_DIR": str(data), "SWERVE_MODEL_DIR": str(model)}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    found = re.search(r"http://\S+", line)
    if found is None:
        process.wait(STOP_SECONDS)
        raise ServiceError(f"the service did not start: {log.read_text(encoding='utf-8').strip() or line.strip()}")
    return found[0]


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)  # unlike SIGTERM, it does not wait for a load balancer to notice
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
