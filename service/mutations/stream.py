"""The stream as it is sent: `text/event-stream`, resumable by `Last-Event-ID`."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send

from service.database.engine import is_away
from service.mutations.feed import Event, Feed, Listener
from service.mutations.repository import Place
from service.mutations.schemas import EVENT_TYPE
from service.problems import FieldError, InvalidRequest, Problem

ID_PATTERN = r"^v1-[0-9]{1,18}-[0-9]{1,19}$"
HEARTBEAT_S = 15
"""Between comments that keep proxies from closing a connection on which nothing happens."""
RECHECK_S = 5.0
"""How often it is looked at whether the key is still valid."""
SEND_S = 30.0
"""How long a client may take nothing at all."""
STOP_S = 3.0
"""How long a stream may take to end by itself when the service stops."""

Recheck = Callable[[], Awaitable[object]]
"""Raises a Problem where the client may listen no longer."""


class MutationStream(EventSourceResponse):
    """Sends to one listener, and forgets it at the end, whatever that is.

    Args:
        feed: where the listener is from.
        listener: that has joined.
        after: where it was when it listened before.
        recheck: see `Recheck`.
    """

    def __init__(self, feed: Feed, listener: Listener, after: Place | None, recheck: Recheck) -> None:
        super().__init__(
            _events(feed, listener, after, recheck),
            ping=HEARTBEAT_S,
            ping_message_factory=lambda: ServerSentEvent(comment="", sep="\n"),
            sep="\n",
            send_timeout=SEND_S,
            shutdown_event=anyio.Event(),
            shutdown_grace_period=STOP_S,
        )
        self._feed, self._listener = feed, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client goes, is too slow, or the service stops."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._listener)


async def _events(feed: Feed, listener: Listener, after: Place | None, recheck: Recheck) -> AsyncIterator[bytes]:
    began = listener.began.result()
    # An id before the first event, so that who is cut off until then misses nothing either. Never a place that is still
    # to come, as of another replica or of a database that was restored: all until there would be missed.
    place = began if after is None else min(after, began)
    yield ServerSentEvent(id=_written(place), retry=3000, comment="listening", sep="\n").encode()
    if after is not None:
        async for event in feed.between(after, began, listener.domain):
            yield _encoded(event)
    while True:
        try:
            news = await listener.next(RECHECK_S)
            if news is None:
                await recheck()
        except EOFError:
            return
        except Exception as error:
            if not isinstance(error, Problem) and not is_away(error):
                raise
            feed.cut(listener)
            return
        if news is not None:
            yield _encoded(news)


def read_place(last_event_id: str) -> Place:
    """The place that an event's id names.

    Raises:
        InvalidRequest: it is no id of this service's.
    """
    if re.fullmatch(ID_PATTERN, last_event_id) is None:
        remedy = "send the id of the last event, unchanged, or leave it out"
        field = FieldError(field="Last-Event-ID", message="is not an id of this stream", remedy=remedy)
        raise InvalidRequest(errors=[field])
    _, xid, position = last_event_id.split("-")
    return Place(int(xid), min(int(position), 2**63 - 1))


def _written(place: Place) -> str:
    return f"v1-{place.xid}-{place.position}"


def _encoded(event: Event) -> bytes:
    data = event.data.decode()
    return ServerSentEvent(data, event=EVENT_TYPE, id=_written(event.place), sep="\n").encode()
