"""`POST /encode`."""

from fastapi import APIRouter

from service.encode import service
from service.encode.schemas import EncodeRequest, EncodeResponse
from service.problems import DatabaseUnavailable, Saturated, responses
from service.resources import ResourcesDependency

router = APIRouter(tags=["encode"])


@router.post(
    "/encode",
    operation_id="encode",
    summary="Turn texts into vectors",
    responses=responses(Saturated, DatabaseUnavailable),  # the database has the keys
)
async def encode(request: EncodeRequest, resources: ResourcesDependency) -> EncodeResponse:
    """Vectors of unit length for 1 to 1,000 texts, in order, as the detectors see them."""
    return await service.encode(resources, request)
