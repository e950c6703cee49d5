"""What others took up after an item: one step over the item graph that behaviours draw.

C[j, x] counts the users who had to do with x for the first time within `WITHIN` places after j, places in the order in
which they met items. Beside how often x comes after anything at all, b(x), and shrunk towards that where little was
seen of j, it makes a density relative to the domain's prior, as the kernel of likeness is one:

    g(x | j) = (C[j, x] / b(x) + R_j + kappa) / (N_j + kappa),    b(x) = A_x^0.75 / sum_y A_y^0.75

N_j being the sum of C[j, .], A_x that of C[., x], and R_j what of N_j belongs to pairs that are not kept one by one,
taken to be spread like everything. It is the posterior mean of the ratio under a Dirichlet prior kappa b. Of it,
(R_j + kappa) / (N_j + kappa) is alike for all x and says nothing: that is the domain's prior, and all there is of an
item that nobody went on from yet. The exponent of b keeps rare items from large ratios by chance
(Levy, Goldberg and Dagan, "Improving distributional similarity with lessons learned from word embeddings", TACL 2015).

The user's own steps are in the counts. What the user did is foretold without them: else everybody would be like the
others for having been counted among them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled

WITHIN = 5
"""Places after an item that come soon after it."""
LEAST_USERS = 2
"""Pairs that fewer users have are not kept: what one did alone says something of that one, and little of others."""
PRIOR = 50.0
"""kappa, in users."""
SMOOTHING = 0.75
"""Exponent of arrivals."""
ASKED = 64
"""Newest items of a user whose successors are looked at."""
HASH_BYTES = 8
"""Of an id: the first of its SHA-256."""
NO_ITEM = 0
"""Hash of a behaviour that named no item."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@lru_cache(maxsize=1 << 16)
def hash_of(item_id: str) -> int:
    """By what an item is told from others, where there are many."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:HASH_BYTES], "big")


def hashes_of(item_ids: Sequence[str | None]) -> Hashes:
    """(n,) of some items; `NO_ITEM` for None."""
    return np.array([NO_ITEM if item_id is None else hash_of(item_id) for item_id in item_ids], np.uint64)


@dataclass(frozen=True, slots=True)
class Successors:
    """What users took up soon after i items, e edges in all.

    Attributes:
        items: (i,) hashes of the items.
        totals: (i,) N_j of each; 0 where nobody went on from it.
        kept: (i,) what of it is in the edges.
        row: (e,) from which of the items an edge goes.
        hashes: (e,) of the item that it goes to.
        counts: (e,) C, in users.
        arrivals: (e,) A of the item that it goes to.
        place: (e,) of the edge among those of its item, from 0.
        mass: sum of A^0.75 over the domain.
    """

    items: Hashes
    totals: Ints
    kept: Ints
    row: Ints
    hashes: Hashes
    counts: Ints
    arrivals: Ints
    place: Ints
    mass: float

    @classmethod
    def none(cls) -> "Successors":
        """Of nobody who went on from anything."""
        hashes, ints = np.empty(0, np.uint64), np.empty(0, np.int64)
        return cls(hashes, ints, ints, ints, hashes, ints, ints, ints, 1.0)


def usual(arrivals: Ints, mass: float) -> Floats:
    """b(x) of items with these arrivals, in a domain whose items' A^0.75 add up to this."""
    return np.asarray(arrivals**SMOOTHING / max(mass, 1.0), np.float64)


def own_steps(hashes: Hashes, fresh: NDArray[np.bool_], within: int = WITHIN) -> NDArray[np.bool_]:
    """(n, n) whether the user went to t's item (row) soon after j's (column), and so is counted among who did.

    Args:
        hashes: (n,) of the behaviours' items, oldest first.
        fresh: (n,) whether each was the first with its item.
        within: places that are soon after.

    >>> own_steps(np.array([7, 8, 7, 9], np.uint64), np.array([True, True, False, True]), within=1).astype(int).tolist()
    [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
    """
    named = fresh & (hashes != NO_ITEM)
    places = dict(zip(hashes[named].tolist(), range(int(named.sum())), strict=True))
    never = -within - 1
    place = np.array([places.get(item, never) for item in hashes.tolist()], np.int64)
    after = place[:, None] - place
    known = (place >= 0)[:, None] & (place >= 0) & fresh[:, None]
    return np.asarray(known & (after >= 1) & (after <= within))


def densities(
    successors: Successors,
    behaviors: Hashes,
    items: Hashes,
    own: NDArray[np.bool_] | None = None,
    *,
    prior: float = PRIOR,
) -> NDArray[np.float32]:
    """g(x | j), relative to the domain's prior.

    Args:
        successors: of the behaviours' items, as far as they are known.
        behaviors: (n,) hashes of their items.
        items: (c,) hashes of those that are looked at.
        own: (c, n) steps that are the user's own, to be left out of the counts.
        prior: kappa.

    Returns:
        (c, n) float32; ones for behaviours whose item is not among those of `successors`.
    """
    row = _places(successors.items, behaviors)
    different, which = np.unique(items, return_inverse=True)
    to = _places(different, successors.hashes)
    kept = np.flatnonzero(to >= 0)
    counts = np.zeros((len(different), len(successors.items)))
    arrivals = np.ones(len(different), np.int64)
    counts[to[kept], successors.row[kept]] = successors.counts[kept]
    arrivals[to[kept]] = successors.arrivals[kept]
    rest = successors.totals - successors.kept
    each = usual(arrivals, successors.mass)
    relative = (counts / each[:, None] + rest + prior) / (successors.totals + prior)
    known = np.flatnonzero(row >= 0)
    out = np.ones((len(items), len(behaviors)), np.float32)
    out[:, known] = relative[which][:, row[known]]
    if own is not None:
        item, behavior = np.nonzero(own & (row >= 0))
        to, of = which[item], row[behavior]
        counted = np.flatnonzero(counts[to, of])
        item, behavior, to, of = item[counted], behavior[counted], to[counted], of[counted]
        stepped = counts[to, of] - 1.0
        # What is left is kept under the same condition as everybody's.
        too_few = stepped < LEAST_USERS
        left = np.where(too_few, prior + rest[of] + stepped, prior + rest[of] + stepped / each[to])
        out[item, behavior] = left / (successors.totals[of] - 1 + prior)
    return out


def unknown(successors: Successors, behaviors: Hashes, *, prior: float = PRIOR) -> Floats:
    """(n,) what of g(x | j) is alike for all x, and says nothing of who had to do with j; 1 where nothing is known.

    Args:
        successors: of the behaviours' items, as far as they are known.
        behaviors: (n,) hashes of their items.
        prior: kappa.
    """
    row = _places(successors.items, behaviors)
    out = np.ones(len(behaviors))
    total, kept = (counts[row[row >= 0]] for counts in (successors.totals, successors.kept))
    out[row >= 0] = (total - kept + prior) / (total + prior)
    return out


def votes(successors: Successors, behaviors: Hashes, memory: Floats, items: Hashes, *, prior: float = PRIOR) -> Floats:
    """(c,) for each item, the sum over behaviours of memory times what of g(x | j) was seen: `densities - unknown`.

    Args:
        successors: of the behaviours' items, as far as they are known.
        behaviors: (n,) hashes of their items.
        memory: (n,) how much each behaviour counts.
        items: (c,) hashes, all different.
        prior: kappa.
    """
    to = _places(items, successors.hashes)
    kept = np.flatnonzero(to >= 0)
    each = _weights(successors, behaviors, memory, prior)[successors.row[kept]]
    ratios = successors.counts[kept] / usual(successors.arrivals[kept], successors.mass)
    voted = np.bincount(to[kept], each * ratios, minlength=len(items))
    return np.asarray(voted, np.float64)


def next_items(
    successors: Successors, behaviors: Hashes, memory: Floats, most: int, *, prior: float = PRIOR
) -> list[tuple[int, int]]:
    """Edges (row, place) to the items that are most probable next, the most probable first, each item once.

    Items of the behaviours themselves are left out: they are not new to the user.

    Args:
        successors: of the behaviours' items, as far as they are known.
        behaviors: (n,) hashes of their items.
        memory: (n,) how much each behaviour counts.
        most: how many at most.
        prior: kappa.
    """
    if not len(successors.row):
        return []
    weights = _weights(successors, behaviors, memory, prior)
    counting = np.flatnonzero((weights[successors.row] > 0.0) & (_places(behaviors, successors.hashes) < 0))
    first, which = _numbered(successors.hashes[counting])
    edges = counting[first]
    probable = np.bincount(which, weights[successors.row[counting]] * successors.counts[counting])
    chosen = edges[np.argsort(-probable, kind="stable")[:most]]
    return [(int(successors.row[edge]), int(successors.place[edge])) for edge in chosen]


def _weights(successors: Successors, behaviors: Hashes, memory: Floats, prior: float) -> Floats:
    """(i,) what one user who went on from each item counts."""
    row = _places(successors.items, behaviors)
    counted = np.bincount(row[row >= 0], memory[row >= 0], minlength=len(successors.items))
    return np.asarray(counted / (successors.totals + prior), np.float64)


def warm_up() -> None:
    """Compile what looks hashes up, which takes a second where it was never kept."""
    one = np.ones(1, np.uint64)
    _places(one, one)
    _numbered(one)


# Some thousand edges are looked up for every answer, which a table does in a tenth of the time that sorting takes. What
# is in it are bits of SHA-256: the last of them are as good a place as any.
@compiled
def _places(among: Hashes, wanted: Hashes) -> Ints:
    """(n,) where each is among some, the first place of those that are there twice; -1 where it is not."""
    size = 2
    while size < 2 * len(among):
        size *= 2
    last, one = np.uint64(size - 1), np.uint64(1)
    table = np.full(size, -1, np.int64)
    for n in range(len(among)):
        slot = among[n] & last
        while table[slot] >= 0:
            slot = (slot + one) & last
        table[slot] = n
    out = np.empty(len(wanted), np.int64)
    for n in range(len(wanted)):
        slot = wanted[n] & last
        while table[slot] >= 0 and among[table[slot]] != wanted[n]:
            slot = (slot + one) & last
        out[n] = table[slot]
    return out


@compiled
def _numbered(hashes: Hashes) -> tuple[Ints, Ints]:
    """(d,) where each different one stands first, in that order, and (n,) which of these each is."""
    size = 2
    while size < 2 * len(hashes):
        size *= 2
    last, one = np.uint64(size - 1), np.uint64(1)
    table = np.full(size, -1, np.int64)
    first, which = np.empty(len(hashes), np.int64), np.empty(len(hashes), np.int64)
    different = 0
    for n in range(len(hashes)):
        slot = hashes[n] & last
        while table[slot] >= 0 and hashes[first[table[slot]]] != hashes[n]:
            slot = (slot + one) & last
        if table[slot] < 0:
            table[slot] = different
            first[different] = n
            different += 1
        which[n] = table[slot]
    return first[:different], which
