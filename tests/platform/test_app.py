"""The app over a real Postgres and a fake encoder: its start, its health and its document."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numba
import numpy as np
import pytest
from fastapi import FastAPI

from service import __version__
from service.app import _warm_detector, create_app
from service.database import migrate
from service.database.engine import DatabaseAwayError
from service.detection.profile import ProfileError
from service.encoder import FakeEncoder, ModelFolderError
from service.errors import StartError
from service.identity import UserKeySecretError
from service.policy import experts
from service.policy.memory import Behavior, assemble
from service.policy.ranking import learn
from service.resources import Resources, detector_params
from service.settings import Settings
from service.system.service import HEALTHY_FOR_S, ReadinessProbe

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(settings: Settings, encoder: FakeEncoder) -> AsyncIterator[FastAPI]:
    app = create_app(settings, encoder=encoder)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def forget_verdict(app: FastAPI) -> Resources:
    """Have the next probe check anew, as it does some seconds later."""
    resources: Resources = app.state.resources
    app.state.readiness = ReadinessProbe(resources)
    return resources


async def failed_checks(client: httpx.AsyncClient) -> dict[str, str]:
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"]
    assert response.json()["type"] == "/problems/not-ready"
    return {check["name"]: check["detail"] for check in response.json()["checks"] if not check["ok"]}


async def test_ready_when_all_is_right(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert [(check["name"], check["ok"]) for check in ready.json()["checks"]] == [
        ("model", True),
        ("database", True),
        ("migrations", True),
    ]


async def test_not_ready_without_a_right_model(app: FastAPI, client: httpx.AsyncClient, encoder: FakeEncoder) -> None:
    encoder.canary_right = False
    forget_verdict(app)
    assert list(await failed_checks(client)) == ["model"]
    encoder.canary_right = True
    assert (await client.get("/readyz")).status_code == 200  # a bad verdict is not kept
    encoder.canary_right = False
    assert (await client.get("/livez")).status_code == 200


async def test_not_ready_without_its_schema(app: FastAPI, client: httpx.AsyncClient) -> None:
    await migrate.downgrade(forget_verdict(app).engine, "base")
    assert "swerve migrate" in (await failed_checks(client))["migrations"]


async def test_not_ready_without_its_database(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings, postgres_url: str
) -> None:
    resources = forget_verdict(app)
    assert settings.database_url is not None
    name = settings.database_url.get_secret_value().partition("?")[0].rpartition("/")[2]
    other = await asyncpg.connect(postgres_url)
    # Nobody may connect any more, and our connections are closed: as good as away.
    await other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await other.close()
    await resources.engine.dispose()
    assert await failed_checks(client) == {"database": "cannot be reached"}


async def test_not_ready_while_stopping(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.resources.draining = True
    assert await failed_checks(client) == {"running": "stopping"}
    assert (await client.get("/livez")).status_code == 200


async def test_a_good_verdict_is_kept_for_some_seconds(app: FastAPI, encoder: FakeEncoder) -> None:
    now = 100.0
    probe = ReadinessProbe(app.state.resources, clock=lambda: now)
    await probe.check()
    encoder.canary_right = False
    now += HEALTHY_FOR_S - 0.1
    await probe.check()
    now += 0.2
    with pytest.raises(Exception, match="not ready"):
        await probe.check()


async def test_model_says_what_is_loaded(app: FastAPI, client: httpx.AsyncClient, encoder: FakeEncoder) -> None:
    profile = app.state.resources.profile
    expected = dataclasses.asdict(encoder.info) | {"profile": profile.id}
    assert (await client.get("/model")).json() == expected


async def test_a_shipped_profile_of_another_model_is_not_used(
    settings: Settings, profile_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.profiles.store.DEFAULT_PROFILE", profile_path)
    app = create_app(settings.model_copy(update={"profile": None}), encoder=FakeEncoder(dim=16))
    async with app.router.lifespan_context(app):
        assert app.state.resources.profile is None


async def test_a_start_that_cannot_succeed_fails(settings: Settings, encoder: FakeEncoder, tmp_path: Path) -> None:
    encoder.canary_right = False
    broken = FakeEncoder(dim=8)
    broken.canary_right = False
    cases: list[tuple[dict[str, object], FakeEncoder | None, type[Exception]]] = [
        ({}, broken, StartError),
        ({"migrate_on_start": False}, FakeEncoder(dim=8), StartError),
        ({"model_dir": tmp_path / "missing"}, None, ModelFolderError),
        ({"profile": tmp_path / "missing"}, FakeEncoder(dim=8), ProfileError),
        ({"profile": None}, FakeEncoder(dim=4096), StartError),  # its vectors are too long for a user's state
        ({}, FakeEncoder(dim=16), ProfileError),  # asked for by name, so its misfit is an error
        ({"database_url": "postgresql://u@127.0.0.1:1/d"}, FakeEncoder(dim=8), DatabaseAwayError),
    ]
    for changes, used, error in cases:
        app = create_app(Settings(**(settings.model_dump() | changes)), encoder=used)
        with pytest.raises(error):
            async with app.router.lifespan_context(app):
                pytest.fail("started")


async def test_a_replica_with_another_secret_does_not_start(app: FastAPI, settings: Settings, tmp_path: Path) -> None:
    assert app.state.resources.user_key_secret
    replica = create_app(settings.model_copy(update={"data_dir": tmp_path / "other"}), encoder=FakeEncoder(dim=8))
    with pytest.raises(UserKeySecretError):
        async with replica.router.lifespan_context(replica):
            pytest.fail("started")


def test_the_document_needs_nothing_and_names_every_operation() -> None:
    document = create_app(Settings.model_construct()).openapi()
    assert document["info"]["version"] == __version__
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert {"get_livez", "get_readyz", "get_model"} <= operations
    assert set(document["paths"]["/readyz"]["get"]["responses"]) == {"200", "500", "503"}
    assert "HTTPValidationError" not in str(document)


def test_a_start_compiles_what_the_first_recommendation_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    seen: list[tuple[object, ...]] = []
    compiled = experts._mix

    def noting(*arguments: Any) -> Any:
        seen.append(tuple(numba.typeof(argument) for argument in arguments))  # type: ignore[no-untyped-call]
        return compiled(*arguments)

    monkeypatch.setattr(experts, "_mix", noting)
    _warm_detector(settings, 8, None)
    (warm,) = seen
    codes = np.eye(8, dtype=np.int8)[:3] * 127
    rows = [Behavior(n, f"e{n}", None, 1.0, codes[n].tobytes(), 1 / 127) for n in range(3)]
    memory = assemble(rows, detector_params(settings, 8, None).empty(), 8)
    learn(memory, np.eye(8, dtype=np.float32), np.full(8, 1 / 8, np.float32))
    assert seen == [warm, warm]
