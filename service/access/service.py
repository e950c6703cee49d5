"""Making, listing and revoking API keys, for the command line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from service.access import repository
from service.access.keys import Key, new_key
from service.access.rates import parse_rate
from service.access.scopes import SCOPES, Scope
from service.database.sessions import write_sessions
from service.errors import InputError

MAX_NAME_CHARACTERS = 100
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
"""Of `--expires-in`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key to be made, checked.

    Attributes:
        name: to know it by.
        scopes: at least one.
        expires_at: in the future; None for never.
        rate_limit: its own; None for the service's.
    """

    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None
    rate_limit: str | None = None


def wanted(
    name: str,
    scopes: Sequence[str],
    *,
    expires_in: str | None,
    expires_at: str | None,
    rate_limit: str | None,
    now: datetime,
) -> Wanted:
    """What was asked for on the command line.

    Raises:
        InputError: naming the option and the remedy.
    """
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InputError(f"--name must have 1 to {MAX_NAME_CHARACTERS} printable characters")
    if expires_in is not None and expires_at is not None:
        raise InputError("give --expires-in or --expires-at, not both")
    until = None
    if expires_in is not None:
        until = now + _duration(expires_in)
    elif expires_at is not None:
        until = _time(expires_at)
    if until is not None and until <= now:
        raise InputError("the key would have expired already; give a time in the future")
    if rate_limit is not None:
        try:
            parse_rate(rate_limit)
        except ValueError as error:
            raise InputError(f"--rate-limit {error}") from error
    return Wanted(name, _scopes(scopes), until, rate_limit)


async def create(engine: AsyncEngine, asked: Wanted, now: datetime) -> tuple[str, Key]:
    """Make a key: as it is handed out, once, and as it is kept."""
    written, presented = new_key()
    key = Key(
        key_id=presented.key_id,
        name=asked.name,
        secret_hash=presented.secret_hash,
        scopes=asked.scopes,
        created_at=now,
        expires_at=asked.expires_at,
        revoked_at=None,
        rate_limit=asked.rate_limit,
    )
    async with write_sessions(engine).begin() as session:
        repository.add(session, key)
    return written, key


async def every(engine: AsyncEngine) -> Sequence[Key]:
    """Every key that was ever made, oldest first."""
    async with engine.connect() as connection:
        return await repository.read_all(connection)


async def revoke(engine: AsyncEngine, key_id: str, now: datetime) -> datetime:
    """Revoke a key; since when it is. A second time it is no error.

    Raises:
        InputError: there is none with this id.
    """
    async with write_sessions(engine).begin() as session:
        since = await repository.revoke(session, key_id, now)
    if since is None:
        # What was given may be a whole key, pasted by mistake; it is not repeated.
        raise InputError("there is no key with this id; `swerve keys list` shows the ids")
    return since


def _scopes(given: Sequence[str]) -> frozenset[Scope]:
    known = frozenset(scope for scope in SCOPES if scope in given)
    if not given or set(given) - known:
        raise InputError(f"--scope must be one of {', '.join(SCOPES)}; give it again for more")
    return known


def _duration(written: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,5})([mhdw])", written)
    if found is None or int(found[1]) == 0:
        raise InputError("--expires-in must be a number and m, h, d or w, such as 90d")
    return int(found[1]) * UNITS[found[2]]


def _time(written: str) -> datetime:
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InputError("--expires-at must be a time with an offset, such as 2027-01-31T00:00:00+00:00")
    return time.astimezone(UTC)
