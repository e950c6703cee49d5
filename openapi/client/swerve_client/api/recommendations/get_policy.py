from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.policy_in_force import PolicyInForce
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    user_id: str,
    *,
    domain: str | Unset = "default",
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["domain"] = domain

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/users/{user_id}/policy".format(
            user_id=quote(str(user_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PolicyInForce | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = PolicyInForce.from_dict(response.json())

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
) -> Response[PolicyInForce | ProblemDetails]:
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
) -> Response[PolicyInForce | ProblemDetails]:
    """The policy in force

     How to recommend to the user now. Somebody who is not known has the domain's prior, and `status`
    says `new`.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PolicyInForce | ProblemDetails]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
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
) -> PolicyInForce | ProblemDetails | None:
    """The policy in force

     How to recommend to the user now. Somebody who is not known has the domain's prior, and `status`
    says `new`.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PolicyInForce | ProblemDetails
    """

    return sync_detailed(
        user_id=user_id,
        client=client,
        domain=domain,
    ).parsed


async def asyncio_detailed(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
) -> Response[PolicyInForce | ProblemDetails]:
    """The policy in force

     How to recommend to the user now. Somebody who is not known has the domain's prior, and `status`
    says `new`.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PolicyInForce | ProblemDetails]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
) -> PolicyInForce | ProblemDetails | None:
    """The policy in force

     How to recommend to the user now. Somebody who is not known has the domain's prior, and `status`
    says `new`.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PolicyInForce | ProblemDetails
    """

    return (
        await asyncio_detailed(
            user_id=user_id,
            client=client,
            domain=domain,
        )
    ).parsed
