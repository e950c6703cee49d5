"""The wheel has everything that the service needs, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging import dockerfile

PACKAGES = ("service", "onnx_export", "migrations")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile copies: elsewhere, since a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("sources")
    for instruction in dockerfile.stages()["service"]:
        if instruction.is_copy_of_sources:
            dockerfile.copy(instruction, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *flags, "."], cwd=sources, check=True)
    (built,) = out.glob("swerve-*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_it_has_every_module(sources: Path, wheel: set[str]) -> None:
    modules = {str(path.relative_to(sources)) for name in PACKAGES for path in (sources / name).rglob("*.py")}
    assert {name for name in wheel if name.endswith(".py")} == modules


def test_it_has_the_migrations(wheel: set[str]) -> None:
    assert "migrations/env.py" in wheel
    assert [name for name in wheel if name.startswith("migrations/versions/2")]


def test_it_has_the_default_profile_and_says_that_it_is_typed(wheel: set[str]) -> None:
    assert {"service/profiles/default.safetensors", "service/py.typed"} <= wheel


def test_it_has_the_command(wheel: set[str]) -> None:
    assert [name for name in wheel if name.endswith(".dist-info/entry_points.txt")]


def test_it_has_nothing_else(wheel: set[str]) -> None:
    roots = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert roots == set(PACKAGES)
