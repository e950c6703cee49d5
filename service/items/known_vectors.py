"""Vectors that the catalogue has already, for behaviours about its items: those texts need not be encoded."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from cachetools import TTLCache
from sqlalchemy.ext.asyncio import AsyncConnection

from service.detection.topics import Vectors
from service.encoder.contract import ModelInfo
from service.items import repository
from service.items.content import text_hash

EMPTY_SECONDS = 30.0
"""How long a catalogue without any vector is taken to have none still."""
SPECIAL_TOKENS = 8
"""Room for the tokens that a model puts round every text."""


class KnownVectors:
    """Looks texts up in the catalogue, as long as it has anything in the model's space.

    Args:
        model: whose space the vectors are in.
        clock: in seconds.
    """

    def __init__(self, model: ModelInfo, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._empty: TTLCache[str, bool] = TTLCache(1, EMPTY_SECONDS, clock)

    def worth_asking(self, text: str) -> bool:
        """Whether the catalogue may know the text.

        Not of one that the model may cut off: the catalogue does not say whether it was, and the answer must. A token
        is a byte at least.
        """
        room = self._model.max_tokens - SPECIAL_TOKENS - len(self._model.prefix.encode())
        return not self._empty and len(text.encode("utf-8", "replace")) <= room

    async def look_up(self, connection: AsyncConnection, texts: Sequence[str]) -> Mapping[str, Vectors]:
        """Vectors (dim,) of unit length, from half precision, of those of the texts that some item has.

        Within about 0.0005 of what the encoder gives, a component.
        """
        hashes = {text_hash(text): text for text in texts}
        space = self._model.space
        found = await repository.vectors_of_texts(connection, space, list(hashes))
        if not found and not await repository.any_vector(connection, space):
            self._empty[space] = True
        return {hashes[key]: vector / np.linalg.norm(vector) for key, vector in found.items()}
