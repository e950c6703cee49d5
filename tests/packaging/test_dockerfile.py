"""The Dockerfile's steps are those of make, with files that exist, and the images end as they should."""

import os
import re
import shutil
import subprocess

import pytest

from service.settings import Settings
from tests.conftest import ROOT
from tests.packaging import dockerfile

TARGETS = ("cpu", "gpu")


def without_flags(command: str) -> str:
    """A step as make and the Dockerfile have it in common."""
    command = re.sub(r"^exec |^\S*bin/", "", command)
    command = re.sub(r"^python[0-9.]+ ", "python ", command)
    # Hashes are checked by make too, without the flag; one installs to be edited, the other to stay, compiled.
    return re.sub(r" --(no-cache-dir|no-compile|require-hashes|editable)\b", "", command)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_steps_are_those_of_make() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--always-make", "run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    of_make = [without_flags(line) for line in told.stdout.splitlines() if not line.startswith("touch ")]
    of_the_image = [*dockerfile.rests("export", "RUN"), " ".join(dockerfile.command("cpu"))]
    assert [without_flags(step) for step in of_the_image] == of_make


def test_what_is_copied_exists_and_nothing_else_is_let_through() -> None:
    copied = {
        source
        for instructions in dockerfile.stages().values()
        for instruction in instructions
        if instruction.is_copy_of_sources
        for source in instruction.rest.split()[:-1]
    }
    assert [source for source in copied if not (ROOT / source).exists()] == []
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert {source.split("/")[0] for source in copied} == let_through


def test_every_image_it_begins_with_has_a_version() -> None:
    for stage in dockerfile.stages():
        for image in dockerfile.rests(stage, "FROM"):
            name, _, tag = image.partition(":")
            assert name
            assert re.match(r"\d", tag), image


def test_the_service_is_taken_from_the_stages_without_the_export() -> None:
    sources = {target: dockerfile.rests(target, "COPY")[-1] for target in TARGETS}
    assert sources == {
        "cpu": "--from=service /app/.venv .venv",
        "gpu": "--from=service-gpu /app/.venv .venv",
    }
    for stage in ("service", "service-gpu"):
        assert "export.txt" not in " ".join(dockerfile.rests(stage, "RUN"))


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_not_run_as_root(target: str) -> None:
    (user,) = dockerfile.rests(target, "USER")
    assert int(user) > 0, "a number, so that an orchestrator can see it"
    words = [instruction.word for instruction in dockerfile.stages()[target]]
    assert "RUN" not in words[words.index("USER") :]


@pytest.mark.parametrize("target", TARGETS)
def test_its_parts_agree(target: str) -> None:
    variables = dockerfile.environment(target)
    assert dockerfile.rests(target, "EXPOSE") == [variables["SWERVE_PORT"]]
    assert dockerfile.rests(target, "VOLUME") == [variables["SWERVE_DATA_DIR"]]
    assert variables["SWERVE_HOST"] == "0.0.0.0"  # noqa: S104 - a container is reached from outside of it
    assert variables["ORT_DISABLE_TELEMETRY"] == "1"
    assert "/readyz" in " ".join(dockerfile.exec_form(target, "HEALTHCHECK"))


@pytest.mark.parametrize("target", TARGETS)
def test_its_settings_exist(target: str) -> None:
    known = {f"SWERVE_{name.upper()}" for name in Settings.model_fields}
    given = {name for name in dockerfile.environment(target) if name.startswith("SWERVE_")}
    assert given <= known
