"""The seam: routes whose bodies may also come as events. Their endpoints never learn of it."""

import json
from collections.abc import Callable, Container, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.cloud_events.modes import BATCHED, STRUCTURED, Mode, Place, binary_event, mode_of
from service.cloud_events.translate import EventsRequest, read_batch, read_event
from service.detect.schemas import BatchRequest, DetectRequest
from service.problems import FieldError, InvalidRequest
from service.resources import get_resources
from service.wire import MAX_BATCH


class EventRoute(APIRoute):
    """A route of an operation in `TRANSLATIONS`, whose requests may come as events."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, after the translation of what came as events."""
        plain, translate = super().get_route_handler(), TRANSLATIONS[str(self.operation_id)]

        async def handle(request: Request) -> Response:
            mode = mode_of(request.headers)
            if mode is None:
                return await plain(request)
            if mode is Mode.UNKNOWN:
                raise _refused("Content-Type", "is no format of events that is read here", f"{STRUCTURED} or {BATCHED}")
            try:
                given = json.loads(await request.body())
            except (ValueError, RecursionError):
                return await plain(request)  # which says what is wrong with it, as for any body
            if mode is Mode.BINARY:
                given = binary_event(request.headers, given)
            said = translate(mode, given, get_resources(request).settings.behavior_weights)
            return await plain(_Translated(request, said))

        return handle


class _Translated(Request):
    """A request whose body says what its events do."""

    def __init__(self, request: Request, said: object) -> None:
        super().__init__(request.scope, request.receive)
        self._headers = request.headers.mutablecopy()
        self._headers["content-type"] = "application/json"  # whichever form it came in
        self._said = said

    async def body(self) -> bytes:
        """Not empty, which is all that the framework looks at before it asks for what the body says."""
        return b"{}"

    async def json(self) -> Any:  # noqa: ANN401 - as Starlette has it
        """What the framework validates."""
        return self._said


def one_request(mode: Mode, given: object, known_types: Container[str]) -> DetectRequest:
    """The request that one event, or a batch of one user's, becomes.

    Raises:
        InvalidRequest: naming what is at fault as the client sent it.
    """
    if mode is not Mode.BATCHED:
        place = Place(mode)
        return EventsRequest.of([read_event(given, place)], [place], known_types)
    read = read_batch(_batch(given), known_types)
    errors = [error for item in read if isinstance(item, InvalidRequest) for error in item.errors]
    if errors:
        raise InvalidRequest(errors=errors[:100])
    first, *others = (item for item in read if isinstance(item, EventsRequest))
    if others:
        message = f"has events of {len(read)} users, domains or options, and one request is about one"
        raise _refused("body", message, "send it to /detect/batch")
    return first


def many_requests(mode: Mode, given: object, known_types: Container[str]) -> BatchRequest:
    """The requests that a batch of events becomes, one for each user, and in their places problems.

    Raises:
        InvalidRequest: the batch as a whole is not right.
    """
    if mode is not Mode.BATCHED:
        raise _refused("Content-Type", "is not that of a batch", f"{BATCHED}, or send one event to /detect")
    read = read_batch(_batch(given), known_types)
    if len(read) > MAX_BATCH:
        raise _refused("body", f"has events of {len(read)} users, and a batch has {MAX_BATCH} at most", "split it")
    return BatchRequest.model_validate({"requests": read})


TRANSLATIONS: dict[str, Callable[[Mode, object, Container[str]], object]] = {
    "detect": one_request,
    "detect_batch": many_requests,
}
"""By operation id."""


def _batch(given: object) -> list[object]:
    if not isinstance(given, list) or not given:
        raise _refused("body", "is not a batch of events", "send a JSON array of at least one event")
    return given


def _refused(field: str, message: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(errors=[FieldError(field=field, message=message, remedy=remedy)])
