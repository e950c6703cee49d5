"""Managing webhooks, for requests and for the command line alike."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson

from service.database.sessions import ReadSession, WriteSession
from service.database.tables import WebhookDeliveryRow, WebhookRow
from service.deliveries.addresses import AddressError
from service.deliveries.sender import Sender
from service.mutations.message import message_id
from service.problems import FieldError, InvalidRequest
from service.sealing import SealError, seal, unseal
from service.webhooks import repository
from service.webhooks.problems import TooManyWebhooks, UnknownWebhook, WebhookSecretUnreadable
from service.webhooks.schemas import (
    CURSOR_PATTERN,
    Delivery,
    DeliveryPage,
    DeliveryQuery,
    NewWebhook,
    Resend,
    Resent,
    Rotation,
    TestResult,
    Webhook,
    WebhookUpdate,
    WebhookWithSecret,
)
from service.webhooks.signing import check_secret, new_secret, signed_headers

MAX_WEBHOOKS = 100
OVERLAP = timedelta(hours=24)
"""How long messages are signed with the secret before, too, after a rotation."""
TEST_TYPE = "webhook.test"

Keys = Sequence[bytes]
"""The user-key secrets, by which secrets of webhooks are sealed: the present one, then others."""


@dataclass(frozen=True, slots=True)
class Signing:
    """What a message to a webhook needs: where it goes, and the secrets that sign it."""

    url: str
    secrets: Sequence[str]


async def create(session: WriteSession, keys: Keys, sender: Sender, asked: NewWebhook) -> WebhookWithSecret:
    """Make a webhook. Changes that begin to be stored from now on are told to it.

    Raises:
        InvalidRequest: the address or the secret cannot be used.
        TooManyWebhooks: there are too many.
    """
    secret = _secret(asked.secret)
    url = await _checked(sender, asked.url)
    if await repository.count_alone(session) >= MAX_WEBHOOKS:
        raise TooManyWebhooks
    now, xid = await repository.now(session)
    webhook_id = uuid4()
    row = WebhookRow(
        webhook_id=webhook_id,
        url=url,
        domain=asked.domain,
        description=asked.description,
        enabled=True,
        secret=seal(keys[0], secret, about=webhook_id.bytes),
        since_xid=xid,
        created_at=now,
    )
    repository.add(session, row)
    return WebhookWithSecret(**_told(row).model_dump(), secret=secret)


async def every(session: ReadSession) -> list[Webhook]:
    """All webhooks, oldest first."""
    return [_told(row) for row in await repository.every(session)]


async def get(session: ReadSession, webhook_id: UUID) -> Webhook:
    """A webhook.

    Raises:
        UnknownWebhook: there is none.
    """
    return _told(await _found(session, webhook_id))


async def change(session: WriteSession, sender: Sender, webhook_id: UUID, asked: WebhookUpdate) -> Webhook:
    """Change what was given of a webhook.

    Raises:
        UnknownWebhook: there is none.
        InvalidRequest: the new address cannot be used.
    """
    url = None if asked.url is None else await _checked(sender, asked.url)
    row = await _found(session, webhook_id, lock=True)
    if url is not None:
        row.url = url
    if asked.description is not None:
        row.description = asked.description
    if asked.enabled is False:
        row.enabled = False
    elif asked.enabled and not row.enabled:
        row.enabled, row.disabled_reason, row.failing_since = True, None, None
        _, row.since_xid = await repository.now(session)
        await repository.resume(session, webhook_id)
    return _told(row)


async def remove(session: WriteSession, webhook_id: UUID) -> None:
    """Delete a webhook, with its deliveries.

    Raises:
        UnknownWebhook: there is none.
    """
    if not await repository.remove(session, webhook_id):
        raise UnknownWebhook


async def rotate(session: WriteSession, keys: Keys, webhook_id: UUID, asked: Rotation) -> WebhookWithSecret:
    """Give a webhook another secret. Messages are signed with the one before, too, for `OVERLAP`.

    Raises:
        UnknownWebhook: there is none.
        InvalidRequest: what was given is no secret.
    """
    secret = _secret(asked.secret)
    row = await _found(session, webhook_id, lock=True)
    now, _ = await repository.now(session)
    # One that can no longer be read could not sign: it is not kept.
    readable = _unsealed(keys, row.webhook_id, row.secret) is not None
    row.previous_secret, row.previous_until = (row.secret, now + OVERLAP) if readable else (None, None)
    row.secret = seal(keys[0], secret, about=webhook_id.bytes)
    return WebhookWithSecret(**_told(row).model_dump(), secret=secret)


async def signing(session: ReadSession, keys: Keys, webhook_id: UUID, now: datetime) -> Signing:
    """What a message to the webhook needs now.

    Raises:
        UnknownWebhook: there is none.
        WebhookSecretUnreadable: its secret cannot be read.
    """
    row = await _found(session, webhook_id)
    sealed = [row.secret]
    if row.previous_secret is not None and row.previous_until is not None and row.previous_until > now:
        sealed.append(row.previous_secret)
    secrets = [secret for each in sealed if (secret := _unsealed(keys, webhook_id, each)) is not None]
    if len(secrets) < len(sealed):
        raise WebhookSecretUnreadable
    return Signing(row.url, secrets)


async def send_test(sender: Sender, to: Signing, webhook_id: UUID, now: datetime) -> TestResult:
    """Send a `webhook.test` event now, once, and tell what came of it. Takes as long as the receiver does."""
    body = orjson.dumps({"type": TEST_TYPE, "timestamp": now, "data": {"webhook_id": str(webhook_id)}})
    outcome = await sender.send(to.url, signed_headers(message_id(uuid4()), now, body, to.secrets), body)
    return TestResult(
        delivered=outcome.delivered,
        outcome=outcome.kind,
        status=outcome.status,
        error=outcome.error,
        seconds=round(outcome.seconds, 6),
    )


async def deliveries(session: ReadSession, webhook_id: UUID, query: DeliveryQuery) -> DeliveryPage:
    """A page of a webhook's deliveries, newest first.

    Raises:
        UnknownWebhook: there is none.
        InvalidRequest: a cursor that this service did not make.
    """
    await _found(session, webhook_id)
    before = None if query.cursor is None else _read_cursor(query.cursor)
    rows = await repository.page(session, webhook_id, limit=query.limit + 1, before=before, state=query.state)
    shown = rows[: query.limit]
    return DeliveryPage(
        items=[_delivery(row) for row in shown],
        next_cursor=f"v1-{shown[-1].number}" if len(rows) > query.limit else None,
    )


async def resend(session: WriteSession, webhook_id: UUID, asked: Resend) -> Resent:
    """Have failed deliveries sent again.

    Raises:
        UnknownWebhook: there is none.
    """
    await _found(session, webhook_id, lock=True)
    ids = None if asked.message_ids is None else [UUID(name.removeprefix("msg_")) for name in asked.message_ids]
    return Resent(resent=await repository.resend(session, webhook_id, mutation_ids=ids, since=asked.since))


async def seal_again(session: WriteSession, keys: Keys) -> int:
    """Seal secrets by the present user-key secret that were sealed by one before; how many webhooks that changed."""
    changed = 0
    for row in await repository.every(session):
        sealed = [each for each in (row.secret, row.previous_secret) if each is not None]
        if all(_unsealed(keys[:1], row.webhook_id, each) is not None for each in sealed):
            continue
        # Told one by one, since another replica may do the same right now.
        locked = await _found(session, row.webhook_id, lock=True)
        locked.secret = _sealed_again(keys, locked.webhook_id, locked.secret)
        if locked.previous_secret is not None:
            locked.previous_secret = _sealed_again(keys, locked.webhook_id, locked.previous_secret)
        changed += 1
    return changed


def _sealed_again(keys: Keys, webhook_id: UUID, sealed: bytes) -> bytes:
    secret = _unsealed(keys, webhook_id, sealed)
    return sealed if secret is None else seal(keys[0], secret, about=webhook_id.bytes)


def _unsealed(keys: Keys, webhook_id: UUID, sealed: bytes) -> str | None:
    try:
        return unseal(keys, sealed, about=webhook_id.bytes)
    except SealError:
        return None


async def _found(session: ReadSession | WriteSession, webhook_id: UUID, *, lock: bool = False) -> WebhookRow:
    row = await repository.find(session, webhook_id, lock=lock)
    if row is None:
        raise UnknownWebhook
    return row


def _secret(given: str | None) -> str:
    if given is None:
        return new_secret()
    try:
        check_secret(given)
    except ValueError as error:
        field = FieldError(field="secret", message=str(error), remedy="leave it out, and one is made")
        raise InvalidRequest(errors=[field]) from error
    return given


async def _checked(sender: Sender, url: str) -> str:
    try:
        return await sender.check(url)
    except AddressError as error:
        field = FieldError(field="url", message=str(error), remedy="give a public https address of the receiver")
        raise InvalidRequest(errors=[field]) from error


def _read_cursor(cursor: str) -> int:
    if re.fullmatch(CURSOR_PATTERN, cursor) is None:
        remedy = "use next_cursor of the page before, unchanged, or leave it out"
        field = FieldError(field="cursor", message="is not a cursor of this service", remedy=remedy)
        raise InvalidRequest(errors=[field])
    return int(cursor.removeprefix("v1-"))


def _told(row: WebhookRow) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        url=row.url,
        domain=row.domain,
        description=row.description,
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
        previous_secret_until=row.previous_until,
        created_at=row.created_at,
    )


def _delivery(row: WebhookDeliveryRow) -> Delivery:
    return Delivery(
        message_id=message_id(row.mutation_id),
        domain=row.domain,
        snapshot_id=row.mutation_id,
        state=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
        attempted_at=row.attempted_at,
        next_attempt_at=row.due_at if row.state == "pending" else None,
        ended_at=row.ended_at,
        status=row.status,
        error=row.error,
    )
