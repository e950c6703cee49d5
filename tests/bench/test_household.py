"""The demo: real baskets, replayed through the real service, and a picture of what came of it."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bench.household.data import DataError, household, tables
from tests.conftest import ROOT, Server


def test_baskets_are_in_order_with_texts_and_unique_events() -> None:
    baskets = household(979, *tables())
    times = [basket.occurred_at for basket in baskets]
    lines = [line for basket in baskets for line in basket.lines]
    assert len(baskets) > 90
    assert times == sorted(times)
    assert all(line.text.strip() and line.category for line in lines)
    assert len({line.event_id for line in lines}) == len(lines)


def test_an_unknown_household_names_some_that_exist() -> None:
    with pytest.raises(DataError, match="--household"):
        household(10**9, *tables())


def test_the_picture_of_some_baskets(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "demo.png"
    command = [sys.executable, "-m", "bench.household", "--out", str(out), "--url", server.url, "--baskets", "25"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "in 25 baskets" in said
    assert "carried by: scoop litter cat" in said
    data = out.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1600, 1150)
    assert len(data) > 50_000
    history = server.client.get("/users/household-979/history", params={"limit": 200}).json()["items"]
    assert len(history) >= 25
