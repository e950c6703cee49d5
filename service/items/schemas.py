"""Requests and responses of `/items`."""

import json
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from service.item_topics import ItemTopic
from service.wire import (
    DEFAULT_DOMAIN,
    MAX_TEXT_CHARACTERS,
    SOME_TEXT,
    Domain,
    StrictModel,
    Time,
    VectorFormat,
    WireVector,
)

MAX_ITEMS = 1000
"""Items in one request."""
MAX_ATTRIBUTE_BYTES = 4096
"""Of an item's attributes as JSON in UTF-8: they are sent with every recommendation of it."""
MAX_ATTRIBUTE_DEPTH = 4

_NO_NUL = r"^[^\x00]*$"
"""Postgres has no place for that character in a text."""

NAME = r"^[^\x00-\x1f\x7f]{1,256}$"
LARGEST_INTEGER = 2**63 - 1

ItemId = Annotated[
    str,
    StringConstraints(pattern=NAME),
    Field(description="The item's id in your system, any but `progress`; the same as `item_id` of behaviours."),
]
Category = Annotated[
    str,
    StringConstraints(pattern=NAME),
    Field(description="Recommendations can be asked for one category alone."),
]
EncodingState = Literal["ready", "pending", "failed", "stale"]


def _check_values(value: object, depth: int = MAX_ATTRIBUTE_DEPTH) -> None:
    if isinstance(value, (dict, list)):
        if not depth:
            raise ValueError(f"must not be nested more than {MAX_ATTRIBUTE_DEPTH} deep")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_values(inner, depth - 1)
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError("must not have a whole number of more than 64 bits; write it as a string")


def _bounded(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _check_values(attributes)
    try:
        written = json.dumps(attributes, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:  # half of a surrogate pair is one, too
        raise ValueError("must be JSON in UTF-8: no infinite numbers, no half characters") from error
    if len(written) > MAX_ATTRIBUTE_BYTES:
        raise ValueError(f"must have at most {MAX_ATTRIBUTE_BYTES} bytes as JSON; keep the rest in your own system")
    if b"\\u0000" in written:
        raise ValueError("must not have the character NUL")
    return attributes


Attributes = Annotated[
    dict[str, JsonValue],
    AfterValidator(_bounded),
    Field(
        description=f"Anything of yours, at most {MAX_ATTRIBUTE_BYTES} bytes as JSON and {MAX_ATTRIBUTE_DEPTH} levels "
        "deep; given back with recommendations."
    ),
]


class NewItem(StrictModel):
    """An item as it is to be. `text` or `embedding` says what it is; what is left out it does not have."""

    # Told to clients; checked by `incoming.check`, which names the field.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"embedding": {"type": "null"}}},
            "then": {"required": ["text"], "properties": {"text": {"type": "string", "pattern": SOME_TEXT}}},
        }
    )

    item_id: ItemId
    text: Annotated[
        Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARACTERS, pattern=_NO_NUL)] | None,
        Field(description="What it is: its title, and what else a behaviour's text would say of it."),
    ] = None
    category: Category | None = None
    attributes: Attributes = Field(default_factory=dict)
    expires_at: Annotated[Time | None, Field(description="From then on it is not recommended, and is removed.")] = None
    embedding: Annotated[
        WireVector | None,
        Field(
            description="A vector of the model's size, for images, audio or any other encoder; used instead of text. "
            "It has to be sent again after a change of the model."
        ),
    ] = None


class PutItemsRequest(StrictModel):
    """Items to be put into a domain's catalogue."""

    domain: Domain = DEFAULT_DOMAIN
    items: Annotated[list[NewItem], Field(min_length=1, max_length=MAX_ITEMS)]


class PutItemsResponse(BaseModel):
    """What became of them. All are stored."""

    domain: str
    accepted: int = Field(description="Items that are new or were altered.")
    unchanged: int = Field(description="Items that were in the catalogue exactly so.")
    pending: int = Field(
        description="Items whose text is yet to be encoded, those that were unchanged and had not been, too. Until "
        "then a new item is not recommended, and an altered one as it was."
    )


class ItemsQuery(StrictModel):
    """Which domain's catalogue."""

    domain: Domain = DEFAULT_DOMAIN


class ItemQuery(ItemsQuery):
    """How much of an item to send."""

    include: Annotated[
        list[Literal["vectors", "topics"]],
        Query(max_length=4, description="`vectors`: its vector; `topics`: what it is about.", default_factory=list),
    ]
    encoding_format: Annotated[VectorFormat, Query(description="Of the vector.")] = "float"


class CatalogueItem(BaseModel):
    """An item of the catalogue."""

    item_id: str
    domain: str
    text: str | None
    category: str | None
    attributes: dict[str, JsonValue]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    encoding: EncodingState = Field(
        description="`ready`: recommended as it is. `pending`: its text is yet to be encoded. `failed`: it could not "
        "be, see `failure`. `stale`: it came with a vector for another model, and has to be sent again. In the last "
        "three an older vector of it stays in use if there is one."
    )
    failure: str | None = Field(default=None, description="Why its text could not be encoded.")
    vector: WireVector | None = Field(
        default=None, description="The vector in use, if there is one and it was asked for; in half precision."
    )
    topics: list[ItemTopic] | None = Field(
        default=None,
        description="If asked for: the leading topics of the vector in use, at most three. Null without a vector, "
        "empty without a profile for this model.",
    )


class SpaceProgress(BaseModel):
    """A model's vectors of a domain's items."""

    model: str = Field(description="The model's id.")
    space: str
    vectors: int = Field(description="Items that have one, an older one of an altered item included.")
    live: bool = Field(description="Whether a replica has said lately that it serves this model.")


class ItemsProgress(BaseModel):
    """How far the encoding of a domain's catalogue is, as seen by a replica with this model."""

    domain: str
    model: str = Field(description="The id of this replica's model.")
    space: str = Field(description="The space of its vectors: the one in use here.")
    items: int = Field(description="Items that have not expired.")
    ready: int = Field(description="With a vector of the present text or embedding in this space.")
    pending: int = Field(description="With a text that is yet to be encoded.")
    failed: int = Field(description="With a text that could not be encoded. Sent again, it is tried again.")
    stale: int = Field(description="With an embedding for another model: to be sent again.")
    complete: bool = Field(description="Nothing is pending.")
    re_encoding: bool = Field(
        description="The catalogue is being encoded for this model after another one; `ready` of `items` says how far."
    )
    other_spaces: list[SpaceProgress] = Field(
        description="Vectors of other models. They stay as long as a replica lives that uses them, and until this "
        "one's are complete."
    )
