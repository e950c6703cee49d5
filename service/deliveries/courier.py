"""Sends what is due, a bounded number at a time, and stores what came of it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from service.database.engine import is_away
from service.database.sessions import WriteSession
from service.deliveries import repository
from service.deliveries.repository import FAN_OUT, Claimed, Told
from service.deliveries.retries import wait_after
from service.deliveries.sender import TIMEOUT_S, Outcome, Sender
from service.mutations.message import message_id, message_of
from service.resources import Resources
from service.sealing import SealError, unseal
from service.webhooks.signing import signed_headers

logger = logging.getLogger(__name__)

T = TypeVar("T")

EACH = 4
"""Messages that are sent to one receiver at a time, so that a slow one does not keep all workers."""
LOOK_AT_AGE = 15.0
"""Seconds from one look at the age of the oldest delivery to the next."""
CLOSE_S = TIMEOUT_S + 5.0
"""How long attempts may take to end once the service stops: as long as they may take anyway."""


class Courier:
    """A replica's part in the deliveries of all.

    Args:
        resources: of the app.
        sender: sends a message.
        workers: how many at a time.
        now: the time of day, told to receivers.
        shift: added to the database's times.
    """

    def __init__(
        self,
        resources: Resources,
        sender: Sender,
        *,
        workers: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        shift: timedelta = timedelta(),
    ) -> None:
        self._resources = resources
        self._sender = sender
        self._workers = workers
        self._now = now
        self.shift = shift
        self._running: dict[asyncio.Task[None], UUID] = {}
        self._looked_at_age = 0.0

    async def forever(self) -> None:
        """Look again and again for what is due. Nothing that goes wrong ends this; cancelling does, at once."""
        poll = self._resources.settings.mutations_poll_seconds
        while True:
            more = False
            try:
                more = await self.look()
                await self._tell_age()
            except Exception as error:
                if is_away(error):
                    logger.warning("webhooks: the database is away; trying again in %g s", poll)
                else:
                    logger.exception("webhooks failed; trying again in %g s", poll)
            if more:
                continue
            if self._running:  # a worker that becomes free looks for more at once
                await asyncio.wait(self._running, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(poll)

    async def look(self) -> bool:
        """Make deliveries of new changes and begin to send what is due; whether there may be more at once."""
        if self._resources.draining:
            return False
        made = await self._write(lambda session: repository.fan_out(session, self.shift))
        free = self._workers - len(self._running)
        claimed = await self._write(
            lambda session: repository.claim(
                session, limit=free, each=EACH, busy=Counter(self._running.values()), shift=self.shift
            )
        )
        for delivery in claimed:
            task = asyncio.create_task(self._deliver(delivery), name="webhook")
            self._running[task] = delivery.webhook_id
            task.add_done_callback(self._running.pop)
        return made == FAN_OUT and len(claimed) < free

    @property
    def busy(self) -> int:
        """Attempts that are under way."""
        return len(self._running)

    async def settle(self) -> None:
        """Wait for the attempts that are under way, no longer than they may take."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_S)
        for task in list(self._running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            outcome = await self._attempt(claimed)
            self._resources.metrics.attempted(outcome.kind, outcome.seconds)
            await self._store(claimed, outcome)
        except Exception as error:  # it is claimed again when its lease is over
            if is_away(error):
                logger.warning("webhooks: the database went away; what was sent may be sent again")
            else:
                logger.exception("a webhook could not be sent")

    async def _attempt(self, claimed: Claimed) -> Outcome:
        stored = claimed.change
        if stored is None:
            return Outcome("unreadable", error="the change is no longer kept")
        keys = self._resources.secrets
        try:
            secrets = [unseal(keys, sealed, about=claimed.webhook_id.bytes) for sealed in claimed.secrets]
            user_id = unseal(keys, stored.sealed, about=stored.mutation_id.bytes)
        except SealError as error:
            return Outcome("unreadable", error=str(error))
        body = message_of(stored, user_id)
        headers = signed_headers(message_id(stored.mutation_id), self._now(), body, secrets)
        return await self._sender.send(claimed.url, headers, body)

    async def _store(self, claimed: Claimed, outcome: Outcome) -> None:
        lost = claimed.change is None or outcome.kind == "gone"
        wait = None if lost or outcome.delivered else wait_after(claimed.retries, asked=outcome.retry_after)
        told = Told(outcome.delivered, wait, outcome.status, outcome.error)
        give_up_after = timedelta(days=self._resources.settings.webhooks_disable_after_days)

        async def store(session: WriteSession) -> bool:
            await repository.record(session, claimed, told, self.shift)
            if outcome.kind == "gone":
                await repository.disable(session, claimed.webhook_id, "the receiver answered 410 Gone")
                return True
            return await repository.noted(
                session,
                claimed.webhook_id,
                failed=not outcome.delivered,
                give_up_after=give_up_after,
                shift=self.shift,
            )

        disabled = await self._write(store)
        if disabled:
            logger.warning("webhook disabled", extra={"webhook_id": str(claimed.webhook_id), "outcome": outcome.kind})

    async def _tell_age(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._looked_at_age >= LOOK_AT_AGE:
            self._looked_at_age = now
            age = await self._write(repository.oldest)
            self._resources.metrics.webhook_lag.set(age.total_seconds())

    async def _write(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        async with self._resources.turns, self._resources.write_sessions.begin() as session:
            return await work(session)
