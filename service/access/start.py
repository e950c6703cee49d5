"""The guard of a running app, and what a service without keys may not do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from service.access import repository
from service.access.guard import Guard
from service.access.keyring import Keyring
from service.access.keys import Key
from service.access.local import is_loopback
from service.access.rates import Rates
from service.database.engine import CONNECT_TIMEOUT_S, DatabaseAwayError
from service.errors import OperatorError
from service.resources import Resources


class ExposedError(OperatorError):
    """The service would be reached from other machines, and nobody has a key; the message says what to do."""


@asynccontextmanager
async def open_guard(resources: Resources) -> AsyncIterator[Guard]:
    """The guard of an app with these resources, as long as the context is open.

    Raises:
        ExposedError: it would let nobody in, or everybody.
    """
    settings = resources.settings

    async def load() -> Sequence[Key]:
        return await load_keys(resources)

    keyring = Keyring(load, keep_seconds=settings.key_cache_seconds)
    loopback = await asyncio.to_thread(is_loopback, settings.host)
    guard = Guard(keyring, Rates(settings.rate_limit), loopback=loopback)
    try:
        live = await guard.has_live_key()  # read before the first request, so that it does not wait for it
        if not loopback and not live:
            raise ExposedError(
                f"{settings.host} is reached from other machines, and there is no valid API key to ask them for. Make "
                "one with `swerve keys create --name NAME --scope ingest --scope read`, or serve this machine alone "
                "with --host 127.0.0.1"
            )
        yield guard
    finally:
        await keyring.close()


async def load_keys(resources: Resources) -> Sequence[Key]:
    """All keys, when it is our turn at the database: the pool would let requests go before.

    Raises:
        DatabaseAwayError: or another error of a database that is away.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await resources.turns.acquire()
    except TimeoutError as error:
        raise DatabaseAwayError(f"no connection was free within {CONNECT_TIMEOUT_S:g} s") from error
    try:
        async with resources.statements.connect() as connection:
            return await repository.read_all(connection)
    finally:
        resources.turns.release()
