"""`GET /mutations/stream`."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from service.access.guard import Guard
from service.mutations.feed import Feed
from service.mutations.schemas import StreamQuery
from service.mutations.stream import ID_PATTERN, MutationStream, read_place
from service.problems import DatabaseUnavailable, InvalidRequest, NotReady, Saturated, responses

router = APIRouter(prefix="/mutations", tags=["mutations"])

EXAMPLE = 'id: v1-812-7\nevent: interest.mutation.detected\ndata: {"type": "interest.mutation.detected", ...}\n\n'


@router.get(
    "/stream",
    operation_id="stream_mutations",
    summary="Changes as they are declared",
    response_class=StreamingResponse,
    responses=responses(DatabaseUnavailable, Saturated, NotReady, InvalidRequest)
    | {
        200: {
            "description": "Server-sent events without end. The `data` of each `interest.mutation.detected` is a "
            "`MutationEvent`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
async def stream_mutations(
    request: Request,
    query: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=64,
            description="`id` of the last event that was seen: what came after it is sent first.",
            json_schema_extra={"pattern": ID_PATTERN},
        ),
    ] = None,
) -> Response:
    """Every change of every user, or of one domain's, within about a second of being stored.

    Comments are sent every 15 s. A client that was away sends `Last-Event-ID`, as browsers do by themselves, and gets
    what it missed, as long as that is kept. One that is too slow is cut off, and resumes so, too.
    """
    after = None if last_event_id is None else read_place(last_event_id)
    feed: Feed = request.app.state.feed
    guard: Guard = request.app.state.guard
    headers = Headers(scope=request.scope)
    listener = await feed.join(query.domain)

    async def recheck() -> object:
        return await guard.admit(headers, "read")

    return MutationStream(feed, listener, after, recheck)
