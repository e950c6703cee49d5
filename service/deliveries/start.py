"""Deliveries beside the requests of a service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.beside import beside
from service.deliveries.courier import Courier
from service.deliveries.sender import Sender
from service.resources import Resources
from service.settings import Settings


@asynccontextmanager
async def open_sender(settings: Settings) -> AsyncIterator[Sender]:
    """A sender by the settings, closed at the end.

    Raises:
        OSError: the file of certificates cannot be read, or holds none.
    """
    sender = await asyncio.to_thread(
        Sender,
        allow_private=settings.webhooks_allow_private,
        allow_http=settings.webhooks_allow_http,
        ca_file=settings.webhooks_ca_file,
    )
    try:
        yield sender
    finally:
        await sender.close()


@asynccontextmanager
async def delivering(resources: Resources, sender: Sender) -> AsyncIterator[None]:
    """Send what is due, as long as the context is open. Attempts that are under way when it closes are ended first."""
    workers = resources.settings.webhooks_workers
    if not workers:
        yield
        return
    courier = Courier(resources, sender, workers=workers)
    try:
        async with beside(courier.forever(), "webhooks"):
            yield
    finally:
        await courier.settle()
