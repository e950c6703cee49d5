"""What happens to every request before the framework sees it."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import BodyTooLarge, Saturated
from service.timing import timed_request

REQUEST_ID = "X-Request-Id"
SERVER_TIMING = "Server-Timing"
PROBES = frozenset({"/livez", "/readyz", "/model", "/metrics"})
STREAMS = frozenset({"/mutations/stream"})
"""Answers without end. They have a limit of their own."""
_MAX_LENGTH_DIGITS = 18
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class _BodyOverLimitError(Exception):
    """Ends the app's reading of a body that is over the limit."""


class RequestIdMiddleware:
    """Gives every request an id, the client's own `X-Request-Id` if it is sane, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        await self._app(scope, receive, send_with_id)


class ServerTimingMiddleware:
    """Says in `Server-Timing` where each request's time went. See `service.timing`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with timed_request() as timings:
            scope.setdefault("state", {})["timings"] = timings

            async def send_with_timings(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)[SERVER_TIMING] = timings.header()
                await send(message)

            await self._app(scope, receive, send_with_timings)


class LoadLimitMiddleware:
    """Answers 503 at once to more requests than may be under way, before their bodies are read.

    What waits in an event loop that cannot keep up is answered when nobody waits for it any more. Probes are let
    through: an overloaded service is not a dead one. So are streams, which do next to nothing most of the time and
    would hold their place for hours.

    Args:
        app: what to protect.
        max_requests: the limit.
    """

    def __init__(self, app: ASGIApp, *, max_requests: int) -> None:
        self._app = app
        self._max_requests = max_requests
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http" or scope["path"] in PROBES | STREAMS:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._max_requests:
            await Saturated(reason="too_many_requests").response()(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


class BodyLimitMiddleware:
    """Answers 413 to a body over the limit: at once where its length is announced, else while it is read.

    The connection stays open and the server discards what still comes, so that a client that first sends everything
    does get to read the answer.

    Args:
        app: what to protect.
        max_bytes: the limit.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and (len(length) > _MAX_LENGTH_DIGITS or int(length) > self._max_bytes):
            await self._refuse(scope, receive, send)
            return
        await self._run_limited(scope, receive, send)

    async def _run_limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        refused = started = False

        async def receive_limited() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                refused = True
                raise _BodyOverLimitError
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if not refused:  # else: what the app makes of the failed read, which is not our answer
                started = True
                await send(message)

        try:
            await self._app(scope, receive_limited, send_unless_refused)
        except Exception:
            if not refused or started:
                raise
        if refused and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = (
            f"The body is larger than {self._max_bytes} bytes. Split it, or have the limit raised with "
            "SWERVE_MAX_BODY_BYTES. Nothing was stored."
        )
        await BodyTooLarge(detail).response()(scope, receive, send)
