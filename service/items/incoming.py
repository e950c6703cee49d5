"""Checks of items that need the model or look at several of them, and the form in which items are stored."""

import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from service.items.content import embedding_hash, text_hash
from service.items.schemas import NewItem
from service.problems import FieldError, InvalidRequest
from service.vectors import Vectors
from service.wire import SOME_TEXT, from_wire

PROGRESS = "progress"
"""An id that no new item may have: what is stored under it could not be looked up. Every other one can be."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An item that passed every check.

    Attributes:
        content_hash: of the embedding where there is one, else of the text.
        vector: (dim,) of unit length; None where the text is to be encoded.
    """

    item_id: str
    text: str | None
    category: str | None
    attributes: dict[str, JsonValue]
    expires_at: datetime | None
    content_hash: bytes
    vector: Vectors | None


def check(items: list[NewItem], dim: int) -> list[Incoming]:
    """The items, in their order.

    Raises:
        InvalidRequest: naming every field at fault; nothing of the request is stored.
    """
    errors: list[FieldError] = []
    first: dict[str, int] = {}
    checked = []
    for index, item in enumerate(items):
        field = f"items[{index}]"
        before = first.setdefault(item.item_id, index)
        if before != index:
            errors.append(
                FieldError(
                    field=f"{field}.item_id",
                    message=f"is the same as items[{before}].item_id",
                    remedy="send each item once in a request",
                )
            )
        if item.item_id == PROGRESS:
            errors.append(
                FieldError(
                    field=f"{field}.item_id",
                    message=f"may not be {PROGRESS!r}: GET /items/{PROGRESS} tells how far the catalogue is encoded",
                    remedy=f"send it under another id, such as 'item-{PROGRESS}', and name that in behaviours, too",
                )
            )
        made = _incoming(item, dim, field, errors)
        if made is not None:
            checked.append(made)
    if errors:
        raise InvalidRequest(errors=errors[:100])
    return checked


def _incoming(item: NewItem, dim: int, field: str, errors: list[FieldError]) -> Incoming | None:
    vector = None
    if item.embedding is not None:
        try:
            vector = from_wire(item.embedding, dim)
        except ValueError as error:
            errors.append(FieldError(field=f"{field}.embedding", message=str(error)))
            return None
        content = embedding_hash(vector)
    elif item.text is None or re.search(SOME_TEXT, item.text) is None:
        errors.append(
            FieldError(field=f"{field}.text", message="is missing or empty", remedy="give a text or an embedding")
        )
        return None
    else:
        content = text_hash(item.text)
    return Incoming(item.item_id, item.text, item.category, item.attributes, item.expires_at, content, vector)
