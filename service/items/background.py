"""What is done for the catalogue as long as the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from service.items.upkeep import Upkeep
from service.items.worker import Worker
from service.resources import Resources


@asynccontextmanager
async def encoding(resources: Resources) -> AsyncIterator[None]:
    """Encode and keep the catalogue, as long as the context is open. The model is announced before the first request.

    With `SWERVE_CATALOGUE_POLL_SECONDS=0`, the model is announced and nothing else is done here.
    """
    worker = Worker(resources)
    await worker.announce()
    tasks = [asyncio.create_task(worker.forever(), name="catalogue")]
    if resources.settings.catalogue_poll_seconds:
        tasks.append(asyncio.create_task(Upkeep(resources).forever(), name="catalogue-upkeep"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
