"""What a receiver is sent, for the OpenAPI document."""

from typing import Annotated

from fastapi import APIRouter, Header, status

from service.mutations.schemas import EVENT_TYPE, MutationEvent

webhooks = APIRouter(tags=["webhooks"])


@webhooks.post(
    EVENT_TYPE,
    operation_id="receive_mutation",
    summary="A user's interest has changed",
    status_code=status.HTTP_204_NO_CONTENT,
    responses={
        204: {"description": "Any 2xx within 15 s: taken. Work later."},
        410: {"description": "No more messages are wanted: the webhook is disabled."},
        429: {"description": "Too many: sent again, not before `Retry-After`."},
    },
)
def receive_mutation(
    body: MutationEvent,
    webhook_id: Annotated[str, Header(alias="webhook-id", description="The same at every attempt: drop duplicates.")],
    webhook_timestamp: Annotated[int, Header(alias="webhook-timestamp", description="Seconds: of this attempt.")],
    webhook_signature: Annotated[
        str,
        Header(
            alias="webhook-signature",
            description="`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several, with spaces between, while "
            "the secret is being changed.",
        ),
    ],
) -> None:
    """By Standard Webhooks: verify the signature before the body is believed. Sent at least once."""
