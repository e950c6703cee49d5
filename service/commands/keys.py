"""`swerve keys`: make, list and revoke API keys. On the embedded Postgres too, also while a service runs on it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from service.access import service
from service.access.keys import Key
from service.database import migrate
from service.database.opening import open_engine
from service.settings import Settings

T = TypeVar("T")


def create(
    settings: Settings,
    name: str,
    scopes: Sequence[str],
    *,
    expires_in: str | None,
    expires_at: str | None,
    rate_limit: str | None,
) -> tuple[str, str]:
    """Make a key: the key itself, shown this once, and what to know of it.

    Raises:
        InputError: naming the option that cannot be used.
    """
    now = datetime.now(UTC)
    asked = service.wanted(name, scopes, expires_in=expires_in, expires_at=expires_at, rate_limit=rate_limit, now=now)
    written, key = _run(settings, lambda engine: service.create(engine, asked, now))
    told = (
        f"Key {key.key_id} ({key.name}): {', '.join(sorted(key.scopes))}; "
        f"{f'valid until {_time(key.expires_at)}' if key.expires_at else 'does not expire'}. It is shown this once: "
        "keep it. Running services know it within "
        f"{settings.key_cache_seconds:g} s. Send it as `Authorization: Bearer KEY`."
    )
    return written, told


def revoke(key_id: str, settings: Settings) -> str:
    """Revoke a key; what to know of it."""
    since = _run(settings, lambda engine: service.revoke(engine, key_id, datetime.now(UTC)))
    return (
        f"Key {key_id} is revoked since {_time(since)}. Running services refuse it within "
        f"{settings.key_cache_seconds:g} s."
    )


def show(settings: Settings, console: Console) -> None:
    """Write a table of all keys, oldest first."""
    now = datetime.now(UTC)
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "rate limit", "created", "expires", "status"):
        table.add_column(heading, no_wrap=True)
    for key in _run(settings, service.every):
        table.add_row(*_row(key, now))
    console.print(table)


def _row(key: Key, now: datetime) -> tuple[str, ...]:
    return (
        key.key_id,
        key.name,
        ",".join(sorted(key.scopes)),
        key.rate_limit or "-",
        _time(key.created_at),
        _time(key.expires_at) if key.expires_at else "-",
        key.why_dead(now) or "valid",
    )


def _run(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    return asyncio.run(_with_engine(settings, work))


async def _with_engine(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async with open_engine(settings) as engine:
        # The first key may be made before the first start.
        await migrate.require_current(engine, upgrading=settings.migrate_on_start)
        return await work(engine)


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
