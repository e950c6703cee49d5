"""What can be shown of the image without a Docker engine: its own steps, run in a clean folder, give a service."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from service.settings import Settings
from tests.conftest import ROOT, clean_environment

KNOWN = ("FROM", "RUN", "COPY", "ENV", "WORKDIR", "EXPOSE", "VOLUME", "USER", "HEALTHCHECK", "CMD")


def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's instructions by stage, each with those of the stages it is built on."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in lines:
        word, _, rest = line.partition(" ")
        assert word in KNOWN, line
        if word == "FROM":
            parent, name = rest.split(" AS ")
            found[name] = [*found.get(parent, [(word, parent)])]
        else:
            found[name].append((word, rest.strip()))
    return found


def runs(stage: str) -> list[str]:
    return [rest for word, rest in stages()[stage] if word == "RUN"]


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A folder in which the runtime stage's own COPY and RUN steps were carried out, with this Python."""
    with tempfile.TemporaryDirectory(prefix="swerve-image-") as name:
        folder = Path(name)
        for word, rest in stages()["service"]:
            if word == "COPY":
                *sources, target = rest.split()
                for source in sources:
                    copy(ROOT / source, folder / target, many=target.endswith("/"))
            if word == "RUN":
                command = re.sub(r"^python ", f"{sys.executable} ", rest.replace("--no-cache-dir", ""))
                subprocess.run(command, shell=True, cwd=folder, check=True, env=clean_environment())  # noqa: S602
        yield folder


def copy(source: Path, target: Path, *, many: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    destination = target / source.name if many else target
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, destination)


def packages(folder: Path) -> set[str]:
    """What is installed there, by name."""
    listed = subprocess.run(
        [folder / ".venv/bin/python", "-m", "pip", "list", "--format", "json"], check=True, capture_output=True
    )
    return {item["name"].lower() for item in json.loads(listed.stdout)}


def test_the_runtime_has_neither_torch_nor_transformers(image: Path) -> None:
    installed = packages(image)
    assert not installed & {"torch", "transformers", "optimum", "optimum-onnx", "onnx"}
    assert len(installed & {"onnxruntime", "onnxruntime-gpu"}) == 1
    assert "swerve" in installed


def test_the_runtime_serves(image: Path, model_dir: Path) -> None:
    (command,) = (json.loads(rest) for word, rest in stages()["cpu"] if word == "CMD")
    os.chmod(image, 0o755)  # noqa: PTH101, S103 - the embedded Postgres's user must reach its data
    settings = {"SWERVE_DATA_DIR": str(image / "data"), "SWERVE_MODEL_DIR": str(model_dir), "SWERVE_PORT": "0"}
    process = subprocess.Popen(
        [image / ".venv/bin" / command[0], *command[1:]],
        cwd=image / ".venv",  # not beside the sources: what is installed must be enough
        env=clean_environment() | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url is not None
        behavior = {"text": "trail running shoes", "occurred_at": "2026-01-05T10:00:00Z"}
        answer = httpx.post(f"{url[0]}/detect", json={"user_id": "u", "behaviors": [behavior]}, timeout=30).json()
        assert (answer["accepted"], answer["status"]) == (1, "warming_up")
        assert answer["profile"] is not None
    finally:
        process.terminate()
        assert process.wait(60) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_its_steps_are_those_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for stage in ("service", "export"):
        for step in runs(stage):
            wanted = step.removeprefix(".venv/bin/python -m pip install --quiet --disable-pip-version-check ")
            wanted = wanted.removeprefix(".venv/bin/python -m ").replace("--no-cache-dir ", "")
            wanted = wanted.replace("--require-hashes ", "").replace("models/default", "$(MODEL)")
            wanted = re.sub(r"\.$", "--editable .", wanted.replace("python -m venv .venv", "-m venv $(VENV)"))
            assert wanted in makefile, wanted


def test_it_is_not_run_as_root_and_says_when_it_is_well() -> None:
    for target in ("cpu", "gpu"):
        words = dict(stages()[target])
        assert words["USER"] not in ("root", "0")
        assert "/readyz" in words["HEALTHCHECK"]
        assert words["CMD"].startswith("[")
        for instruction, rest in stages()[target]:
            if instruction == "FROM":
                assert ":" in rest
                assert not rest.endswith(":latest")


def test_what_is_copied_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    for steps in stages().values():
        for word, rest in steps:
            if word == "COPY" and not rest.startswith("--from"):
                for source in rest.split()[:-1]:
                    assert (ROOT / source).exists(), source
                    assert source.split("/")[0] in let_through, source


def test_the_settings_it_makes_exist() -> None:
    names = {f"SWERVE_{name.upper()}" for name in Settings.model_fields} | {"PATH", "DATABASE_URL"}
    for steps in stages().values():
        for word, rest in steps:
            if word == "ENV":
                assert {pair.split("=")[0] for pair in rest.split()} <= names
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for service in ("swerve", "swerve-gpu"):
        told = compose["services"][service]
        assert set(told["environment"]) <= names
        assert told["build"]["target"] in stages()
        assert told["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in compose["services"]["postgres"]
