"""What is said to manage webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints

from service.deliveries.addresses import MAX_URL_CHARACTERS
from service.wire import Domain, StrictModel, Time

MAX_PAGE = 200
MAX_RESEND = 1000
CURSOR_PATTERN = r"^v1-[0-9]{1,18}$"
MESSAGE_PATTERN = r"^msg_[0-9a-f]{32}$"

# The forms of addresses and secrets are told here and checked by the service, which knows a remedy.
Url = Annotated[
    str,
    Field(
        max_length=MAX_URL_CHARACTERS,
        description="Where messages are sent: https, and a host whose addresses are public, unless the settings allow "
        "others.",
        examples=["https://shop.example/hooks/swerve"],
        json_schema_extra={"pattern": "^https?://"},
    ),
]
Description = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(description="To know it by."),
]
Secret = Annotated[
    str,
    Field(
        max_length=128,
        description="`whsec_` and base64 of 24 to 64 random bytes; by it messages are signed. Made if absent.",
        json_schema_extra={"pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
    ),
]
MessageId = Annotated[str, StringConstraints(pattern=MESSAGE_PATTERN)]
DeliveryState = Literal["pending", "delivered", "failed"]


class NewWebhook(StrictModel):
    """A webhook to be made."""

    url: Url
    domain: Domain | None = Field(default=None, description="Only changes in this domain are told; null: in all.")
    description: Description = ""
    secret: Secret | None = None


class WebhookUpdate(StrictModel):
    """What to change of a webhook; what is left out stays."""

    url: Url | None = Field(default=None)
    description: Description | None = Field(default=None)
    enabled: bool | None = Field(
        default=None,
        description="While it is false nothing is sent, and changes that happen then are not told later. What was "
        "waiting before goes on when it is true again.",
    )


class Rotation(StrictModel):
    """A change of the secret."""

    secret: Secret | None = None


class Webhook(BaseModel):
    """Who is told of changes."""

    webhook_id: UUID
    url: str
    domain: str | None = Field(description="Null: all domains.")
    description: str
    enabled: bool
    disabled_reason: str | None = Field(description="Why nothing is sent, where that was not asked for.")
    failing_since: datetime | None = Field(description="Since when nothing at all was delivered; null: it works.")
    previous_secret_until: datetime | None = Field(
        description="Until then messages are signed with the secret before, too."
    )
    created_at: datetime


class WebhookWithSecret(Webhook):
    """A webhook and its secret, which is shown this once."""

    secret: str = Field(description="Give it to the receiver, which verifies by it. It is not shown again.")


class WebhookList(BaseModel):
    """All webhooks, oldest first."""

    items: list[Webhook]


class TestResult(BaseModel):
    """What came of a `webhook.test` event that was sent now."""

    __test__ = False

    delivered: bool
    outcome: str = Field(description="The same in a word, such as `timeout` or `refused`.")
    status: int | None = Field(description="That the receiver answered; null without an answer.")
    error: str | None
    seconds: float


class Delivery(BaseModel):
    """A change that is told to one webhook, and how far that has come."""

    message_id: str = Field(description="The `webhook-id` that the receiver gets, the same at every attempt.")
    domain: str
    snapshot_id: UUID = Field(description="Of the change.")
    state: DeliveryState
    attempts: int
    created_at: datetime
    attempted_at: datetime | None
    next_attempt_at: datetime | None = Field(description="Null where there is none to come.")
    ended_at: datetime | None
    status: int | None = Field(description="That the receiver answered last; null without an answer.")
    error: str | None = Field(description="What was wrong at the last attempt.")


class DeliveryPage(BaseModel):
    """Deliveries, newest first."""

    items: list[Delivery]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page. Null on the last one.")


class DeliveryQuery(StrictModel):
    """Which deliveries to send."""

    state: Annotated[DeliveryState | None, Query(description="Only those in this state.")] = None
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Deliveries a page.")] = 50
    cursor: Annotated[
        Annotated[str, Field(max_length=64, json_schema_extra={"pattern": CURSOR_PATTERN})] | None,
        Query(description="`next_cursor` of the page before, unchanged."),
    ] = None


class Resend(StrictModel):
    """Which failed deliveries to send again: those named, or those made since a time, or all."""

    message_ids: list[MessageId] | None = Field(default=None, min_length=1, max_length=MAX_RESEND)
    since: Time | None = Field(default=None)


class Resent(BaseModel):
    """How many failed deliveries are sent again from now on."""

    resent: int
