"""One request is one transaction, committed before the response is sent."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.sessions import read_sessions, write_sessions
from service.database.turns import Turns
from service.dependencies import ReadSessionDependency, WriteSessionDependency
from service.encoder import FakeEncoder
from service.problem_handlers import install_handlers
from service.problems import UnknownUser
from service.resources import Resources
from service.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(engine: AsyncEngine, encoder: FakeEncoder) -> FastAPI:
    async with engine.begin() as connection:
        # The check comes at commit, as the failure of a commit does.
        await connection.execute(text("CREATE TABLE notes (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"))
    app = FastAPI()
    install_handlers(app)
    app.state.resources = Resources(
        settings=Settings(),
        encoder=encoder,
        engine=engine,
        turns=Turns(3),
        statements=engine.execution_options(isolation_level="AUTOCOMMIT"),
        read_sessions=read_sessions(engine),
        write_sessions=write_sessions(engine),
        profile=None,
        user_key_secret=b"secret",
    )

    @app.post("/notes/{note}", status_code=201)
    async def write(note: int, session: WriteSessionDependency) -> int:
        await session.execute(text("INSERT INTO notes VALUES (:note)"), {"note": note})
        return note

    @app.post("/failing/{note}")
    async def fail(note: int, session: WriteSessionDependency) -> int:
        await write(note, session)
        raise UnknownUser

    @app.get("/notes")
    async def count(session: ReadSessionDependency) -> int:
        return int(await session.scalar(text("SELECT count(*) FROM notes")) or 0)

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_a_write_is_there_when_its_response_is(client: httpx.AsyncClient) -> None:
    assert (await client.post("/notes/1")).status_code == 201
    assert (await client.get("/notes")).json() == 1


async def test_a_failed_commit_fails_the_request(client: httpx.AsyncClient) -> None:
    await client.post("/notes/1")
    assert (await client.post("/notes/1")).status_code == 500
    assert (await client.get("/notes")).json() == 1


async def test_an_error_rolls_back(client: httpx.AsyncClient) -> None:
    assert (await client.post("/failing/1")).status_code == 404
    assert (await client.get("/notes")).json() == 0


async def test_a_read_session_cannot_write_and_leaves_the_connection_writable(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    resources: Resources = app.state.resources
    with pytest.raises(DBAPIError, match="read-only"):
        async with resources.read_sessions() as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
    for note in range(4):  # more than the pool has, so that every connection is met again
        assert (await client.post(f"/notes/{note}")).status_code == 201
