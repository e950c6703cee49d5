from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.batch_request import BatchRequest
from ...models.batch_response import BatchResponse
from ...models.cloud_event import CloudEvent
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: list[CloudEvent] | BatchRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/detect/batch",
    }

    if isinstance(body, list):
        _kwargs["json"] = []
        for body_item_data in body:
            body_item = body_item_data.to_dict()
            _kwargs["json"].append(body_item)

        headers["Content-Type"] = "application/cloudevents-batch+json"
    if isinstance(body, BatchRequest):
        _kwargs["json"] = body.to_dict()

        headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> BatchResponse | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = BatchResponse.from_dict(response.json())

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
) -> Response[BatchResponse | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: list[CloudEvent] | BatchRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchResponse | ProblemDetails]:
    """The same for many users

     A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the
    others.

    An `Idempotency-Key` counts for each request together with its place in the batch: sent again, those
    that had a
    result get it again, those that had a problem are tried again.

    Under a rate limit a batch counts as the requests in it.

    A batch of CloudEvents 1.0 is one request for each user in it, in the order in which users first
    appear.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (list[CloudEvent]):
        body (BatchRequest): Many users' behaviours. Each entry stands for itself: one that is
            malformed does not fail the others.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResponse | ProblemDetails]
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
    body: list[CloudEvent] | BatchRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> BatchResponse | ProblemDetails | None:
    """The same for many users

     A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the
    others.

    An `Idempotency-Key` counts for each request together with its place in the batch: sent again, those
    that had a
    result get it again, those that had a problem are tried again.

    Under a rate limit a batch counts as the requests in it.

    A batch of CloudEvents 1.0 is one request for each user in it, in the order in which users first
    appear.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (list[CloudEvent]):
        body (BatchRequest): Many users' behaviours. Each entry stands for itself: one that is
            malformed does not fail the others.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResponse | ProblemDetails
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: list[CloudEvent] | BatchRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchResponse | ProblemDetails]:
    """The same for many users

     A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the
    others.

    An `Idempotency-Key` counts for each request together with its place in the batch: sent again, those
    that had a
    result get it again, those that had a problem are tried again.

    Under a rate limit a batch counts as the requests in it.

    A batch of CloudEvents 1.0 is one request for each user in it, in the order in which users first
    appear.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (list[CloudEvent]):
        body (BatchRequest): Many users' behaviours. Each entry stands for itself: one that is
            malformed does not fail the others.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResponse | ProblemDetails]
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
    body: list[CloudEvent] | BatchRequest | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> BatchResponse | ProblemDetails | None:
    """The same for many users

     A result or a problem for each request, in order. Each is stored by itself, whatever becomes of the
    others.

    An `Idempotency-Key` counts for each request together with its place in the batch: sent again, those
    that had a
    result get it again, those that had a problem are tried again.

    Under a rate limit a batch counts as the requests in it.

    A batch of CloudEvents 1.0 is one request for each user in it, in the order in which users first
    appear.

    Args:
        idempotency_key (str | Unset): Names this request, 1 to 255 characters, such as a UUID.
            Sent again with the same key and body, it is carried out once: the first answer is sent
            again.
        body (list[CloudEvent]):
        body (BatchRequest): Many users' behaviours. Each entry stands for itself: one that is
            malformed does not fail the others.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResponse | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
