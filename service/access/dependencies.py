"""What endpoints may know of who calls them."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from service.access.guard import Admission
from service.access.rates import Quota


async def get_quota(connection: HTTPConnection) -> Quota:
    """The quota of the request's caller, for operations that count as more than one request.

    Raises:
        RuntimeError: the request did not come through `AccessMiddleware`.
    """
    admission: Admission | None = getattr(connection.state, "admission", None)
    if admission is None:
        raise RuntimeError("the request was not admitted: the app lacks AccessMiddleware")
    return admission.quota


QuotaDependency = Annotated[Quota, Depends(get_quota)]
