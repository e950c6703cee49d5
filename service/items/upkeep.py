"""Keeps the catalogue's indexes of neighbours, and removes the vectors of models that nobody serves any more.

One replica at a time builds, which takes minutes for a million items; searches go on meanwhile, over all vectors.
"""

import asyncio
import logging
import time

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.database.engine import is_away, sqlstate
from service.items import index_repository, queue_repository, spaces_repository
from service.items.worker import RETRY_S, UNSEEN_S
from service.resources import Resources

logger = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often is looked whether something is to be done."""
KEPT_ABOVE = 0.5
"""An index stays until its domain has less than this share of the vectors from which one is built, so that none is
built and dropped again and again."""
HELPERS = 1
"""Processes that help the one that builds: half of two cores are left to requests."""
MEBIBYTE = 2**20
_NO_SHARED_MEMORY = "53"
"""SQLSTATE class of resources that do not suffice, such as a container's shared memory."""


class Upkeep:
    """A replica's part in the upkeep.

    Args:
        resources: of the app.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._space = resources.encoder.info.space

    async def forever(self) -> None:
        """Look again and again. Nothing that goes wrong ends this."""
        while True:
            wait = EVERY_S
            try:
                await self.tell()
                await self.retire()
                await self.keep_indexes()
            except Exception as error:
                wait = RETRY_S
                if is_away(error):
                    logger.warning("catalogue: the database is away; trying again in %g s", wait)
                else:
                    logger.exception("catalogue: upkeep failed; trying again in %g s", wait)
            await asyncio.sleep(wait)

    async def tell(self) -> None:
        """Have the metrics say how much waits."""
        async with self._resources.turns, self._resources.read_sessions() as session:
            queued = await queue_repository.count(session, self._space)
        self._resources.metrics.items_waiting.set(queued.waiting)
        self._resources.metrics.items_failed.set(queued.failed)

    async def retire(self) -> None:
        """Remove other models' vectors, once this one's are complete and nobody has served the other for a while."""
        async with self._resources.turns, self._resources.write_sessions.begin() as session:
            spaces = await spaces_repository.in_use(session)
            filled = any(space.space == self._space and space.filled_at is not None for space in spaces)
            complete = filled and await queue_repository.is_empty(session, self._space)
            if complete and await spaces_repository.unused(session, self._space, UNSEEN_S):
                for retired in await spaces_repository.retire(session, self._space, UNSEEN_S):
                    logger.info("catalogue: removing the vectors of a model that is not in use any more: %s", retired)
        more = True
        while more:
            async with self._resources.turns, self._resources.write_sessions.begin() as session:
                more = await spaces_repository.remove_retired(session)

    async def keep_indexes(self) -> None:
        """Build the indexes that are missing and drop those that are not needed, unless another replica does.

        With one connection in all, none is built: requests would wait for it.
        """
        if self._resources.settings.database_pool_size == 1:
            return
        async with self._resources.turns, self._resources.statements.connect() as connection:
            if not await index_repository.try_lock(connection):
                return
            try:
                await self._keep(connection)
                await index_repository.unlock(connection)
            except BaseException:
                await connection.invalidate()  # the lock ends with it
                raise

    async def _keep(self, connection: AsyncConnection) -> None:
        spaces = {space.space: space.dim for space in await spaces_repository.in_use(connection)}
        sizes = {space: await index_repository.sizes(connection, space) for space in spaces}
        least = self._resources.settings.catalogue_index_from
        wanted, kept = set(), set()
        for space, domains in sizes.items():
            for domain, vectors in domains.items():
                name = index_repository.index_name(domain, space)
                if vectors >= least * KEPT_ABOVE:
                    kept.add(name)
                if vectors >= least:
                    wanted.add((name, domain, space))
        held = await index_repository.indexes(connection)
        for index in held:
            if not index.valid or index.name not in kept:  # one that is not valid was cut short: we have the lock
                await index_repository.drop(connection, index.name)
        there = {index.name for index in held if index.valid}
        for name, domain, space in sorted(wanted):
            if name not in there:
                await self._build(connection, domain, space, spaces[space], sizes[space][domain])

    async def _build(self, connection: AsyncConnection, domain: str, space: str, dim: int, vectors: int) -> None:
        needed = index_repository.needed_memory(vectors, dim)
        given = min(needed, self._resources.settings.catalogue_index_memory_mb * MEBIBYTE)
        if given < needed:
            logger.warning(
                "catalogue: the index of %d vectors needs %d MiB to be built quickly; SWERVE_CATALOGUE_INDEX_MEMORY_MB "
                "allows less, and it will take many times longer", vectors, needed // MEBIBYTE,
            )  # fmt: skip
        began = time.perf_counter()
        for helpers in (HELPERS, 0):
            try:
                await index_repository.create(
                    connection, domain=domain, space=space, dim=dim, memory_bytes=given, workers=helpers
                )
                break
            except DBAPIError as error:
                if not helpers or not (sqlstate(error) or "").startswith(_NO_SHARED_MEMORY):
                    raise
                logger.warning("catalogue: too little shared memory to build an index with help; building it alone")
                await index_repository.drop(connection, index_repository.index_name(domain, space))
        logger.info("catalogue: indexed %d vectors in %.1f s", vectors, time.perf_counter() - began)
