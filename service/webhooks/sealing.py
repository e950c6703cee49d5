"""The secrets of webhooks as they are stored: encrypted, for signing needs them as they are.

The key is made from the user-key secret, so that who has the database alone can sign nothing.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.identity import key_id

NONCE_BYTES = 12
ID_BYTES = 8
"""Length of what tells by which user-key secret something was sealed."""
# Longer than any length prefix of user_key's could announce, so that this is nobody's key.
_PURPOSE = b"\xff\xff\xff\xffswerve webhook secrets"


class SealError(Exception):
    """What was sealed cannot be read: it was sealed by another user-key secret, or altered."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and unseals by the service's user-key secrets.

    Attributes:
        present: what is sealed is sealed by this one.
        others: beside it, for what was sealed before a change of the secret.
    """

    present: bytes = field(repr=False)
    others: Sequence[bytes] = field(default=(), repr=False)

    def seal(self, webhook_id: UUID, written: str) -> bytes:
        """A secret, sealed for this webhook alone: moved to another one it cannot be read."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(_key(self.present)).encrypt(nonce, written.encode(), webhook_id.bytes)
        return _id(self.present) + nonce + sealed

    def unseal(self, webhook_id: UUID, sealed: bytes) -> str:
        """The secret that `seal` was given.

        Raises:
            SealError: it cannot be read.
        """
        name, nonce, content = sealed[:ID_BYTES], sealed[ID_BYTES : ID_BYTES + NONCE_BYTES], sealed[ID_BYTES:]
        for secret in (self.present, *self.others):
            if hmac.compare_digest(_id(secret), name):
                try:
                    return AESGCM(_key(secret)).decrypt(nonce, content[NONCE_BYTES:], webhook_id.bytes).decode()
                except (InvalidTag, ValueError) as error:
                    raise SealError("the stored secret was altered") from error
        raise SealError("the stored secret was sealed under a user-key secret that the service was not given")

    def is_present(self, sealed: bytes) -> bool:
        """Whether the present secret alone is enough to read it."""
        return hmac.compare_digest(_id(self.present), sealed[:ID_BYTES])


def _key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, sha256)


def _id(secret: bytes) -> bytes:
    return bytes.fromhex(key_id(secret))
