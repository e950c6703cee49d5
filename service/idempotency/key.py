"""The header `Idempotency-Key`, after draft-ietf-httpapi-idempotency-key-header."""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request

from service.problems import FieldError, InvalidRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_CHARACTERS = 255

_BARE = re.compile(r"[\x21\x23-\x7e][\x21-\x7e]*")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')


def parse_key(values: list[str]) -> str | None:
    """The key that a request names; None where it names none.

    Args:
        values: of the header's lines. A key may be a string of RFC 8941, in quotes, or the same without them.

    Raises:
        InvalidRequest: more than one key, or one that is empty, too long or not of printable ASCII.
    """
    if not values:
        return None
    value = values[0].strip(" \t")
    quoted = _QUOTED.fullmatch(value)
    key = _ESCAPED.sub(r"\1", quoted[1]) if quoted else value
    if len(values) > 1 or not 1 <= len(key) <= MAX_CHARACTERS or not (quoted or _BARE.fullmatch(value)):
        remedy = f"send one key of 1 to {MAX_CHARACTERS} printable ASCII characters, such as a UUID, in quotes or bare"
        raise InvalidRequest(errors=[FieldError(field=HEADER, message="is not one key", remedy=remedy)])
    return key


def given_key(
    request: Request,
    _: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="Names this request, 1 to 255 characters, such as a UUID. Sent again with the same key and "
            "body, it is carried out once: the first answer is sent again.",
        ),
    ] = None,
) -> str | None:
    """The key of a request, for endpoints to depend on."""
    return parse_key(request.headers.getlist(HEADER))


KeyDependency = Annotated[str | None, Depends(given_key)]


def hash_of(key: str, part: int | None = None) -> bytes:
    """What a key is kept under: 32 bytes.

    Args:
        key: as the client named it.
        part: place in a batch, from 0, whose parts are each carried out once; None for a request by itself.
    """
    name = "" if part is None else str(part)
    return hashlib.sha256(f"{name}:{key}".encode()).digest()
