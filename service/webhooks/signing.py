"""Secrets and signatures of messages, by Standard Webhooks: https://www.standardwebhooks.com."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
MIN_BYTES, MAX_BYTES = 24, 64
"""Length of a secret, as the specification has it."""
NEW_BYTES = 32


def new_secret() -> str:
    """A secret nobody has: `whsec_` and base64 of random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode("ascii")


def check_secret(written: str) -> None:
    """Refuse what is no secret, for a message signed by it could be verified by nobody.

    Raises:
        ValueError: saying what a secret is; never what was given.
    """
    try:
        decoded = base64.b64decode(written.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not written.startswith(PREFIX) or not MIN_BYTES <= len(decoded) <= MAX_BYTES:
        raise ValueError(f"must be {PREFIX} and base64 of {MIN_BYTES} to {MAX_BYTES} random bytes")


def signed_headers(message_id: str, sent_at: datetime, body: bytes, signing: Sequence[str]) -> dict[str, str]:
    """The headers that let a receiver verify a message.

    Args:
        message_id: the same at every attempt, by which receivers tell duplicates.
        sent_at: of this attempt: receivers refuse old ones, so that nobody sends a recorded message again.
        body: as sent, in UTF-8.
        signing: secrets; with several, whoever has one of them can verify.
    """
    signatures = [Webhook(secret).sign(message_id, sent_at, body.decode()) for secret in signing]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
