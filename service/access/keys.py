"""An API key: how it is made, written, and recognised."""

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from service.access.scopes import Scope

PREFIX = "swerve"
ID_BYTES = 8
SECRET_BYTES = 32

_WRITTEN = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


@dataclass(frozen=True, slots=True)
class Presented:
    """A key as its holder sends it, the secret hashed at once: it goes no further."""

    key_id: str
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept.

    Attributes:
        key_id: names it; no secret.
        name: given by who made it.
        secret_hash: see `hash_secret`.
        scopes: what it is good for.
        created_at: when it was made.
        expires_at: from when on it is not valid; None for never.
        revoked_at: since when it is not valid; None while it is.
        rate_limit: its own, such as `600/minute`; None for the default one.
    """

    key_id: str
    name: str
    secret_hash: bytes = field(repr=False)
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    rate_limit: str | None

    def why_dead(self, now: datetime) -> str | None:
        """`revoked` or `expired`; None for a key that is valid."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else None


class Keys:
    """All keys there are, dead ones too: where one was ever made, requests need one."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._by_id: Mapping[str, Key] = {key.key_id: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, presented: Presented) -> Key | None:
        """The key, if the secret is its own.

        For an unknown id a secret is compared all the same, with a hash that nothing has, so that neither the answer
        nor its time tells which ids exist.
        """
        key = self._by_id.get(presented.key_id)
        expected = _NOBODYS if key is None else key.secret_hash
        return key if hmac.compare_digest(expected, presented.secret_hash) else None

    def any_live(self, now: datetime) -> bool:
        """Whether at least one of them is valid."""
        return any(key.why_dead(now) is None for key in self._by_id.values())


def new_key() -> tuple[str, Presented]:
    """A new key: as it is handed out, once, and what is kept of it.

    The prefix and the form, `swerve_<id>_<secret>`, let scanners find keys that were published by mistake.
    """
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    return f"{PREFIX}_{key_id}_{secret}", Presented(key_id, hash_secret(secret))


def read_key(written: str) -> Presented | None:
    """The key in its parts; None for what is not written as one."""
    found = _WRITTEN.fullmatch(written)
    return None if found is None else Presented(found[1], hash_secret(found[2]))


def hash_secret(secret: str) -> bytes:
    """SHA-256. A slow hash is for passwords, which can be guessed; these are 256 random bits, which cannot."""
    return sha256(secret.encode("ascii")).digest()


_NOBODYS = secrets.token_bytes(sha256().digest_size)
