"""`/webhooks`."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response, status

from service.deliveries.sender import Sender
from service.dependencies import ReadSessionDependency, WriteSessionDependency
from service.problems import DatabaseUnavailable, InvalidRequest, Saturated, responses
from service.resources import ResourcesDependency
from service.webhooks import service
from service.webhooks.problems import TooManyWebhooks, UnknownWebhook, WebhookSecretUnreadable
from service.webhooks.schemas import (
    DeliveryPage,
    DeliveryQuery,
    NewWebhook,
    Resend,
    Resent,
    Rotation,
    TestResult,
    Webhook,
    WebhookList,
    WebhookUpdate,
    WebhookWithSecret,
)

router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=responses(DatabaseUnavailable, Saturated))


async def get_sender(request: Request) -> Sender:
    """The app's sender of messages."""
    sender: Sender = request.app.state.sender
    return sender


SenderDependency = Annotated[Sender, Depends(get_sender)]
OF_RESULT = {"webhook_id": "$response.body#/webhook_id"}


@router.post(
    "",
    operation_id="create_webhook",
    summary="Have changes told to a receiver",
    status_code=status.HTTP_201_CREATED,
    responses=responses(TooManyWebhooks, InvalidRequest)
    | {201: {"links": {"it": {"operationId": "get_webhook", "parameters": OF_RESULT}}}},
)
async def create_webhook(
    asked: NewWebhook, session: WriteSessionDependency, resources: ResourcesDependency, sender: SenderDependency
) -> WebhookWithSecret:
    """Each change from now on is posted to the address as `interest.mutation.detected`, by Standard Webhooks.

    The answer has the secret, by which the receiver verifies messages, this once.
    """
    return await service.create(session, resources.secrets, sender, asked)


@router.get("", operation_id="list_webhooks", summary="All webhooks")
async def list_webhooks(session: ReadSessionDependency) -> WebhookList:
    """All webhooks, oldest first. Secrets are not shown."""
    return WebhookList(items=await service.every(session))


@router.get("/{webhook_id}", operation_id="get_webhook", summary="A webhook", responses=responses(UnknownWebhook))
async def get_webhook(webhook_id: UUID, session: ReadSessionDependency) -> Webhook:
    """A webhook, and whether it works. Its secret is not shown."""
    return await service.get(session, webhook_id)


@router.patch(
    "/{webhook_id}",
    operation_id="update_webhook",
    summary="Change, disable or enable a webhook",
    responses=responses(UnknownWebhook, InvalidRequest),
)
async def update_webhook(
    webhook_id: UUID, asked: WebhookUpdate, session: WriteSessionDependency, sender: SenderDependency
) -> Webhook:
    """What is left out stays. Enabled again, what waited is sent at once."""
    return await service.change(session, sender, webhook_id, asked)


@router.delete(
    "/{webhook_id}",
    operation_id="delete_webhook",
    summary="Delete a webhook",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=responses(UnknownWebhook),
)
async def delete_webhook(webhook_id: UUID, session: WriteSessionDependency) -> Response:
    """It is told nothing more; its deliveries are deleted with it."""
    await service.remove(session, webhook_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Give a webhook another secret",
    responses=responses(UnknownWebhook, InvalidRequest),
)
async def rotate_webhook_secret(
    webhook_id: UUID, session: WriteSessionDependency, resources: ResourcesDependency, asked: Rotation | None = None
) -> WebhookWithSecret:
    """For 24 hours messages are signed with the secret before, too, so that the receiver can be changed meanwhile."""
    return await service.rotate(session, resources.secrets, webhook_id, asked or Rotation())


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    summary="Send a test event now",
    responses=responses(UnknownWebhook, WebhookSecretUnreadable),
)
async def test_webhook(webhook_id: UUID, resources: ResourcesDependency, sender: SenderDependency) -> TestResult:
    """Sends a `webhook.test` event, once, also to a disabled webhook, and tells what came of it."""
    now = datetime.now(UTC)
    async with resources.read_sessions() as session:  # given back before the receiver is waited for
        to = await service.signing(session, resources.secrets, webhook_id, now)
    return await service.send_test(sender, to, webhook_id, now)


NEXT_PAGE = {"webhook_id": "$request.path.webhook_id", "cursor": "$response.body#/next_cursor"}


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    summary="Deliveries, newest first",
    responses=responses(UnknownWebhook)
    | {200: {"links": {"next": {"operationId": "list_webhook_deliveries", "parameters": NEXT_PAGE}}}},
)
async def list_webhook_deliveries(
    webhook_id: UUID, query: Annotated[DeliveryQuery, Query()], session: ReadSessionDependency
) -> DeliveryPage:
    """What was told and what waits or failed, a page at a time. Kept for some days."""
    return await service.deliveries(session, webhook_id, query)


@router.post(
    "/{webhook_id}/resend",
    operation_id="resend_webhook_deliveries",
    summary="Send failed deliveries again",
    responses=responses(UnknownWebhook),
)
async def resend_webhook_deliveries(
    webhook_id: UUID, session: WriteSessionDependency, asked: Resend | None = None
) -> Resent:
    """Failed deliveries, all or some, are tried again from the beginning of the schedule, under the same id."""
    return await service.resend(session, webhook_id, asked or Resend())
