import datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.get_history_encoding_format import GetHistoryEncodingFormat
from ...models.problem_details import ProblemDetails
from ...models.snapshot_page import SnapshotPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    user_id: str,
    *,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetHistoryEncodingFormat | Unset = "float",
    limit: int | Unset = 50,
    cursor: None | str | Unset = UNSET,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    mutated_only: bool | Unset = False,
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

    params["limit"] = limit

    json_cursor: None | str | Unset
    if isinstance(cursor, Unset):
        json_cursor = UNSET
    else:
        json_cursor = cursor
    params["cursor"] = json_cursor

    json_since: None | str | Unset
    if isinstance(since, Unset):
        json_since = UNSET
    elif isinstance(since, datetime.datetime):
        json_since = since.isoformat()
    else:
        json_since = since
    params["since"] = json_since

    json_until: None | str | Unset
    if isinstance(until, Unset):
        json_until = UNSET
    elif isinstance(until, datetime.datetime):
        json_until = until.isoformat()
    else:
        json_until = until
    params["until"] = json_until

    params["mutated_only"] = mutated_only

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/users/{user_id}/history".format(
            user_id=quote(str(user_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | SnapshotPage | None:
    if response.status_code == 200:
        response_200 = SnapshotPage.from_dict(response.json())

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
) -> Response[ProblemDetails | SnapshotPage]:
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
    encoding_format: GetHistoryEncodingFormat | Unset = "float",
    limit: int | Unset = 50,
    cursor: None | str | Unset = UNSET,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    mutated_only: bool | Unset = False,
) -> Response[ProblemDetails | SnapshotPage]:
    """Snapshots, newest first

     How the user's interest went, a page at a time.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetHistoryEncodingFormat | Unset): Of vectors. Default: 'float'.
        limit (int | Unset): Snapshots a page. Default: 50.
        cursor (None | str | Unset): `next_cursor` of the page before, unchanged.
        since (datetime.datetime | None | Unset): Only snapshots taken then or later.
        until (datetime.datetime | None | Unset): Only snapshots taken before then.
        mutated_only (bool | Unset): Only snapshots taken for a change. Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SnapshotPage]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
        limit=limit,
        cursor=cursor,
        since=since,
        until=until,
        mutated_only=mutated_only,
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
    encoding_format: GetHistoryEncodingFormat | Unset = "float",
    limit: int | Unset = 50,
    cursor: None | str | Unset = UNSET,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    mutated_only: bool | Unset = False,
) -> ProblemDetails | SnapshotPage | None:
    """Snapshots, newest first

     How the user's interest went, a page at a time.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetHistoryEncodingFormat | Unset): Of vectors. Default: 'float'.
        limit (int | Unset): Snapshots a page. Default: 50.
        cursor (None | str | Unset): `next_cursor` of the page before, unchanged.
        since (datetime.datetime | None | Unset): Only snapshots taken then or later.
        until (datetime.datetime | None | Unset): Only snapshots taken before then.
        mutated_only (bool | Unset): Only snapshots taken for a change. Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SnapshotPage
    """

    return sync_detailed(
        user_id=user_id,
        client=client,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
        limit=limit,
        cursor=cursor,
        since=since,
        until=until,
        mutated_only=mutated_only,
    ).parsed


async def asyncio_detailed(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetHistoryEncodingFormat | Unset = "float",
    limit: int | Unset = 50,
    cursor: None | str | Unset = UNSET,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    mutated_only: bool | Unset = False,
) -> Response[ProblemDetails | SnapshotPage]:
    """Snapshots, newest first

     How the user's interest went, a page at a time.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetHistoryEncodingFormat | Unset): Of vectors. Default: 'float'.
        limit (int | Unset): Snapshots a page. Default: 50.
        cursor (None | str | Unset): `next_cursor` of the page before, unchanged.
        since (datetime.datetime | None | Unset): Only snapshots taken then or later.
        until (datetime.datetime | None | Unset): Only snapshots taken before then.
        mutated_only (bool | Unset): Only snapshots taken for a change. Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SnapshotPage]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        include=include,
        encoding_format=encoding_format,
        limit=limit,
        cursor=cursor,
        since=since,
        until=until,
        mutated_only=mutated_only,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    include: list[Literal["vectors"]] | Unset = UNSET,
    encoding_format: GetHistoryEncodingFormat | Unset = "float",
    limit: int | Unset = 50,
    cursor: None | str | Unset = UNSET,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    mutated_only: bool | Unset = False,
) -> ProblemDetails | SnapshotPage | None:
    """Snapshots, newest first

     How the user's interest went, a page at a time.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        include (list[Literal['vectors']] | Unset): `vectors`: the interest vectors.
        encoding_format (GetHistoryEncodingFormat | Unset): Of vectors. Default: 'float'.
        limit (int | Unset): Snapshots a page. Default: 50.
        cursor (None | str | Unset): `next_cursor` of the page before, unchanged.
        since (datetime.datetime | None | Unset): Only snapshots taken then or later.
        until (datetime.datetime | None | Unset): Only snapshots taken before then.
        mutated_only (bool | Unset): Only snapshots taken for a change. Default: False.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SnapshotPage
    """

    return (
        await asyncio_detailed(
            user_id=user_id,
            client=client,
            domain=domain,
            include=include,
            encoding_format=encoding_format,
            limit=limit,
            cursor=cursor,
            since=since,
            until=until,
            mutated_only=mutated_only,
        )
    ).parsed
