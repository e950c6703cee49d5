from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...models.recommendations import Recommendations
from ...types import UNSET, Response, Unset


def _get_kwargs(
    user_id: str,
    *,
    domain: str | Unset = "default",
    k: int | Unset = 20,
    exclude_seen: bool | Unset = True,
    category: None | str | Unset = UNSET,
    explain: bool | Unset = False,
    diversity: float | Unset = 0.1,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["domain"] = domain

    params["k"] = k

    params["exclude_seen"] = exclude_seen

    json_category: None | str | Unset
    if isinstance(category, Unset):
        json_category = UNSET
    else:
        json_category = category
    params["category"] = json_category

    params["explain"] = explain

    params["diversity"] = diversity

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/users/{user_id}/recommendations".format(
            user_id=quote(str(user_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDetails | Recommendations | None:
    if response.status_code == 200:
        response_200 = Recommendations.from_dict(response.json())

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
) -> Response[ProblemDetails | Recommendations]:
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
    k: int | Unset = 20,
    exclude_seen: bool | Unset = True,
    category: None | str | Unset = UNSET,
    explain: bool | Unset = False,
    diversity: float | Unset = 0.1,
) -> Response[ProblemDetails | Recommendations]:
    """Items for a user

     Items of the catalogue under the user's policy, the best first.

    Candidates are near to those behaviours that foretell the user now, or liked by many; those of the
    present interest,
    of earlier ones and of everybody are mixed as has foretold this user so far.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        k (int | Unset): How many items. Default: 20.
        exclude_seen (bool | Unset): Leave out items that a behaviour of the user was about (by
            `item_id`). Default: True.
        category (None | str | Unset): Only items of this category.
        explain (bool | Unset): Say because of which behaviours, and what the item is about.
            Default: False.
        diversity (float | Unset): How much unlikeness to the items above may cost (maximal
            marginal relevance); 0: nothing. Default: 0.1.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | Recommendations]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        k=k,
        exclude_seen=exclude_seen,
        category=category,
        explain=explain,
        diversity=diversity,
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
    k: int | Unset = 20,
    exclude_seen: bool | Unset = True,
    category: None | str | Unset = UNSET,
    explain: bool | Unset = False,
    diversity: float | Unset = 0.1,
) -> ProblemDetails | Recommendations | None:
    """Items for a user

     Items of the catalogue under the user's policy, the best first.

    Candidates are near to those behaviours that foretell the user now, or liked by many; those of the
    present interest,
    of earlier ones and of everybody are mixed as has foretold this user so far.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        k (int | Unset): How many items. Default: 20.
        exclude_seen (bool | Unset): Leave out items that a behaviour of the user was about (by
            `item_id`). Default: True.
        category (None | str | Unset): Only items of this category.
        explain (bool | Unset): Say because of which behaviours, and what the item is about.
            Default: False.
        diversity (float | Unset): How much unlikeness to the items above may cost (maximal
            marginal relevance); 0: nothing. Default: 0.1.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | Recommendations
    """

    return sync_detailed(
        user_id=user_id,
        client=client,
        domain=domain,
        k=k,
        exclude_seen=exclude_seen,
        category=category,
        explain=explain,
        diversity=diversity,
    ).parsed


async def asyncio_detailed(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    k: int | Unset = 20,
    exclude_seen: bool | Unset = True,
    category: None | str | Unset = UNSET,
    explain: bool | Unset = False,
    diversity: float | Unset = 0.1,
) -> Response[ProblemDetails | Recommendations]:
    """Items for a user

     Items of the catalogue under the user's policy, the best first.

    Candidates are near to those behaviours that foretell the user now, or liked by many; those of the
    present interest,
    of earlier ones and of everybody are mixed as has foretold this user so far.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        k (int | Unset): How many items. Default: 20.
        exclude_seen (bool | Unset): Leave out items that a behaviour of the user was about (by
            `item_id`). Default: True.
        category (None | str | Unset): Only items of this category.
        explain (bool | Unset): Say because of which behaviours, and what the item is about.
            Default: False.
        diversity (float | Unset): How much unlikeness to the items above may cost (maximal
            marginal relevance); 0: nothing. Default: 0.1.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | Recommendations]
    """

    kwargs = _get_kwargs(
        user_id=user_id,
        domain=domain,
        k=k,
        exclude_seen=exclude_seen,
        category=category,
        explain=explain,
        diversity=diversity,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    user_id: str,
    *,
    client: AuthenticatedClient,
    domain: str | Unset = "default",
    k: int | Unset = 20,
    exclude_seen: bool | Unset = True,
    category: None | str | Unset = UNSET,
    explain: bool | Unset = False,
    diversity: float | Unset = 0.1,
) -> ProblemDetails | Recommendations | None:
    """Items for a user

     Items of the catalogue under the user's policy, the best first.

    Candidates are near to those behaviours that foretell the user now, or liked by many; those of the
    present interest,
    of earlier ones and of everybody are mixed as has foretold this user so far.

    Args:
        user_id (str): The user's id in your system.
        domain (str | Unset): Interests, calibration and policy are kept per domain. Default:
            'default'.
        k (int | Unset): How many items. Default: 20.
        exclude_seen (bool | Unset): Leave out items that a behaviour of the user was about (by
            `item_id`). Default: True.
        category (None | str | Unset): Only items of this category.
        explain (bool | Unset): Say because of which behaviours, and what the item is about.
            Default: False.
        diversity (float | Unset): How much unlikeness to the items above may cost (maximal
            marginal relevance); 0: nothing. Default: 0.1.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | Recommendations
    """

    return (
        await asyncio_detailed(
            user_id=user_id,
            client=client,
            domain=domain,
            k=k,
            exclude_seen=exclude_seen,
            category=category,
            explain=explain,
            diversity=diversity,
        )
    ).parsed
