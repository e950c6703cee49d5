import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import service.database.tables as _tables  # noqa: F401 - imported for what it adds to the metadata
from service.database import migrate
from service.database.base import Base
from service.database.engine import make_engine
from service.database.migrate import MigrationError
from service.identity import fingerprint, key_id

pytestmark = pytest.mark.anyio


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
    )
    return list(compare_metadata(context, Base.metadata))


async def tables(engine: AsyncEngine) -> set[str]:
    async with engine.connect() as connection:
        found = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        return set(found)


async def test_up_down_and_up_again(engine: AsyncEngine) -> None:
    assert await migrate.current(engine) is None
    assert not await migrate.is_current(engine)
    await migrate.upgrade(engine)
    assert await migrate.is_current(engine)
    made = await tables(engine)
    assert set(Base.metadata.tables) <= made
    await migrate.downgrade(engine, "base")
    assert await tables(engine) == {"alembic_version"}
    await migrate.upgrade(engine)
    assert await tables(engine) == made
    assert await migrate.current(engine) == migrate.head()


async def test_the_models_are_the_schema(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(text("ALTER TABLE installation ADD COLUMN surplus int"))
        assert len(await connection.run_sync(differences)) == 1  # so the comparison does compare


async def test_users_from_before_keys_had_ids_are_of_the_first_secret(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine, "20261124_initial")
    secret = b"0123456789abcdef"
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO user_states (domain, user_key) VALUES ('d', 'k')"))
        await connection.execute(text("INSERT INTO tombstones VALUES ('d', 'k', now())"))
        bound = text("INSERT INTO installation VALUES ('user_key_fingerprint', :fingerprint)")
        await connection.execute(bound, {"fingerprint": fingerprint(secret)})
    await migrate.upgrade(engine)
    async with engine.begin() as connection:
        for table in ("user_states", "tombstones"):
            assert (await connection.scalars(text(f"SELECT key_id FROM {table}"))).all() == [key_id(secret)]  # noqa: S608
        await connection.execute(text("INSERT INTO user_states (domain, user_key) VALUES ('d', 'l')"))
        assert await connection.scalar(text("SELECT key_id FROM user_states WHERE user_key = 'l'")) is None


async def test_items_seen_before_first_times_were_kept_were_seen_first_when_last(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine, "20261124_newest")
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO seen_items (domain, user_key, item_id, seen_at) "
                "SELECT 'd', 'k', CAST(n AS text), now() - make_interval(days => n) FROM generate_series(1, 3) AS n"
            )
        )
    await migrate.upgrade(engine)
    async with engine.begin() as connection:
        rows = (await connection.execute(text("SELECT item_id, seen_at, first_seen_at FROM seen_items"))).all()
    assert {row.item_id for row in rows} == {"1", "2", "3"}
    assert all(row.first_seen_at == row.seen_at for row in rows)


async def test_replicas_that_start_at_once_wait_for_the_first(database_url: str) -> None:
    engines = [make_engine(database_url, pool_size=1) for _ in range(4)]
    await asyncio.gather(*(migrate.upgrade(engine) for engine in engines))
    assert await migrate.is_current(engines[0])
    for engine in engines:
        await engine.dispose()


async def test_a_database_of_a_newer_version_is_refused(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    assert not await migrate.is_current(engine)
    with pytest.raises(MigrationError, match=r"from_the_future.*newer version of Swerve"):
        await migrate.upgrade(engine)


async def test_a_failed_migration_leaves_nothing_half_done(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    before = await tables(engine)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE VIEW reader AS SELECT * FROM user_states"))
    with pytest.raises(Exception, match=r"cannot drop .*table user_states"):
        await migrate.downgrade(engine, "base")
    assert await tables(engine) == before
    assert await migrate.is_current(engine)
