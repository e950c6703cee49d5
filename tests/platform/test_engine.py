import socket

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database.engine import DatabaseAwayError, is_away, make_engine, normalize_url

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("postgres://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
        ("postgresql+asyncpg://u@h/d?ssl=require", "postgresql://u@h/d?sslmode=require"),
        ("postgresql://u@h/d?sslmode=verify-full&channel_binding=require", "postgresql://u@h/d?sslmode=verify-full"),
        ("postgresql://u:p%40ss@[::1]:5432/d", "postgresql://u:p%40ss@[::1]:5432/d"),
        (
            "postgresql://u@a:1,b:2/d?target_session_attrs=primary",
            "postgresql://u@a:1,b:2/d?target_session_attrs=primary",
        ),
        (" postgres://u@/d?host=/run/my sockets ", "postgresql://u@/d?host=%2Frun%2Fmy+sockets"),
    ],
)
def test_addresses_as_operators_write_them(written: str, taken: str) -> None:
    assert normalize_url(written) == taken


@pytest.mark.parametrize(
    "bad", ["", "mysql://u@h/d", "postgresql://u@h", "postgresql://u@h:0/d", "postgresql://[::1/d"]
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"must begin|names no database|port|is not an address"):
        normalize_url(bad)


async def test_connections_carry_our_name_and_limits(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert str(await connection.scalar(text("SHOW application_name"))).startswith("swerve/")
        assert await connection.scalar(text("SHOW statement_timeout")) == "30s"


async def test_a_server_that_is_not_there_is_away() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        engine = make_engine(f"postgresql://u@127.0.0.1:{closed.getsockname()[1]}/d")
        with pytest.raises(DatabaseAwayError, match="cannot connect to Postgres") as caught:
            await engine.connect()
    assert is_away(caught.value)


async def test_an_unknown_database_says_its_name(database_url: str) -> None:
    engine = make_engine(database_url.replace("/test_", "/missing_"))
    with pytest.raises(DatabaseAwayError, match="missing_"):
        await engine.connect()


async def test_after_the_server_dropped_its_clients_one_request_fails_and_the_next_works(
    engine: AsyncEngine, database_url: str
) -> None:
    async with engine.connect() as one, engine.connect() as two:
        await one.execute(text("SELECT 1"))
        await two.execute(text("SELECT 1"))
    other = await asyncpg.connect(database_url)
    await other.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1",
        other.get_server_pid(),
    )
    await other.close()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one depends on when the socket notices
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    assert is_away(caught.value)
    for _ in range(3):
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_cancelled_statement_is_away_and_a_broken_rule_is_not(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TEMP TABLE once (id int PRIMARY KEY)"))
        await connection.execute(text("SET statement_timeout = '10ms'"))
        await connection.commit()
        with pytest.raises(DBAPIError) as slow:
            await connection.execute(text("SELECT pg_sleep(5)"))
        assert is_away(slow.value)
        await connection.rollback()
        with pytest.raises(IntegrityError) as broken:
            await connection.execute(text("INSERT INTO once VALUES (1), (1)"))
        assert not is_away(broken.value)


@pytest.mark.parametrize(
    ("state", "away"),
    [
        *((state, True) for state in ("53100", "58030", "XX000", "57P03", "40P01")),
        *((state, False) for state in ("XX001", "42P01", "22P02", "23505")),
    ],
)
async def test_what_a_later_try_may_find_mended_is_away(state: str, away: bool, engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$"))
    assert is_away(raised.value) is away


async def test_no_free_connection_is_away(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.database.engine.CONNECT_TIMEOUT_S", 0.05)
    engine = make_engine(database_url, pool_size=1)
    monkeypatch.undo()
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - SQLAlchemy's own, told by is_away
            await engine.connect()
        assert is_away(caught.value)
    await engine.dispose()


async def test_errors_do_not_repeat_the_values(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT CAST(:text AS int) FROM missing"), {"text": "private words"})
    assert "private words" not in str(caught.value)
