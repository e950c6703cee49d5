"""`/users/{user_id}/...`."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from service.dependencies import ReadSessionDependency, WriteSessionDependency
from service.problems import DatabaseUnavailable, PrivacyBudgetSpent, Saturated, UnknownUser, responses
from service.resources import ResourcesDependency
from service.snapshots.schemas import Snapshot, SnapshotPage
from service.users import export, service
from service.users.schemas import Export, HistoryQuery, InterestQuery, UserQuery

router = APIRouter(prefix="/users", tags=["users"], responses=responses(UnknownUser, DatabaseUnavailable, Saturated))

# `:path`, so that ids with a slash can be asked for, too.
SUBRESOURCES = ("interest", "history", "export", "policy", "recommendations")
"""What may follow an id in a path."""


async def refuse_subresource(request: Request) -> None:
    """`DELETE /users/u/history` erases no part of a user: taken for an id, it might erase another one.

    A user whose id does end like that is erased with the slash in the id encoded: `/users/u%2Fhistory`.

    Raises:
        HTTPException: 405.
    """
    last = bytes(request.scope.get("raw_path", b"")).rpartition(b"/")[2].decode("ascii", "replace")
    if last in SUBRESOURCES:
        raise HTTPException(status.HTTP_405_METHOD_NOT_ALLOWED, headers={"Allow": "GET"})


UserIdPath = Annotated[str, Path(min_length=1, max_length=256, description="The user's id in your system.")]


@router.get(
    "/{user_id:path}/interest",
    operation_id="get_interest",
    summary="The latest snapshot",
    responses=responses(PrivacyBudgetSpent),
)
async def get_interest(
    user_id: UserIdPath,
    query: Annotated[InterestQuery, Query()],
    session: ReadSessionDependency,
    resources: ResourcesDependency,
) -> Snapshot:
    """What the user is interested in now, and the last decision about it."""
    return await service.interest(resources, session, user_id, query)


NEXT_PAGE = {"user_id": "$request.path.user_id", "cursor": "$response.body#/next_cursor"}


@router.get(
    "/{user_id:path}/history",
    operation_id="get_history",
    summary="Snapshots, newest first",
    responses=responses(PrivacyBudgetSpent)
    | {200: {"links": {"next": {"operationId": "get_history", "parameters": NEXT_PAGE}}}},
)
async def get_history(
    user_id: UserIdPath,
    query: Annotated[HistoryQuery, Query()],
    session: ReadSessionDependency,
    resources: ResourcesDependency,
) -> SnapshotPage:
    """How the user's interest went, a page at a time."""
    return await service.history(resources, session, user_id, query)


@router.get(
    "/{user_id:path}/export",
    operation_id="export_user",
    summary="Everything held about a user",
    response_class=StreamingResponse,
    responses={200: {"model": Export, "description": "Everything, as of one moment."}},
)
async def export_user(
    user_id: UserIdPath,
    query: Annotated[UserQuery, Query()],
    session: ReadSessionDependency,
    resources: ResourcesDependency,
) -> Response:
    """Every column of every row that is held of the user in this domain, vectors and the detectors' state included.

    Of an erased user that is the tombstone alone. Not paged: the document is streamed, and may be large.
    """
    file = await export.export(resources, session, user_id, query.domain)
    return StreamingResponse(
        export.chunks(file), media_type="application/json", headers={"Content-Disposition": "attachment"}
    )


ERASED = {"user_id": "$request.path.user_id", "domain": "$request.query.domain"}


@router.delete(
    "/{user_id:path}",
    operation_id="delete_user",
    summary="Erase a user",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(refuse_subresource)],
    responses={204: {"links": {"gone": {"operationId": "get_interest", "parameters": ERASED}}}},
)
async def delete_user(
    user_id: UserIdPath,
    query: Annotated[UserQuery, Query()],
    session: WriteSessionDependency,
    resources: ResourcesDependency,
) -> Response:
    """Delete everything kept of the user in this domain, at once.

    A tombstone stays: behaviours from before the erasure that arrive late are rejected.
    """
    await service.erase(resources, session, user_id, query.domain)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
