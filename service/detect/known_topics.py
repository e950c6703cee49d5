"""Topics of the vectors that came lately: the texts of popular items come again and again."""

from hashlib import blake2b
from threading import Lock
from typing import Protocol

from cachetools import LRUCache

from service.detection.topics import Assignment, joined
from service.vectors import Vectors

MOST = 4_096
"""Vectors whose topics are kept, some hundred bytes each."""


class Assigns(Protocol):
    """What knows topics: a profile."""

    def assign(self, vectors: Vectors) -> Assignment:
        """Topics of vectors (n, dim)."""
        ...


class KnownTopics:
    """Looks topics up as `profile` does, each vector's once while it is kept. To be used from any thread.

    Args:
        profile: looks them up.
        most: how many are kept.
    """

    def __init__(self, profile: Assigns, most: int = MOST) -> None:
        self._profile = profile
        self._known = LRUCache[bytes, Assignment](most)
        self._lock = Lock()

    def assign(self, vectors: Vectors) -> Assignment:
        """Topics of vectors (n, dim), n at least 1: just those that the profile gives, which do not depend on n."""
        # Hashes, so that no vector of anybody's is kept.
        keys = [blake2b(vector.tobytes(), digest_size=16).digest() for vector in vectors]
        with self._lock:
            rows = {key: row for key in keys if (row := self._known.get(key)) is not None}
        missing = {key: n for n, key in enumerate(keys) if key not in rows}
        if missing:
            found = self._profile.assign(vectors[list(missing.values())])
            new = {key: _alone(found, place) for place, key in enumerate(missing)}
            with self._lock:
                self._known.update(new)
            rows |= new
        return joined([rows[key] for key in keys])


def _alone(found: Assignment, place: int) -> Assignment:
    """One row of its own: a view would keep all the others in memory."""
    return Assignment(found.topics[place : place + 1].copy(), found.shares[place : place + 1].copy())
