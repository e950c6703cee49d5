"""What must be told in the clear later, such as a user's id in a webhook, is kept sealed until then.

AES-256-GCM (NIST SP 800-38D) under a key that is derived from the user-key secret by HKDF (RFC 5869): who has the
database alone reads nothing. What it is about is bound in, so that a sealed value cannot be moved to another row.

>>> sealed = seal(b"a secret of the service", "u-42", about=b"row 1")
>>> unseal([b"another one", b"a secret of the service"], sealed, about=b"row 1")
'u-42'
"""

import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32
PURPOSE = b"swerve: sealed values"


class SealError(ValueError):
    """A sealed value that none of the secrets opens, or that is about something else."""


def seal(secret: bytes, plain: str, *, about: bytes) -> bytes:
    """The text sealed: 12 bytes of nonce, the ciphertext, 16 bytes of tag.

    Args:
        secret: the user-key secret.
        plain: any text.
        about: names what it belongs to; needed to open it.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(secret).encrypt(nonce, plain.encode(), about)


def unseal(secrets: Sequence[bytes], sealed: bytes, *, about: bytes) -> str:
    """The text again.

    Args:
        secrets: the present one and, in a rotation, others; tried in order.
        sealed: by `seal`.
        about: as given to `seal`.

    Raises:
        SealError: sealed under another secret, about something else, or damaged.
    """
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for secret in secrets:
        try:
            return _cipher(secret).decrypt(nonce, ciphertext, about).decode()
        except (InvalidTag, ValueError):
            continue
    raise SealError("a sealed value cannot be opened: it was sealed under another user-key secret, or is damaged")


@lru_cache(maxsize=16)
def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(secret))
