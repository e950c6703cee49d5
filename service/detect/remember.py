"""Which behaviours are kept one by one, and where: recommendations compare items with them.

A user has a ring of slots for the present regime and for each of the four before it. The newest behaviours of a regime
take the places of its oldest; a new regime takes the ring of the fifth before it. So a regime that has ended keeps its
last behaviours until four others have, and what is learnt of it is there when it returns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from service.detect.incoming import Incoming
from service.detection.reorder import Folded
from service.detection.state import PAST_REGIMES

RINGS = PAST_REGIMES + 1


@dataclass(frozen=True, slots=True)
class Remembered:
    """A behaviour as it is kept, by column of `user_memory`."""

    ring: int
    slot: int
    arrival: int
    event_id: str
    item_id: str | None
    occurred_at: datetime
    counted_at: datetime
    weight: float
    space: str
    codes: bytes
    scale: float


def remember(folded: Folded, behaviors: Sequence[Incoming], known: int, slots: int, space: str) -> list[Remembered]:
    """The new behaviours, as far as they find room: the newest of each regime.

    Args:
        folded: the user's stream with them in it.
        behaviors: the new ones.
        known: how many behaviours the user had before.
        slots: of a ring; 0 keeps none.
        space: of the vectors.
    """
    if slots == 0:
        return []
    items = {behavior.event_id: behavior.item_id for behavior in behaviors}
    first = folded.state.behaviors - len(folded.entries)
    new = [(index, entry) for index, entry in enumerate(folded.entries) if entry.event_id in items]
    positions = first + np.array([index for index, _ in new], np.int64)
    # Where its regime is no longer remembered, its ring is a later regime's by now.
    forgotten = int(np.searchsorted(positions, folded.state.known_from))
    rings = (folded.state.regimes_at(positions[forgotten:]) % RINGS).tolist()
    kept: dict[tuple[int, int], Remembered] = {}
    for arrival, (ring, (_, entry)) in enumerate(zip(rings, new[forgotten:], strict=True), known + forgotten):
        slot = arrival % slots
        kept[ring, slot] = Remembered(
            ring=ring,
            slot=slot,
            arrival=arrival,
            event_id=entry.event_id,
            item_id=items[entry.event_id],
            occurred_at=entry.occurred_at,
            counted_at=entry.counted_at,
            weight=entry.weight,
            space=space,
            codes=entry.coded.codes.tobytes(),
            scale=float(entry.coded.scale),
        )
    return list(kept.values())
