"""Values that every replica on one database must agree on."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from service.database.sessions import WriteSession
from service.database.tables import InstallationRow


async def claim(session: WriteSession, name: str, value: str) -> str:
    """Record a value under that name if it has none, and return the one that holds."""
    await session.execute(
        insert(InstallationRow).values(name=name, value=value).on_conflict_do_nothing(index_elements=["name"])
    )
    held = await session.scalars(select(InstallationRow.value).where(InstallationRow.name == name))
    return held.one()
