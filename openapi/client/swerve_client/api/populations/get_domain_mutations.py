import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.domain_mutations import DomainMutations
from ...models.get_domain_mutations_bucket import GetDomainMutationsBucket
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    domain: str,
    *,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    bucket: GetDomainMutationsBucket | Unset = "day",
    limit: int | Unset = 20,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

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

    json_bucket: str | Unset = UNSET
    if not isinstance(bucket, Unset):
        json_bucket = bucket

    params["bucket"] = json_bucket

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/domains/{domain}/mutations".format(
            domain=quote(str(domain), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DomainMutations | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = DomainMutations.from_dict(response.json())

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
) -> Response[DomainMutations | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    domain: str,
    *,
    client: AuthenticatedClient,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    bucket: GetDomainMutationsBucket | Unset = "day",
    limit: int | Unset = 20,
) -> Response[DomainMutations | ProblemDetails]:
    """What the changes of a domain's users have in common

     How many users changed and when, the topics that they gained and lost, and shifts of the whole
    population.

    A shift is many users turning to one topic at once, far beyond what is usual in the domain: news or
    a season,
    rather than each user's own change. Counts are of what is kept: erased users are no longer in them.

    Args:
        domain (str): Interests, calibration and policy are kept per domain.
        since (datetime.datetime | None | Unset): Changes recorded then or later; 7 days before
            `until` if absent.
        until (datetime.datetime | None | Unset): Changes recorded before then; now if absent.
        bucket (GetDomainMutationsBucket | Unset): Length of the stretches of time, each whole in
            UTC. Default: 'day'.
        limit (int | Unset): Topics gained and topics lost at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DomainMutations | ProblemDetails]
    """

    kwargs = _get_kwargs(
        domain=domain,
        since=since,
        until=until,
        bucket=bucket,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    domain: str,
    *,
    client: AuthenticatedClient,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    bucket: GetDomainMutationsBucket | Unset = "day",
    limit: int | Unset = 20,
) -> DomainMutations | ProblemDetails | None:
    """What the changes of a domain's users have in common

     How many users changed and when, the topics that they gained and lost, and shifts of the whole
    population.

    A shift is many users turning to one topic at once, far beyond what is usual in the domain: news or
    a season,
    rather than each user's own change. Counts are of what is kept: erased users are no longer in them.

    Args:
        domain (str): Interests, calibration and policy are kept per domain.
        since (datetime.datetime | None | Unset): Changes recorded then or later; 7 days before
            `until` if absent.
        until (datetime.datetime | None | Unset): Changes recorded before then; now if absent.
        bucket (GetDomainMutationsBucket | Unset): Length of the stretches of time, each whole in
            UTC. Default: 'day'.
        limit (int | Unset): Topics gained and topics lost at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DomainMutations | ProblemDetails
    """

    return sync_detailed(
        domain=domain,
        client=client,
        since=since,
        until=until,
        bucket=bucket,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    domain: str,
    *,
    client: AuthenticatedClient,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    bucket: GetDomainMutationsBucket | Unset = "day",
    limit: int | Unset = 20,
) -> Response[DomainMutations | ProblemDetails]:
    """What the changes of a domain's users have in common

     How many users changed and when, the topics that they gained and lost, and shifts of the whole
    population.

    A shift is many users turning to one topic at once, far beyond what is usual in the domain: news or
    a season,
    rather than each user's own change. Counts are of what is kept: erased users are no longer in them.

    Args:
        domain (str): Interests, calibration and policy are kept per domain.
        since (datetime.datetime | None | Unset): Changes recorded then or later; 7 days before
            `until` if absent.
        until (datetime.datetime | None | Unset): Changes recorded before then; now if absent.
        bucket (GetDomainMutationsBucket | Unset): Length of the stretches of time, each whole in
            UTC. Default: 'day'.
        limit (int | Unset): Topics gained and topics lost at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DomainMutations | ProblemDetails]
    """

    kwargs = _get_kwargs(
        domain=domain,
        since=since,
        until=until,
        bucket=bucket,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    domain: str,
    *,
    client: AuthenticatedClient,
    since: datetime.datetime | None | Unset = UNSET,
    until: datetime.datetime | None | Unset = UNSET,
    bucket: GetDomainMutationsBucket | Unset = "day",
    limit: int | Unset = 20,
) -> DomainMutations | ProblemDetails | None:
    """What the changes of a domain's users have in common

     How many users changed and when, the topics that they gained and lost, and shifts of the whole
    population.

    A shift is many users turning to one topic at once, far beyond what is usual in the domain: news or
    a season,
    rather than each user's own change. Counts are of what is kept: erased users are no longer in them.

    Args:
        domain (str): Interests, calibration and policy are kept per domain.
        since (datetime.datetime | None | Unset): Changes recorded then or later; 7 days before
            `until` if absent.
        until (datetime.datetime | None | Unset): Changes recorded before then; now if absent.
        bucket (GetDomainMutationsBucket | Unset): Length of the stretches of time, each whole in
            UTC. Default: 'day'.
        limit (int | Unset): Topics gained and topics lost at most. Default: 20.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DomainMutations | ProblemDetails
    """

    return (
        await asyncio_detailed(
            domain=domain,
            client=client,
            since=since,
            until=until,
            bucket=bucket,
            limit=limit,
        )
    ).parsed
