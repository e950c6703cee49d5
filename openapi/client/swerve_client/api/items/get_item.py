from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.catalogue_item import CatalogueItem
from ...models.get_item_encoding_format import GetItemEncodingFormat
from ...models.get_item_include_item import GetItemIncludeItem
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    item_id: str,
    *,
    domain: str | Unset = "default",
    include: list[GetItemIncludeItem] | Unset = UNSET,
    encoding_format: GetItemEncodingFormat | Unset = "float",
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["domain"] = domain

    json_include: list[str] | Unset = UNSET
    if not isinstance(include, Unset):
        json_include = []
        for include_item_data in include:
            include_item: str = include_item_data
            json_include.append(include_item)

    params["include"] = json_include

    json_encoding_format: str | Unset = UNSET
    if not isinstance(encoding_format, Unset):
        json_encoding_format = encoding_format

    params["encoding_format"] = json_encoding_format

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/items/{item_id}".format(
            item_id=quote(str(item_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CatalogueItem | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = CatalogueItem.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

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
) -> Response[CatalogueItem | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    item_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[GetItemIncludeItem] | Unset = UNSET,
    encoding_format: GetItemEncodingFormat | Unset = "float",
) -> Response[CatalogueItem | ProblemDetails]:
    """An item of the catalogue

     What is stored of an item, and whether its vector is what it should be.

    Args:
        item_id (str): The item's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[GetItemIncludeItem] | Unset): `vectors`: its vector; `topics`: what it is
            about.
        encoding_format (GetItemEncodingFormat | Unset): Of the vector. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CatalogueItem | ProblemDetails]
    """

    kwargs = _get_kwargs(
        item_id=item_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    item_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[GetItemIncludeItem] | Unset = UNSET,
    encoding_format: GetItemEncodingFormat | Unset = "float",
) -> CatalogueItem | ProblemDetails | None:
    """An item of the catalogue

     What is stored of an item, and whether its vector is what it should be.

    Args:
        item_id (str): The item's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[GetItemIncludeItem] | Unset): `vectors`: its vector; `topics`: what it is
            about.
        encoding_format (GetItemEncodingFormat | Unset): Of the vector. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CatalogueItem | ProblemDetails
    """

    return sync_detailed(
        item_id=item_id,
        client=client,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    ).parsed


async def asyncio_detailed(
    item_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[GetItemIncludeItem] | Unset = UNSET,
    encoding_format: GetItemEncodingFormat | Unset = "float",
) -> Response[CatalogueItem | ProblemDetails]:
    """An item of the catalogue

     What is stored of an item, and whether its vector is what it should be.

    Args:
        item_id (str): The item's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[GetItemIncludeItem] | Unset): `vectors`: its vector; `topics`: what it is
            about.
        encoding_format (GetItemEncodingFormat | Unset): Of the vector. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CatalogueItem | ProblemDetails]
    """

    kwargs = _get_kwargs(
        item_id=item_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    item_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[GetItemIncludeItem] | Unset = UNSET,
    encoding_format: GetItemEncodingFormat | Unset = "float",
) -> CatalogueItem | ProblemDetails | None:
    """An item of the catalogue

     What is stored of an item, and whether its vector is what it should be.

    Args:
        item_id (str): The item's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[GetItemIncludeItem] | Unset): `vectors`: its vector; `topics`: what it is
            about.
        encoding_format (GetItemEncodingFormat | Unset): Of the vector. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CatalogueItem | ProblemDetails
    """

    return (
        await asyncio_detailed(
            item_id=item_id,
            client=client,
            domain=domain,
            include=include,
            encoding_format=encoding_format,
        )
    ).parsed
