"""The header `Idempotency-Key`, after draft-ietf-httpapi-idempotency-key-header."""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic.json_schema import SkipJsonSchema

from service.problems import FieldError, InvalidRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_CHARACTERS = 255

PATTERN = rf'^(?:[!#-~][!-~]{{0,{MAX_CHARACTERS - 1}}}|"(?:[ !#-\[\]-~]|\\["\\]){{1,{MAX_CHARACTERS}}}")$'
"""A string of RFC 8941, in quotes, or the same without them."""

_ESCAPED = re.compile(r'\\(["\\])')


def parse_key(values: list[str]) -> str | None:
    """The key that a request names; None where it names none.

    Args:
        values: of the header's lines.

    Raises:
        InvalidRequest: more than one key, or one that is empty, too long or not of printable ASCII.
    """
    if not values:
        return None
    value = values[0].strip(" \t")
    if len(values) > 1 or not re.fullmatch(PATTERN, value):
        remedy = f"send one key of 1 to {MAX_CHARACTERS} printable ASCII characters, such as a UUID, in quotes or bare"
        raise InvalidRequest(errors=[FieldError(field=HEADER, message="is not one key", remedy=remedy)])
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value


async def given_key(
    request: Request,
    _: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias=HEADER,
            description="Names this request, 1 to 255 characters, such as a UUID. Sent again with the same key and "
            "body, it is carried out once: the first answer is sent again.",
            json_schema_extra={"pattern": PATTERN},
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
