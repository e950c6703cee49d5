"""Checks that need the settings, the model or the clock, and the form in which behaviours are worked with."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from service.detect.schemas import Behavior, DetectRequest
from service.problems import FieldError, InvalidRequest
from service.vectors import Vectors
from service.wire import SOME_TEXT, from_wire

FUTURE = timedelta(days=1)
"""Clocks differ and time zones get mixed up; what is further ahead is a mistake."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A behaviour that passed every check.

    Attributes:
        event_id: given or derived.
        occurred_at: in UTC.
        weight: given, or its type's.
        text: to be encoded; None where a vector was given.
        vector: (dim,) of unit length; None until the text is encoded.
        item_id: of the item it was about, if it was told.
        truncated: whether the text was longer than the model reads.
    """

    event_id: str
    occurred_at: datetime
    weight: float
    text: str | None
    vector: Vectors | None
    item_id: str | None = None
    truncated: bool = False

    def with_vector(self, vector: Vectors, *, truncated: bool) -> "Incoming":
        """The same, encoded."""
        return Incoming(
            self.event_id, self.occurred_at, self.weight, self.text, vector, self.item_id, truncated=truncated
        )


def check(request: DetectRequest, *, weights: dict[str, float], dim: int, now: datetime) -> list[Incoming]:
    """The request's behaviours, in its order.

    Raises:
        InvalidRequest: naming every field at fault; the whole request is refused.
    """
    errors: list[FieldError] = []
    checked = []
    for index, behavior in enumerate(request.behaviors):
        name_of = partial(request.name_of, index)
        vector = _vector(behavior, dim, name_of, errors)
        if behavior.type is not None and behavior.type not in weights and behavior.weight is None:
            known = ", ".join(weights)
            errors.append(
                FieldError(
                    field=name_of("type"),
                    message="is no known type of behaviour",
                    remedy=f"one of {known}; or give it a weight; or add the type to SWERVE_BEHAVIOR_WEIGHTS",
                )
            )
        if behavior.occurred_at > now + FUTURE:
            errors.append(FieldError(field=name_of("occurred_at"), message="is more than a day in the future"))
        weight = behavior.weight if behavior.weight is not None else weights.get(behavior.type or "", 1.0)
        event_id = behavior.event_id or derive_event_id(behavior)
        text = behavior.text if vector is None else None
        checked.append(Incoming(event_id, behavior.occurred_at, weight, text, vector, behavior.item_id))
    if errors:
        raise InvalidRequest(errors=errors[:100])
    return checked


def derive_event_id(behavior: Behavior) -> str:
    """An id from the content: the same behaviour sent twice has the same."""
    content = behavior.model_dump(mode="json", exclude={"event_id"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _vector(behavior: Behavior, dim: int, name_of: Callable[[str], str], errors: list[FieldError]) -> Vectors | None:
    if behavior.embedding is not None:
        try:
            return from_wire(behavior.embedding, dim)
        except ValueError as error:
            errors.append(FieldError(field=name_of("embedding"), message=str(error)))
    elif behavior.text is None or re.search(SOME_TEXT, behavior.text) is None:
        errors.append(
            FieldError(field=name_of("text"), message="is missing or empty", remedy="give a text or an embedding")
        )
    return None
