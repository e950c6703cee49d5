"""Values that every replica on one database must agree on."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from service.database.sessions import WriteSession
from service.database.tables import InstallationRow


async def claim(session: WriteSession, name: str, value: str) -> str:
    """Record a value under that name if it has none, and return the one that holds."""
    await session.execute(
        insert(InstallationRow).values(name=name, value=value).on_conflict_do_nothing(index_elements=["name"])
    )
    # Locked, so that of several who go on to replace it each sees what the one before made of it.
    query = select(InstallationRow.value).where(InstallationRow.name == name).with_for_update()
    held = await session.scalars(query)
    return held.one()


async def find(session: WriteSession, name: str) -> str | None:
    """The value under that name, without a lock; None where there is none."""
    return (await session.scalars(select(InstallationRow.value).where(InstallationRow.name == name))).one_or_none()


async def replace(session: WriteSession, name: str, value: str) -> None:
    """Give the name another value in the transaction that claimed it."""
    await session.execute(update(InstallationRow).where(InstallationRow.name == name).values(value=value))
