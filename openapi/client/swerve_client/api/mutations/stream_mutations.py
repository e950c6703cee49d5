from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    domain: None | str | Unset = UNSET,
    last_event_id: None | str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(last_event_id, Unset):
        headers["last-event-id"] = last_event_id

    params: dict[str, Any] = {}

    json_domain: None | str | Unset
    if isinstance(domain, Unset):
        json_domain = UNSET
    else:
        json_domain = domain
    params["domain"] = json_domain

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/mutations/stream",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ProblemDetails | str | None:
    if response.status_code == 200:
        response_200 = response.text
        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

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
) -> Response[ProblemDetails | str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    domain: None | str | Unset = UNSET,
    last_event_id: None | str | Unset = UNSET,
) -> Response[ProblemDetails | str]:
    """Changes as they are declared

     Every change of every user, or of one domain's, within about a second of being stored.

    Comments are sent every 15 s. A client that was away sends `Last-Event-ID`, as browsers do by
    themselves, and gets
    what it missed, as long as that is kept. One that is too slow is cut off, and resumes so, too.

    Args:
        domain (None | str | Unset): Only changes in this domain.
        last_event_id (None | str | Unset): `id` of the last event that was seen: what came after
            it is sent first.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | str]
    """

    kwargs = _get_kwargs(
        domain=domain,
        last_event_id=last_event_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    domain: None | str | Unset = UNSET,
    last_event_id: None | str | Unset = UNSET,
) -> ProblemDetails | str | None:
    """Changes as they are declared

     Every change of every user, or of one domain's, within about a second of being stored.

    Comments are sent every 15 s. A client that was away sends `Last-Event-ID`, as browsers do by
    themselves, and gets
    what it missed, as long as that is kept. One that is too slow is cut off, and resumes so, too.

    Args:
        domain (None | str | Unset): Only changes in this domain.
        last_event_id (None | str | Unset): `id` of the last event that was seen: what came after
            it is sent first.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | str
    """

    return sync_detailed(
        client=client,
        domain=domain,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    domain: None | str | Unset = UNSET,
    last_event_id: None | str | Unset = UNSET,
) -> Response[ProblemDetails | str]:
    """Changes as they are declared

     Every change of every user, or of one domain's, within about a second of being stored.

    Comments are sent every 15 s. A client that was away sends `Last-Event-ID`, as browsers do by
    themselves, and gets
    what it missed, as long as that is kept. One that is too slow is cut off, and resumes so, too.

    Args:
        domain (None | str | Unset): Only changes in this domain.
        last_event_id (None | str | Unset): `id` of the last event that was seen: what came after
            it is sent first.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | str]
    """

    kwargs = _get_kwargs(
        domain=domain,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    domain: None | str | Unset = UNSET,
    last_event_id: None | str | Unset = UNSET,
) -> ProblemDetails | str | None:
    """Changes as they are declared

     Every change of every user, or of one domain's, within about a second of being stored.

    Comments are sent every 15 s. A client that was away sends `Last-Event-ID`, as browsers do by
    themselves, and gets
    what it missed, as long as that is kept. One that is too slow is cut off, and resumes so, too.

    Args:
        domain (None | str | Unset): Only changes in this domain.
        last_event_id (None | str | Unset): `id` of the last event that was seen: what came after
            it is sent first.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | str
    """

    return (
        await asyncio_detailed(
            client=client,
            domain=domain,
            last_event_id=last_event_id,
        )
    ).parsed
