"""What a replica knows of its domains' populations, in memory. No I/O."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cachetools import LRUCache

from service.populations.judge import Hours, Shift

KEEP = timedelta(minutes=15)
"""How long what was found is told where nobody looks again."""
MOST_DOMAINS = 1000
"""Whose shifts are remembered; of more, those longest unused are forgotten."""
MOST_HOURS = 64
"""Domains whose hours are remembered, at most a megabyte or two each; those of others are counted at each look."""


class Populations:
    """Where changes were declared since the last look, and what the looks found.

    Attributes:
        looking: held by who looks.
    """

    def __init__(self) -> None:
        self.looking = asyncio.Lock()
        self._noticed = set[str]()
        self._any = asyncio.Event()
        self._found: LRUCache[str, tuple[datetime, dict[int, Shift]]] = LRUCache(MOST_DOMAINS)
        self._hours: LRUCache[str, Hours] = LRUCache(MOST_HOURS)

    def notice(self, domain: str) -> None:
        """A change was declared in the domain."""
        self._noticed.add(domain)
        self._any.set()

    async def noticed(self) -> list[str]:
        """Wait until there is a domain in which something was declared; all such, which are forgotten here."""
        await self._any.wait()
        domains = sorted(self._noticed)
        self._noticed.clear()
        self._any.clear()
        return domains

    def keep(self, domain: str, found: dict[int, Shift], at: datetime) -> None:
        """Remember what a look found."""
        self._found[domain] = at, found

    def found(self, domain: str, *, since: datetime) -> dict[int, Shift] | None:
        """What the last look found, by topic; None where there was none since then."""
        at, found = self._found.get(domain, (None, {}))
        return None if at is None or at < since else found

    def hours(self, domain: str) -> Hours | None:
        """What was counted of whole hours."""
        return self._hours.get(domain)

    def keep_hours(self, domain: str, hours: Hours) -> None:
        """Remember what was counted of whole hours."""
        self._hours[domain] = hours

    def shift_of(self, domain: str, gained: Iterable[int]) -> Shift | None:
        """The shift that a change is part of, as of the last look: that of the first of its topics that has one.

        Args:
            domain: of the user.
            gained: topics that the change gained, the most gained first.
        """
        found = self.found(domain, since=datetime.now(UTC) - KEEP) or {}
        return next((found[topic] for topic in gained if topic in found), None)
