"""Requests to `POST /detect`, made before the clock runs."""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import numpy as np
import orjson

from bench.serving.load import Request

TEXTS = 20
"""Behaviours of a request."""
HISTORY = 260
"""Behaviours after which a user's state is as large as it gets."""
TASTE = 40
"""Different texts of one user."""
_BEGAN = datetime(2020, 1, 1, tzinfo=UTC)

Variant = dict[str, object]
VARIANTS: MappingProxyType[str, Variant] = MappingProxyType(
    {"everything": {}, "base64": {"encoding_format": "base64"}, "nothing": {"include": []}}
)
"""What is sent back, by name: the request's options."""


class Bodies:
    """Makes requests whose events are all new and come after all that were made before.

    Args:
        name: begins every event's id; no two makers for one database may share it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._events = itertools.count(1)

    def detect(
        self, user: str, texts: Sequence[str], options: Variant | None = None, *, about_items: bool = False
    ) -> Request:
        """One user's behaviours with these texts, and, if asked, about the items of `items_of`."""
        behaviors = [self._behavior(next(self._events), text) for text in texts]
        if about_items:
            behaviors = [one | {"item_id": item_id(str(one["text"]))} for one in behaviors]
        return Request("/detect", orjson.dumps({"user_id": user, "behaviors": behaviors, "options": options or {}}))

    def _behavior(self, number: int, text: str) -> dict[str, object]:
        at = _BEGAN + timedelta(seconds=number)
        return {"event_id": f"{self._name}-{number}", "type": "view", "text": text, "occurred_at": at}


def item_id(text: str) -> str:
    """Of the item that has the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def items_of(texts: Sequence[str]) -> dict[str, object]:
    """The body of `PUT /items` with an item of each text."""
    return {"items": [{"item_id": item_id(text), "text": text} for text in texts]}


def users(number: int, name: str = "user") -> list[str]:
    """Ids of so many users."""
    return [f"{name}-{n}" for n in range(number)]


def drawn(random: np.random.Generator, texts: Sequence[str], number: int) -> list[str]:
    """So many different texts at random; texts come again only where there are fewer."""
    return [texts[n] for n in random.choice(len(texts), number, replace=len(texts) < number)]


def tastes(random: np.random.Generator, texts: Sequence[str], ids: Sequence[str]) -> dict[str, Sequence[str]]:
    """Texts of each user's own, to which the user keeps coming back.

    Users who read at random among everything would have a change declared every other request, which is neither how
    people are nor what most requests cost.
    """
    return {user: drawn(random, texts, TASTE) for user in ids}


def batches(texts: Sequence[str], size: int = TEXTS) -> Iterator[Sequence[str]]:
    """The texts in full lists of that size."""
    return (texts[start : start + size] for start in range(0, len(texts) - size + 1, size))
