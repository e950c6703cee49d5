"""How old things may become, and what else is cleaned up with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self

from service.database.sessions import ReadSession, WriteSession
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What is older than these times is removed; None: nothing is.

    Attributes:
        users: of a user's latest behaviour being taken in.
        snapshots: of a snapshot being taken; a user's latest one stays.
        events: of a behaviour occurring.
        tombstones: of an erasure.
    """

    users: datetime | None = None
    snapshots: datetime | None = None
    events: datetime | None = None
    tombstones: datetime | None = None

    @classmethod
    def of(cls, settings: Settings, now: datetime) -> Self:
        """Those that the settings make of this moment."""

        def before(days: float | None) -> datetime | None:
            return None if days is None else now - timedelta(days=days)

        return cls(
            users=before(settings.retention_days_users),
            snapshots=before(settings.retention_days_snapshots),
            events=before(settings.retention_days_events),
            tombstones=before(settings.retention_days_tombstones),
        )


class DeleteExpired(Protocol):
    """Removes rows past their time, some hundred at most, and says how many: 0 when there are none left."""

    async def __call__(self, session: WriteSession, now: datetime) -> int:
        """Called in a transaction of its own, again and again until it returns 0."""


class CountExpired(Protocol):
    """Says how many rows are past their time."""

    async def __call__(self, session: ReadSession, now: datetime) -> int:
        """Called for a dry run."""


@dataclass(frozen=True, slots=True)
class Cleanup:
    """Rows of a feature that expire by themselves.

    Attributes:
        table: they are in.
        delete_expired: removes some.
        count_expired: counts all.
    """

    table: str
    delete_expired: DeleteExpired
    count_expired: CountExpired
