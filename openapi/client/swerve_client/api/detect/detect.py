from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.cloud_event import CloudEvent
from ...models.detect_request import DetectRequest
from ...models.detect_response import DetectResponse
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: CloudEvent | list[CloudEvent] | DetectRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/detect",
    }

    if isinstance(body, CloudEvent):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/cloudevents+json"
    if isinstance(body, list):
        _kwargs["json"] = []
        for body_item_data in body:
            body_item = body_item_data.to_dict()
            _kwargs["json"].append(body_item)

        headers["Content-Type"] = "application/cloudevents-batch+json"
    if isinstance(body, DetectRequest):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DetectResponse | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = DetectResponse.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 409:
        response_409 = ProblemDetails.from_dict(response.json())

        return response_409

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
) -> Response[DetectResponse | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CloudEvent | list[CloudEvent] | DetectRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[DetectResponse | ProblemDetails]:
    """Take one user's behaviours in and decide

     Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest
    changed.

    Behaviours are taken in order of `occurred_at`, also across requests as long as they come within a
    minute (a
    setting) of newer ones; those that come later count as of the newest and are listed in `late`. A
    behaviour already
    seen is a duplicate, without effect: sending a request again is safe. With an `Idempotency-Key` it
    also gets the
    same answer again.

    One behaviour may also come as a CloudEvent 1.0, as JSON or with its attributes in headers, and
    several of one user
    as a batch of such.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (CloudEvent): One behaviour. Attributes that are not listed here are let be, as the
            specification asks.
        body (list[CloudEvent]):
        body (DetectRequest): One user's behaviours.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DetectResponse | ProblemDetails]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CloudEvent | list[CloudEvent] | DetectRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> DetectResponse | ProblemDetails | None:
    """Take one user's behaviours in and decide

     Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest
    changed.

    Behaviours are taken in order of `occurred_at`, also across requests as long as they come within a
    minute (a
    setting) of newer ones; those that come later count as of the newest and are listed in `late`. A
    behaviour already
    seen is a duplicate, without effect: sending a request again is safe. With an `Idempotency-Key` it
    also gets the
    same answer again.

    One behaviour may also come as a CloudEvent 1.0, as JSON or with its attributes in headers, and
    several of one user
    as a batch of such.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (CloudEvent): One behaviour. Attributes that are not listed here are let be, as the
            specification asks.
        body (list[CloudEvent]):
        body (DetectRequest): One user's behaviours.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DetectResponse | ProblemDetails
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CloudEvent | list[CloudEvent] | DetectRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[DetectResponse | ProblemDetails]:
    """Take one user's behaviours in and decide

     Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest
    changed.

    Behaviours are taken in order of `occurred_at`, also across requests as long as they come within a
    minute (a
    setting) of newer ones; those that come later count as of the newest and are listed in `late`. A
    behaviour already
    seen is a duplicate, without effect: sending a request again is safe. With an `Idempotency-Key` it
    also gets the
    same answer again.

    One behaviour may also come as a CloudEvent 1.0, as JSON or with its attributes in headers, and
    several of one user
    as a batch of such.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (CloudEvent): One behaviour. Attributes that are not listed here are let be, as the
            specification asks.
        body (list[CloudEvent]):
        body (DetectRequest): One user's behaviours.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DetectResponse | ProblemDetails]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CloudEvent | list[CloudEvent] | DetectRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> DetectResponse | ProblemDetails | None:
    """Take one user's behaviours in and decide

     Update the user's state with 1 to 1,000 behaviours, store a snapshot, and say whether the interest
    changed.

    Behaviours are taken in order of `occurred_at`, also across requests as long as they come within a
    minute (a
    setting) of newer ones; those that come later count as of the newest and are listed in `late`. A
    behaviour already
    seen is a duplicate, without effect: sending a request again is safe. With an `Idempotency-Key` it
    also gets the
    same answer again.

    One behaviour may also come as a CloudEvent 1.0, as JSON or with its attributes in headers, and
    several of one user
    as a batch of such.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (CloudEvent): One behaviour. Attributes that are not listed here are let be, as the
            specification asks.
        body (list[CloudEvent]):
        body (DetectRequest): One user's behaviours.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DetectResponse | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
