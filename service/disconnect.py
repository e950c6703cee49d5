"""Work is not done for clients that have gone.

A web server goes on with a request whose connection was closed. That is right once the request writes, but texts that
only wait for the encoder would take the place of those that somebody still waits for.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from service.problems import ClientGone

T = TypeVar("T")

_receive: ContextVar[Receive | None] = ContextVar("receive", default=None)


class DisconnectMiddleware:
    """Lets `unless_gone` see when the client of the request that it runs for goes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = _receive.set(receive)
        try:
            await self._app(scope, receive, send)
        finally:
            _receive.reset(token)


async def unless_gone(work: Coroutine[object, object, T]) -> T:
    """Do some work, and cancel it when the client goes. Only for after the request's body was read.

    Raises:
        ClientGone: the client went first.
    """
    receive = _receive.get()
    if receive is None:
        return await work
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
