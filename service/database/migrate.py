"""Alembic without an ini file: the schema is moved by the service itself, over its own engine."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import migrations
from service.errors import OperatorError, StartError

T = TypeVar("T")

LOCK_KEY = 0x5E47E5
"""Key of the advisory lock under which migrations run; any constant that no other program on the database uses."""

FILE_TEMPLATE = "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s"


class MigrationError(OperatorError):
    """The schema cannot be moved as asked; the message says why and what to do."""


def make_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the `migrations` package, bound to an open connection where one is given."""
    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("file_template", FILE_TEMPLATE)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this version of the service knows.

    Raises:
        MigrationError: the migrations have no single end.
    """
    try:
        revision = ScriptDirectory.from_config(make_config()).get_current_head()
    except CommandError as error:
        raise MigrationError(f"the migrations have no single newest revision: {error}") from error
    if revision is None:
        raise MigrationError("no migrations are installed")
    return revision


async def current(engine: AsyncEngine) -> str | None:
    """The revision that the database is at; None for a database without our tables."""
    async with engine.connect() as connection:
        return await connection.run_sync(_current)


async def is_current(engine: AsyncEngine) -> bool:
    """Whether the database is at this version's newest revision."""
    return await current(engine) == head()


async def require_current(engine: AsyncEngine, *, upgrading: bool = False) -> None:
    """See to it that the schema is up to date, or refuse to go on.

    Args:
        engine: of the database.
        upgrading: bring it up to date where it is not.

    Raises:
        StartError: it is not up to date.
        MigrationError: it cannot be brought up to date.
    """
    if upgrading:
        await upgrade(engine)
    elif not await is_current(engine):
        raise StartError("the database's schema is not current; run `swerve migrate`")


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Move the schema forward, all steps in one transaction.

    Several replicas may call this at once: the first does the work while the others wait, then find nothing to do.

    Raises:
        MigrationError: an unknown revision, or a database that a newer version has migrated.
    """
    await _locked(engine, lambda connection: command.upgrade(make_config(connection), revision))


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Move the schema back to that revision, `base` for an empty database. Data in dropped tables is lost.

    Raises:
        MigrationError: as for `upgrade`.
    """
    await _locked(engine, lambda connection: command.downgrade(make_config(connection), revision))


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _locked(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    async with engine.begin() as connection:
        # A large table may take longer than a request may; both end with this transaction.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        try:
            return await connection.run_sync(work)
        except CommandError as error:
            at = await connection.run_sync(_current)
            raise MigrationError(
                f"cannot migrate from revision {at}: {error}. If a newer version of Swerve has migrated this "
                "database, run that version, or have it migrate down first"
            ) from error
