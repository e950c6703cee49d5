"""Sessions of two types, so that a function's signature says whether it may write."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker


class ReadSession(AsyncSession):
    """A read-only transaction: Postgres itself refuses writes in it."""


class WriteSession(AsyncSession):
    """A transaction that may write, committed by who opened it, never by a repository."""


def read_sessions(engine: AsyncEngine) -> async_sessionmaker[ReadSession]:
    """Makes sessions whose transactions are READ ONLY; they share the engine's pool."""
    return async_sessionmaker(
        engine.execution_options(postgresql_readonly=True), class_=ReadSession, expire_on_commit=False
    )


def write_sessions(engine: AsyncEngine) -> async_sessionmaker[WriteSession]:
    """Makes sessions that may write. Use `async with make.begin() as session`."""
    return async_sessionmaker(engine, class_=WriteSession, expire_on_commit=False)


async def as_of_one_moment(session: ReadSession) -> None:
    """Have all that is read in this transaction be as it was at the first read. Call it before that."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
