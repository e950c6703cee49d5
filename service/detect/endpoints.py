"""`POST /detect` and `POST /detect/batch`."""

from fastapi import APIRouter

from service.access.dependencies import QuotaDependency
from service.detect import service
from service.detect.schemas import BatchRequest, BatchResponse, DetectRequest, DetectResponse
from service.problems import DatabaseUnavailable, Saturated, responses
from service.resources import ResourcesDependency

router = APIRouter(tags=["detect"])


@router.post(
    "/detect",
    operation_id="detect",
    summary="Take one user's behaviours in and decide",
    responses=responses(Saturated, DatabaseUnavailable),
)
async def detect(request: DetectRequest, resources: ResourcesDependency) -> DetectResponse:
    """Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest changed.

    Behaviours are taken in order of `occurred_at` within a request; one older than those already taken in counts as of
    the newest. A behaviour already seen is a duplicate, without effect: sending a request again is safe.
    """
    return await service.detect(resources, request)


@router.post(
    "/detect/batch",
    operation_id="detect_batch",
    summary="The same for many users",
    responses=responses(Saturated, DatabaseUnavailable),
)
async def detect_batch(request: BatchRequest, resources: ResourcesDependency, quota: QuotaDependency) -> BatchResponse:
    """A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the others.

    Under a rate limit a batch counts as the requests in it.
    """
    await quota.charge(len(request.requests) - 1)  # one was counted before the body was read
    return BatchResponse(results=await service.detect_batch(resources, request.requests))
