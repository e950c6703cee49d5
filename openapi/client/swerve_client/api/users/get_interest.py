from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.get_interest_encoding_format import GetInterestEncodingFormat
from ...models.problem_details import ProblemDetails
from ...models.snapshot import Snapshot
from ...types import UNSET, Response, Unset


def _get_kwargs(
    user_id: str,
    *,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetInterestEncodingFormat | Unset = "float",
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["domain"] = domain

    json_include: list[Literal["vectors"]] | Unset = UNSET
    if not isinstance(include, Unset):
        json_include = include

    params["include"] = json_include

    json_encoding_format: str | Unset = UNSET
    if not isinstance(encoding_format, Unset):
        json_encoding_format = encoding_format

    params["encoding_format"] = json_encoding_format

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/users/{user_id}/interest".format(
            user_id=quote(str(user_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | Snapshot | None:
    if response.status_code == 200:
        response_200 = Snapshot.from_dict(response.json())

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
) -> Response[ProblemDetails | Snapshot]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetInterestEncodingFormat | Unset = "float",
) -> Response[ProblemDetails | Snapshot]:
    """The latest snapshot

     What the user is interested in now, and the last decision about it.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetInterestEncodingFormat | Unset): Of vectors. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | Snapshot]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetInterestEncodingFormat | Unset = "float",
) -> ProblemDetails | Snapshot | None:
    """The latest snapshot

     What the user is interested in now, and the last decision about it.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetInterestEncodingFormat | Unset): Of vectors. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | Snapshot
    """

    return sync_detailed(
        user_id=user_id,
        client=client,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    ).parsed


async def asyncio_detailed(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetInterestEncodingFormat | Unset = "float",
) -> Response[ProblemDetails | Snapshot]:
    """The latest snapshot

     What the user is interested in now, and the last decision about it.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetInterestEncodingFormat | Unset): Of vectors. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | Snapshot]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetInterestEncodingFormat | Unset = "float",
) -> ProblemDetails | Snapshot | None:
    """The latest snapshot

     What the user is interested in now, and the last decision about it.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetInterestEncodingFormat | Unset): Of vectors. Default: 'float'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | Snapshot
    """

    return (
        await asyncio_detailed(
            user_id=user_id,
            client=client,
            domain=domain,
            include=include,
            encoding_format=encoding_format,
        )
    ).parsed
