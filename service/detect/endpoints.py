"""`POST /detect` and `POST /detect/batch`."""

from fastapi import APIRouter, Response

from service.access.dependencies import QuotaDependency
from service.cloud_events.document import BATCHES, EVENTS
from service.cloud_events.route import EventRoute
from service.detect import once, service
from service.detect.schemas import BatchRequest, BatchResponse, DetectRequest, DetectResponse
from service.idempotency.key import REPLAYED, KeyDependency
from service.problems import (
    DatabaseUnavailable,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    InvalidRequest,
    Saturated,
    responses,
)
from service.resources import ResourcesDependency

router = APIRouter(tags=["detect"], route_class=EventRoute)

_ABOUT = {"user_id": "$response.body#/user_id", "domain": "$response.body#/domain"}
LINKS = {
    "interest": {"operationId": "get_interest", "parameters": _ABOUT},
    "history": {"operationId": "get_history", "parameters": _ABOUT},
    "erasure": {"operationId": "delete_user", "parameters": _ABOUT},
}
"""Where the answer's user can be asked for, or erased."""

_HEADERS = {
    REPLAYED: {
        "description": "`true` where this answer was given before, to the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_PROBLEMS = responses(Saturated, DatabaseUnavailable, InvalidRequest, IdempotencyKeyInProgress, IdempotencyKeyReused)


@router.post(
    "/detect",
    operation_id="detect",
    summary="Take one user's behaviours in and decide",
    responses={**_PROBLEMS, 200: {"links": LINKS, "headers": _HEADERS}},
    openapi_extra=EVENTS,
)
async def detect(
    request: DetectRequest, resources: ResourcesDependency, key: KeyDependency, response: Response
) -> DetectResponse:
    """Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest changed.

    Behaviours are taken in order of `occurred_at`, also across requests as long as they come within a minute (a
    setting) of newer ones; those that come later count as of the newest and are listed in `late`. A behaviour already
    seen is a duplicate, without effect: sending a request again is safe. With an `Idempotency-Key` it also gets the
    same answer again.

    One behaviour may also come as a CloudEvent 1.0, as JSON or with its attributes in headers, and several of one user
    as a batch of such.
    """
    if key is None:
        return await service.detect(resources, request)
    answer, replayed = await once.detect_once(resources, request, key)
    if replayed:
        response.headers[REPLAYED] = "true"
    return answer


@router.post(
    "/detect/batch",
    operation_id="detect_batch",
    summary="The same for many users",
    responses={**_PROBLEMS, 200: {"headers": _HEADERS}},
    openapi_extra=BATCHES,
)
async def detect_batch(
    request: BatchRequest,
    resources: ResourcesDependency,
    key: KeyDependency,
    quota: QuotaDependency,
    response: Response,
) -> BatchResponse:
    """A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the others.

    An `Idempotency-Key` counts for each request together with its place in the batch: sent again, those that had a
    result get it again, those that had a problem are tried again.

    Under a rate limit a batch counts as the requests in it.

    A batch of CloudEvents 1.0 is one request for each user in it, in the order in which users first appear.
    """
    await quota.charge(len(request.requests) - 1)  # one was counted before the body was read
    if key is None:
        return BatchResponse(results=await service.detect_batch(resources, request.requests))
    results, replayed = await once.detect_batch_once(resources, request.requests, key)
    if replayed:
        response.headers[REPLAYED] = "true"
    return BatchResponse(results=results)
