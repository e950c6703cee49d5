"""What is done for the catalogue as long as the service runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from service.beside import beside
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
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(beside(worker.forever(), "catalogue"))
        if resources.settings.catalogue_poll_seconds:
            await stack.enter_async_context(beside(Upkeep(resources).forever(), "catalogue-upkeep"))
        yield
