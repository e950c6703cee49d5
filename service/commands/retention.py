"""`swerve retention run`: one run by hand, or what it would remove."""

import asyncio
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from service.database import migrate
from service.database.opening import open_engine
from service.retention.cleanups import cleanups
from service.retention.rules import Cutoffs
from service.retention.service import Run
from service.settings import Settings


def run(settings: Settings, *, dry_run: bool) -> None:
    """Remove what is past its time, and print how many rows of each table that was.

    Args:
        settings: see `service.settings`.
        dry_run: count them only.

    Raises:
        StartError: the schema is not current.
    """
    cutoffs, counted = asyncio.run(_run(settings, dry_run=dry_run))
    kept = {
        "user_states": cutoffs.users,
        "snapshots": cutoffs.snapshots,
        "seen_events": cutoffs.events,
        "tombstones": cutoffs.tombstones,
    }
    table = Table("table", "older than", box=box.SIMPLE)
    table.add_column("would be removed" if dry_run else "removed", justify="right")
    for name, rows in counted.items():
        cutoff = kept.get(name)
        since = "kept" if cutoff is None else f"{cutoff:%Y-%m-%d %H:%M} UTC"
        table.add_row(name, since if name in kept else "its own time", f"{rows:,}")
    Console().print(table)


async def _run(settings: Settings, *, dry_run: bool) -> tuple[Cutoffs, dict[str, int]]:
    now = datetime.now(UTC)
    cutoffs = Cutoffs.of(settings, now)
    async with open_engine(settings) as engine:
        await migrate.require_current(engine)
        one = Run(engine, cutoffs, now, cleanups=cleanups(settings))
        return cutoffs, dict(await (one.count() if dry_run else one.remove()))
