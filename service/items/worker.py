"""Encodes the catalogue's texts beside the requests of a service.

Every replica takes part: it claims a few texts, encodes and stores them, again and again. Requests go first: the model
gets a small batch when nobody waits for it, and only when somebody always does, one now and then, so that the catalogue
is not left behind for good. Nothing is lost with a process: what is not stored still waits in the database.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import numpy as np

from service.database.engine import is_away
from service.database.sessions import WriteSession
from service.encoder.contract import EncoderSaturatedError
from service.encoder.errors import EncoderClosedError, EncodingFailedError
from service.items import queue_repository, spaces_repository
from service.items.halves import decode
from service.items.queue_repository import Claimed
from service.resources import Resources
from service.telemetry.metrics import ItemsResult
from service.vectors import Vectors

logger = logging.getLogger(__name__)

BATCH_TEXTS = 16
"""Texts claimed of those that clients sent, and as many of a catalogue that is encoded again. The encoder cuts them
into runs of its own; what a request waits for at most is one run that has begun."""
CLAIM_S = 5.0
"""How long a claim holds: longer than a batch takes, or others encode it once more. What a killed replica had claimed
waits as long."""
ANNOUNCE_S = 60.0
"""How often a replica says that it lives and which model it serves."""
UNSEEN_S = 600.0
"""A model that no replica has announced for so long is not in use any more."""
PATIENCE_S = 0.5
"""How long a batch waits for a moment when no request wants the encoder."""
LOOK_S = 0.01
RETRY_S = 5.0
JITTER = 0.1
MAX_REASON_CHARACTERS = 500


class Worker:
    """A replica's part in encoding the catalogue.

    Args:
        resources: of the app.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._encoder = resources.encoder
        self._space = resources.encoder.info.space
        self._announced = float("-inf")
        self._filled = False
        self._after = queue_repository.START

    async def forever(self) -> None:
        """Encode what waits, then wait for more. Nothing that goes wrong ends this but the encoder's own end."""
        poll = self._resources.settings.catalogue_poll_seconds
        while True:
            wait = min(poll or ANNOUNCE_S, ANNOUNCE_S)
            self._resources.items_waiting.clear()
            try:
                await self.announce()
                if poll and await self.step():
                    continue
            except EncoderClosedError:
                return
            except Exception as error:
                wait = RETRY_S
                if is_away(error):
                    logger.warning("catalogue: the database is away; trying again in %g s", wait)
                else:
                    logger.exception("catalogue: encoding failed; trying again in %g s", wait)
                await asyncio.sleep(wait)
                continue
            await self._until_waiting(wait)

    async def announce(self) -> None:
        """Say that this replica lives, if that is due."""
        if time.monotonic() - self._announced < ANNOUNCE_S:
            return
        async with self._writing() as session:
            known = await spaces_repository.announce(session, self._encoder.info)
        if known.filled_at is None and self._filled:  # it was retired while we were away
            self._after = queue_repository.START
        self._filled = known.filled_at is not None
        self._announced = time.monotonic()

    async def step(self) -> bool:
        """One page queued for a new space, and one batch encoded; whether there was anything to do."""
        queued = not self._filled
        if queued:
            await self._fill()
        await self._moment()
        try:
            return await self._encode_some() or queued
        except EncoderSaturatedError as saturated:
            logger.debug("catalogue: the encoder is saturated; trying again in %d s", saturated.retry_after)
            await asyncio.sleep(saturated.retry_after)
            return True

    async def _fill(self) -> None:
        async with self._writing() as session:
            last = await queue_repository.fill(session, self._space, self._after)
            if last is None:
                await spaces_repository.filled(session, self._space)
        self._filled, self._after = last is None, last or queue_repository.START

    async def _encode_some(self) -> bool:
        with self._encoder.admit(2 * BATCH_TEXTS):  # before anything is claimed: without room, others may have it
            async with self._writing() as session:
                claimed = await queue_repository.claim(session, self._space, BATCH_TEXTS, CLAIM_S)
        if not claimed:
            return False
        try:
            await self._encode(claimed)
        except EncoderSaturatedError:
            async with self._writing() as session:
                await queue_repository.release(session, self._space, claimed)
            raise
        return True

    async def _encode(self, claimed: Sequence[Claimed]) -> None:
        """Encode and store; where the model fails, each text for itself, so that the one at fault is found."""
        known = [item for item in claimed if item.known is not None]
        if known:  # another item has the same text
            vectors = decode([item.known for item in known if item.known is not None], self._encoder.info.dim)
            await self._store(known, vectors, "copied")
        new = [item for item in claimed if item.known is None]
        if not new:
            return
        try:
            vectors = await self._vectors(new)
        except EncodingFailedError as error:
            if len(new) == 1:
                await self._fail(new[0], error)
                return
            for item in new:
                await self._encode([item])
            return
        await self._store(new, vectors, "encoded")

    async def _vectors(self, items: Sequence[Claimed]) -> Vectors:
        with self._encoder.admit(len(items)) as permit:
            return (await self._encoder.encode([item.text for item in items], permit)).vectors

    async def _store(self, items: Sequence[Claimed], vectors: Vectors, result: ItemsResult) -> None:
        async with self._writing() as session:
            stored = await queue_repository.store(session, self._space, items, np.asarray(vectors))
        self._resources.metrics.treated(result, stored)

    async def _fail(self, item: Claimed, error: EncodingFailedError) -> None:
        logger.warning("catalogue: an item's text cannot be encoded: %s", error)
        async with self._writing() as session:
            marked = await queue_repository.fail(session, self._space, item, str(error)[:MAX_REASON_CHARACTERS])
        self._resources.metrics.treated("failed", int(marked))

    async def _moment(self) -> None:
        """Wait for a moment when nobody wants the encoder, but not for ever."""
        deadline = time.monotonic() + PATIENCE_S
        while self._encoder.stats.admitted and time.monotonic() < deadline:  # noqa: ASYNC110 - counted by a thread
            await asyncio.sleep(LOOK_S)

    async def _until_waiting(self, seconds: float) -> None:
        """Wait until an item was put here, or for so long: others may have been put elsewhere."""
        jittered = seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        with suppress(TimeoutError):
            await asyncio.wait_for(self._resources.items_waiting.wait(), jittered)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[WriteSession]:
        # One of the requests' places, between two of them.
        async with self._resources.turns, self._resources.write_sessions.begin() as session:
            yield session
