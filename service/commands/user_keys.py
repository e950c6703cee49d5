"""`swerve user-keys`: how far a change of the user-key secret has come, and a way to bring it to its end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from service.commands.progress import progress_bar
from service.database import migrate
from service.database.opening import open_engine
from service.database.sessions import read_sessions, write_sessions
from service.errors import InputError
from service.identity import check_secret, key_id, load_other_secrets, load_secret, user_keys
from service.settings import Settings
from service.users import repository

MAX_ID_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Secrets:
    """The service's own secret, and those beside it."""

    present: bytes
    others: tuple[bytes, ...]

    def role(self, name: str | None) -> str:
        """What the secret of that key id is to the service."""
        if name is None:
            return "not known"
        if name == key_id(self.present):
            return "present"
        return "previous" if name in map(key_id, self.others) else "not given"


def status(settings: Settings) -> bool:
    """Print how many users and tombstones there are by secret; whether all are under the present one.

    Raises:
        StartError: the schema is not current.
        UserKeySecretError: a secret cannot be read.
    """
    secrets, counted = asyncio.run(_status(settings))
    table = Table("key id", "secret", box=box.SIMPLE)
    table.add_column("users", justify="right")
    table.add_column("tombstones", justify="right")
    for name, (users, tombstones) in sorted(counted.items(), key=lambda item: (secrets.role(item[0]), item[0] or "")):
        table.add_row(name or "-", secrets.role(name), f"{users:,}", f"{tombstones:,}")
    console = Console()
    console.print(table)
    left = sum(sum(pair) for name, pair in counted.items() if secrets.role(name) != "present")
    if left:
        console.print(f"{left:,} are not under the present secret: keep the previous ones.")
    else:
        console.print("All are under the present secret: no previous one is needed.")
    return not left


def move(settings: Settings, ids: Path, domain: str) -> str:
    """Move users to the present secret whose ids are in a file, one a line; what came of it, in a line.

    Raises:
        InputError: the file cannot be read, or has a line that is no id.
        StartError: the schema is not current.
        UserKeySecretError: a secret cannot be read or is not the database's.
    """
    moved, read = asyncio.run(_move(settings, ids, domain))
    return f"{moved:,} of {read:,} users were moved to the present secret"


async def _status(settings: Settings) -> tuple[Secrets, dict[str | None, tuple[int, int]]]:
    async with _opened(settings) as (engine, secrets), read_sessions(engine)() as session:
        return secrets, await repository.count_by_key_id(session)


async def _move(settings: Settings, ids: Path, domain: str) -> tuple[int, int]:
    moved = read = 0
    async with _opened(settings) as (engine, secrets):
        sessions = write_sessions(engine)
        async with sessions.begin() as session:
            await check_secret(session, secrets.present, secrets.others)
        with progress_bar() as progress:
            task = progress.add_task("users", total=None)
            for user_id in _ids(ids):
                async with sessions.begin() as session:
                    keys = user_keys(secrets.present, secrets.others, domain, user_id)
                    moved += await repository.bring(session, keys)
                read += 1
                progress.advance(task)
    return moved, read


def _ids(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                user_id = line.rstrip("\r\n")
                if not 0 < len(user_id) <= MAX_ID_CHARACTERS:
                    raise InputError(f"{path}, line {number}: an id has 1 to {MAX_ID_CHARACTERS} characters")
                yield user_id
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: write one user id a line") from error


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[AsyncEngine, Secrets]]:
    present = load_secret(settings)
    secrets = Secrets(present, tuple(other for other in load_other_secrets(settings) if other != present))
    async with open_engine(settings) as engine:
        await migrate.require_current(engine)
        yield engine, secrets
