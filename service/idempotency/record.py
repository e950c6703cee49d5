"""What is kept of a request that was carried out, and which are being carried out here."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from pydantic import BaseModel

from service.idempotency.key import HEADER
from service.problems import FieldError, IdempotencyKeyInProgress, IdempotencyKeyReused


@dataclass(frozen=True, slots=True)
class Claim:
    """One user's request under a key.

    Attributes:
        domain: of the user.
        user_key: of the user.
        key_hash: of the key, by `key.hash_of`.
        fingerprint: of the body, by `fingerprint`.
    """

    domain: str
    user_key: bytes
    key_hash: bytes
    fingerprint: bytes

    @property
    def name(self) -> tuple[str, bytes, bytes]:
        """What it is kept under, whatever the body."""
        return self.domain, self.user_key, self.key_hash

    @property
    def lock(self) -> int:
        """A number of 64 bits for a lock in the database."""
        digest = hashlib.sha256(self.domain.encode() + self.user_key + self.key_hash).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class Record:
    """A request that was carried out.

    Attributes:
        fingerprint: of its body.
        response: the answer, as JSON without the user's id.
    """

    fingerprint: bytes
    response: bytes


def fingerprint(body: BaseModel) -> bytes:
    """SHA-256 of what a body says: space, order of fields, and defaults left out or written out are all one.

    Without the user's id: a record lies with its user, and nothing made of the id goes with it.
    """
    content = orjson.dumps(body.model_dump(mode="json", exclude={"user_id"}), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).digest()


def response_of(record: Record, claim: Claim) -> bytes:
    """The answer to a request that was carried out before.

    Raises:
        IdempotencyKeyReused: the key came with another body then.
    """
    if record.fingerprint != claim.fingerprint:
        remedy = "send the same body again, or another key"
        raise IdempotencyKeyReused(errors=[FieldError(field=HEADER, message="came with another body", remedy=remedy)])
    return record.response


class InProgress:
    """The requests under a key that this process is carrying out: their duplicates need not ask the database."""

    def __init__(self) -> None:
        self._names = set[tuple[str, bytes, bytes]]()

    @contextmanager
    def entered(self, claim: Claim) -> Iterator[None]:
        """Carry a request out.

        Raises:
            IdempotencyKeyInProgress: the same is being carried out already.
        """
        if claim.name in self._names:
            raise IdempotencyKeyInProgress
        self._names.add(claim.name)
        try:
            yield
        finally:
            self._names.discard(claim.name)
