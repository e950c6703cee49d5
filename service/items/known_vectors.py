"""Vectors that the catalogue has already, for behaviours about its items: those texts need not be encoded."""

import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from cachetools import LRUCache, TTLCache
from sqlalchemy.ext.asyncio import AsyncConnection

from service.encoder.contract import ModelInfo
from service.items import repository
from service.items.content import text_hash
from service.vectors import Vectors

FRESH_SECONDS = 30.0
"""How long the catalogue is taken to have any vector, or none, as it had."""
SPECIAL_TOKENS = 8
"""Room for the tokens that a model puts round every text."""


class KnownVectors:
    """Looks texts up in the catalogue, as long as it has anything in the model's space, and keeps what was found.

    Args:
        model: whose space the vectors are in.
        most: how many are kept in memory, the least recently used going first.
        clock: in seconds.
    """

    def __init__(self, model: ModelInfo, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._kept: LRUCache[bytes, Vectors] = LRUCache(most)
        self._filled: TTLCache[str, bool] = TTLCache(1, FRESH_SECONDS, clock)

    def kept(self, text: str) -> Vectors | None:
        """The vector (dim,) of a text that was found lately."""
        return self._kept.get(text_hash(text))

    def worth_asking(self, text: str) -> bool:
        """Whether the catalogue may know the text, and its vector will do.

        Not of one that the model may cut off: the catalogue does not say whether it was, and the answer must. A token
        is a byte at least, of the text as it is or as tokenizers normalise it.
        """
        room = self._model.max_tokens - SPECIAL_TOKENS - len(self._model.prefix.encode())
        forms = (text, unicodedata.normalize("NFKC", text))
        return self._filled.get(self._model.space, True) and all(len(form.encode()) <= room for form in forms)

    async def look_up(self, connection: AsyncConnection, texts: Sequence[str]) -> Mapping[str, Vectors]:
        """Vectors (dim,) of unit length, from half precision, of those of the texts that some item has.

        Within about 0.0005 a component of what the replica that encoded the item gives.
        """
        hashes = {text_hash(text): text for text in texts}
        space = self._model.space
        found = await repository.vectors_of_texts(connection, space, list(hashes))
        if found:
            self._filled[space] = True
        elif space not in self._filled:
            self._filled[space] = await repository.any_vector(connection, space)
        units = {key: vector / np.linalg.norm(vector) for key, vector in found.items()}
        if self._kept.maxsize:
            self._kept.update(units)
        return {hashes[key]: vector for key, vector in units.items()}
