"""Processes, found and waited for."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest


@pytest.fixture
def postmasters() -> Callable[[Path], list[int]]:
    """Finds the process numbers of the Postgres servers of a data folder."""

    def find(data_dir: Path) -> list[int]:
        return [
            process.pid
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"] == "postgres" and str(data_dir / "postgres") in (process.info["cmdline"] or [])
        ]

    return find


@pytest.fixture
def await_end() -> Callable[[int], None]:
    """Waits until a process is gone; one that nobody collects counts as gone."""

    def wait(pid: int) -> None:
        deadline = time.monotonic() + 20
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    return wait
