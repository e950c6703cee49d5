"""Run by Alembic for every command: binds it to the connection that `service.database.migrate` opened."""

from alembic import context
from sqlalchemy import Connection

import service.database.tables as _tables  # noqa: F401 - imported for what it adds to the metadata
from service.database.base import Base


def run() -> None:
    """Run the migrations in the caller's transaction.

    Raises:
        RuntimeError: started by the `alembic` command, which has no connection.
    """
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("no connection: use `swerve migrate`, or `python -m migrations TITLE` for a new step")
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    context.run_migrations()


run()
