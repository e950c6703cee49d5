"""`/items`."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, status

from service.dependencies import ReadSessionDependency, WriteSessionDependency
from service.items import service
from service.items.schemas import (
    NAME,
    CatalogueItem,
    ItemQuery,
    ItemsProgress,
    ItemsQuery,
    PutItemsRequest,
    PutItemsResponse,
)
from service.problems import DatabaseUnavailable, Saturated, UnknownItem, responses
from service.resources import ResourcesDependency

router = APIRouter(prefix="/items", tags=["items"], responses=responses(DatabaseUnavailable, Saturated))

# `:path`, so that ids with a slash can be asked for, too.
ItemIdPath = Annotated[str, Path(pattern=NAME, description="The item's id in your system.")]


@router.put("", operation_id="put_items", summary="Put items into the catalogue")
async def put_items(request: PutItemsRequest, resources: ResourcesDependency) -> PutItemsResponse:
    """Add items, or replace those of the same id, 1 to 1,000 at a time.

    They are stored when the answer comes. An item with an embedding can be recommended from then on; texts are encoded
    in the background, which `GET /items/progress` tells of. An item that is there exactly so costs nothing.
    """
    return await service.put(resources, request)


@router.get("/progress", operation_id="get_items_progress", summary="How far the catalogue is encoded")
async def get_items_progress(
    query: Annotated[ItemsQuery, Query()], session: ReadSessionDependency, resources: ResourcesDependency
) -> ItemsProgress:
    """Of a domain, for this replica's model. It counts every item: about a second for a million."""
    return await service.progress(resources, session, query.domain)


@router.get(
    "/{item_id:path}", operation_id="get_item", summary="An item of the catalogue", responses=responses(UnknownItem)
)
async def get_item(
    item_id: ItemIdPath,
    query: Annotated[ItemQuery, Query()],
    session: ReadSessionDependency,
    resources: ResourcesDependency,
) -> CatalogueItem:
    """What is stored of an item, and whether its vector is what it should be."""
    return await service.get(resources, session, item_id, query)


GONE = {"item_id": "$request.path.item_id", "domain": "$request.query.domain"}


@router.delete(
    "/{item_id:path}",
    operation_id="delete_item",
    summary="Take an item out of the catalogue",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=responses(UnknownItem) | {204: {"links": {"gone": {"operationId": "get_item", "parameters": GONE}}}},
)
async def delete_item(
    item_id: ItemIdPath, query: Annotated[ItemsQuery, Query()], session: WriteSessionDependency
) -> Response:
    """It is not recommended any more, by any replica, and nothing is kept of it."""
    await service.delete(session, item_id, query.domain)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
