from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...models.put_items_request import PutItemsRequest
from ...models.put_items_response import PutItemsResponse
from ...types import Response


def _get_kwargs(
    *,
    body: PutItemsRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/items",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | PutItemsResponse | None:
    if response.status_code == 200:
        response_200 = PutItemsResponse.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 413:
        response_413 = ProblemDetails.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = ProblemDetails.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemDetails.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = ProblemDetails.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ProblemDetails.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ProblemDetails | PutItemsResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: PutItemsRequest,
) -> Response[ProblemDetails | PutItemsResponse]:
    """Put items into the catalogue

     Add items, or replace those of the same id, 1 to 1,000 at a time.

    They are stored when the answer comes. An item with an embedding can be recommended from then on;
    texts are encoded
    in the background, which `GET /items/progress` tells of. An item that is there exactly so costs
    nothing.

    Args:
        body (PutItemsRequest): Items to be put into a domain's catalogue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | PutItemsResponse]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: PutItemsRequest,
) -> ProblemDetails | PutItemsResponse | None:
    """Put items into the catalogue

     Add items, or replace those of the same id, 1 to 1,000 at a time.

    They are stored when the answer comes. An item with an embedding can be recommended from then on;
    texts are encoded
    in the background, which `GET /items/progress` tells of. An item that is there exactly so costs
    nothing.

    Args:
        body (PutItemsRequest): Items to be put into a domain's catalogue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | PutItemsResponse
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: PutItemsRequest,
) -> Response[ProblemDetails | PutItemsResponse]:
    """Put items into the catalogue

     Add items, or replace those of the same id, 1 to 1,000 at a time.

    They are stored when the answer comes. An item with an embedding can be recommended from then on;
    texts are encoded
    in the background, which `GET /items/progress` tells of. An item that is there exactly so costs
    nothing.

    Args:
        body (PutItemsRequest): Items to be put into a domain's catalogue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | PutItemsResponse]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: PutItemsRequest,
) -> ProblemDetails | PutItemsResponse | None:
    """Put items into the catalogue

     Add items, or replace those of the same id, 1 to 1,000 at a time.

    They are stored when the answer comes. An item with an embedding can be recommended from then on;
    texts are encoded
    in the background, which `GET /items/progress` tells of. An item that is there exactly so costs
    nothing.

    Args:
        body (PutItemsRequest): Items to be put into a domain's catalogue.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | PutItemsResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
