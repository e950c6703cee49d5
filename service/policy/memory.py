"""A user's memory: behaviours that are kept one by one, as arrays in the order of the user's stream."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detection.state import State
from service.policy.experts import Remembered
from service.policy.kernel import kernel, normalizers
from service.policy.posterior import inclusion
from service.policy.succession import Hashes, Successors, densities, hashes_of, own_steps
from service.vectors import Vectors

NEWEST = 128
"""Behaviours that are looked at, whatever their regime."""
OF_EARLIER = 32
"""Of what came before those, behaviours that are looked at of each regime."""


@dataclass(frozen=True, slots=True)
class Behavior:
    """A behaviour as it is kept, by column of `user_memory`."""

    arrival: int
    event_id: str
    item_id: str | None
    weight: float
    codes: bytes
    scale: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Behaviours, oldest first.

    Attributes:
        vectors: (n, dim) float32, of unit length up to 8 bits a component.
        weights: (n,) float32.
        positions: (n,) int64, in the user's stream.
        regimes: (n,) int64, number of the regime that each belongs to.
        inclusion: (n,) probability that each belongs to the present regime.
        fresh: (n,) whether each was on an item that was new to the user.
        event_ids: n.
        item_ids: n; None where none was told.
        hashes: (n,) of the items.
    """

    vectors: Vectors
    weights: NDArray[np.float32]
    positions: NDArray[np.int64]
    regimes: NDArray[np.int64]
    inclusion: NDArray[np.float64]
    fresh: NDArray[np.bool_]
    event_ids: tuple[str, ...]
    item_ids: tuple[str | None, ...]
    hashes: Hashes

    def __len__(self) -> int:
        return len(self.event_ids)

    def remembered(
        self, sample: Vectors, sample_weights: NDArray[np.float32], successors: Successors
    ) -> tuple[Remembered, NDArray[np.float32]]:
        """As the experts see it, and Z of each behaviour.

        Args:
            sample: (s, dim) of the catalogue. Without one, what is usual is what is usual for the user.
            sample_weights: (s,) adding up to 1.
            successors: of the newest of the items.
        """
        if not len(sample):
            sample, sample_weights = self.vectors, np.full(len(self), 1.0 / max(len(self), 1), np.float32)
        scale = normalizers(self.vectors, sample, sample_weights)
        likeness = kernel(self.vectors, self.vectors) / scale
        succession = densities(successors, self.hashes, self.hashes, own_steps(self.hashes, self.fresh))
        both = np.stack([likeness, succession])
        seen = Remembered(both, self.weights, self.positions, self.regimes, self.inclusion, self.fresh)
        return seen, scale


def assemble(rows: Sequence[Behavior], state: State, dim: int) -> Memory:
    """The memory of stored behaviours: the newest, and some of each earlier regime.

    Args:
        rows: in the order of the user's stream.
        state: of the user's detectors, with everything in it that the rows are of.
        dim: length of a vector.
    """
    # Arrivals count the behaviours as they came; the rows are in their order in time, so the places are theirs sorted.
    rows = _current(rows)
    positions = np.sort(np.array([row.arrival for row in rows], np.int64))
    forgotten = int(np.searchsorted(positions, state.known_from))
    rows, positions = rows[forgotten:], positions[forgotten:]
    regimes = state.regimes_at(positions)
    fresh = np.array(_new_items(rows), bool)
    kept = _chosen(regimes)
    rows = [rows[n] for n in kept]
    codes = np.frombuffer(b"".join(row.codes for row in rows), np.int8).reshape(len(rows), dim)
    positions = positions[kept]
    return Memory(
        vectors=codes * np.array([row.scale for row in rows], np.float32)[:, None],
        weights=np.array([row.weight for row in rows], np.float32),
        positions=positions,
        regimes=regimes[kept],
        inclusion=inclusion(state.bayes, state.behaviors - 1 - positions),
        fresh=fresh[kept],
        event_ids=tuple(row.event_id for row in rows),
        item_ids=tuple(row.item_id for row in rows),
        hashes=hashes_of([row.item_id for row in rows]),
    )


def _current(rows: Sequence[Behavior]) -> list[Behavior]:
    """The rows without those from before the user started anew, as with another model: arrivals were counted anew."""
    last = {row.arrival: place for place, row in enumerate(rows)}
    return [rows[place] for place in sorted(last.values())]


def _chosen(regimes: NDArray[np.int64]) -> list[int]:
    """Which rows are looked at, in order."""
    first = max(len(regimes) - NEWEST, 0)
    chosen = list(range(first, len(regimes)))
    for number in np.unique(regimes[:first]):
        chosen += np.flatnonzero(regimes[:first] == number)[-OF_EARLIER:].tolist()
    return sorted(chosen)


def _new_items(rows: Sequence[Behavior]) -> list[bool]:
    """Whether each behaviour is the first with its item; with its vector, where no item was told."""
    known = set[str | bytes]()
    new = []
    for row in rows:
        name = row.codes if row.item_id is None else row.item_id
        new.append(name not in known)
        known.add(name)
    return new
