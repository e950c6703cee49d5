"""compose.yaml fits the Dockerfile and the settings."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from service.access.local import is_loopback
from service.server import GRACE_S
from service.settings import Settings
from tests.conftest import ROOT
from tests.packaging import dockerfile

GIVEN = {"POSTGRES_PASSWORD": "0123456789abcdef", "SWERVE_USER_KEY_SECRET": "0123456789abcdef0123456789abcdef"}
"""What an operator puts into .env."""

SERVICES = {"swerve": "cpu", "swerve-gpu": "gpu"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def filled_in(value: str) -> str:
    """A value with its variables; each must be required, with a message that says what to set it to."""
    filled = re.sub(r"\$\{(\w+):\?[^}]*openssl rand[^}]*\}", lambda found: GIVEN[found[1]], value)
    assert "$" not in filled, value
    return filled


@pytest.mark.parametrize("name", SERVICES)
def test_the_service_starts_with_what_it_is_given(
    compose: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose["services"][name]
    assert service["build"]["target"] == SERVICES[name]
    assert SERVICES[name] in dockerfile.stages()
    assert set(service["environment"]) == {"DATABASE_URL", "SWERVE_USER_KEY_SECRET"}
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, filled_in(value))
    settings = Settings()
    assert settings.user_key_secret is not None
    assert settings.database_url is not None


@pytest.mark.parametrize("name", SERVICES)
def test_the_address_is_that_of_the_postgres(compose: dict[str, Any], name: str) -> None:
    postgres = {key: filled_in(value) for key, value in compose["services"]["postgres"]["environment"].items()}
    address = filled_in(compose["services"][name]["environment"]["DATABASE_URL"])
    user, password, database = (postgres[f"POSTGRES_{part}"] for part in ("USER", "PASSWORD", "DB"))
    assert address == f"postgresql://{user}:{password}@postgres:5432/{database}"


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_a_healthy_postgres(compose: dict[str, Any], name: str) -> None:
    assert compose["services"][name]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    check = compose["services"]["postgres"]["healthcheck"]["test"]
    # On its socket the server answers already while the image is still making the database.
    assert check[:4] == ["CMD", "pg_isready", "--host", "127.0.0.1"]


@pytest.mark.parametrize("name", SERVICES)
def test_it_may_finish_its_requests(compose: dict[str, Any], name: str) -> None:
    seconds = re.fullmatch(r"(\d+)s", compose["services"][name]["stop_grace_period"])
    assert seconds is not None
    drain: float = Settings.model_fields["drain_delay_seconds"].default
    assert int(seconds[1]) > drain + GRACE_S


@pytest.mark.parametrize("name", SERVICES)
def test_it_may_write_where_it_keeps_data_and_nowhere_else(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    (volume, _, folder) = service["volumes"][0].partition(":")
    assert volume in compose["volumes"]
    assert folder == dockerfile.environment(SERVICES[name])["SWERVE_DATA_DIR"]
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_reached_from_other_machines_and_its_postgres_is_not(compose: dict[str, Any], name: str) -> None:
    variables = dockerfile.environment(SERVICES[name])
    port = variables["SWERVE_PORT"]
    assert compose["services"][name]["ports"] == [f"{port}:{port}"]
    assert not is_loopback(variables["SWERVE_HOST"]), "or it would be open to all without a key"
    assert "ports" not in compose["services"]["postgres"]


def test_the_first_key_is_made_as_it_says() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (told,) = re.findall(r"docker compose run --rm --build swerve (keys create .*)", text)
    made = subprocess.run(
        [sys.executable, "-m", "service", *told.split()[:2], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for option in re.findall(r"--[a-z-]+", told):
        assert option in made.stdout
    # What is told is what follows the image's entry point.
    assert dockerfile.exec_form("cpu", "ENTRYPOINT") == ["swerve"]


def test_only_the_one_for_a_gpu_asks_for_one(compose: dict[str, Any]) -> None:
    assert "deploy" not in compose["services"]["swerve"]
    gpu = compose["services"]["swerve-gpu"]
    assert gpu["profiles"] == ["gpu"], "not started unless named"
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_postgres_has_a_version_and_keeps_its_data(compose: dict[str, Any]) -> None:
    postgres = compose["services"]["postgres"]
    tag = re.fullmatch(r"pgvector/pgvector:pg(\d+)", postgres["image"])
    assert tag is not None
    # Since version 18 the image keeps its data below this folder, by version.
    assert int(tag[1]) >= 18
    (volume, _, folder) = postgres["volumes"][0].partition(":")
    assert volume in compose["volumes"]
    assert folder == "/var/lib/postgresql"
