"""`python -m migrations TITLE` writes a new step: what the tables differ in from the schema. Read it, then edit."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from service.database import migrate
from service.database.embedded import embedded_postgres
from service.database.engine import make_engine


async def write_step(title: str) -> None:
    """Compare the tables with a throw-away database at the newest revision, and write the step between them."""

    def compare(connection: Connection) -> None:
        command.revision(migrate.make_config(connection), title, autogenerate=True)

    with tempfile.TemporaryDirectory() as folder:
        async with embedded_postgres(Path(folder)) as url:
            engine = make_engine(url)
            await migrate.upgrade(engine)
            async with engine.begin() as connection:
                await connection.run_sync(compare)
            await engine.dispose()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m migrations TITLE")
    asyncio.run(write_step(sys.argv[1]))
