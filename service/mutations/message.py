"""A change as JSON, the same bytes however often and to whomever it is told."""

from uuid import UUID

import orjson

from service.mutations.repository import Stored
from service.mutations.schemas import EVENT_TYPE


def message_of(stored: Stored, user_id: str) -> bytes:
    """The body of a webhook, and the data of an event; see `schemas.MutationEvent`."""
    data = {
        "user_id": user_id,
        "domain": stored.domain,
        "snapshot_id": str(stored.mutation_id),
        "sequence": stored.sequence,
        "change": stored.change,
        "topics": {"gained": stored.gained, "lost": stored.lost},
        "population": stored.population,
    }
    return orjson.dumps({"type": EVENT_TYPE, "timestamp": stored.recorded_at, "data": data})


def message_id(mutation_id: UUID) -> str:
    """The id by which receivers tell duplicates: of the change, so that it is the same at every attempt."""
    return f"msg_{mutation_id.hex}"
