"""Which items to recommend, and because of what.

See `kernel`, `succession`, `experts` and `prior` for the mathematics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.policy.diversity import diversify
from service.policy.experts import RELATIONS, Mixture, Relation, mix, returning
from service.policy.kernel import kernel
from service.policy.memory import Memory
from service.policy.prior import prior
from service.policy.probes import middles, probes
from service.policy.succession import Successors, hashes_of, next_items, unknown, votes
from service.policy.succession import densities as succession
from service.vectors import Vectors

Source = Literal["present", "long_term", "returning", "domain", "exploration"]
MAJORITY = 0.5
SMALLEST = 1e-30
WIDE = 5
"""Items that are weighed against each other for diversity, for each that is asked for."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What there is to know of a user before any item is looked at.

    Attributes:
        memory: the behaviours.
        mixture: how much each counts.
        scale: (n,) Z of each.
        successors: of the newest of their items.
        unknown: (n,) what of the density of what others took up after each says nothing, 0 to 1.
        returned: (n,) probability that the present regime is the return of the one that each belongs to.
    """

    memory: Memory
    mixture: Mixture
    scale: NDArray[np.float32]
    successors: Successors
    unknown: Floats
    returned: Floats

    @property
    def told(self) -> Floats:
        """(n,) how much each behaviour counts in all, by what it says."""
        near, followed = self.mixture.memory
        return np.asarray(near + followed * (1.0 - self.unknown), np.float64)

    @property
    def domain(self) -> float:
        """How much the domain's prior counts in all: as such, and where others are followed of whom little is known."""
        return self.mixture.domain + (1.0 - self.mixture.domain) * float(self.mixture.memory[1] @ self.unknown)

    @property
    def shares(self) -> dict[str, float]:
        """What is recommended from: the present interest, earlier ones, and what everybody likes. Adds up to 1."""
        followed = 1.0 - self.mixture.domain
        told, included = self.told, self.memory.inclusion
        return {
            "present": followed * float(told @ included),
            "long_term": followed * float(told @ (1.0 - included)),
            "domain": self.domain,
        }


def learn(
    memory: Memory, sample: Vectors, sample_weights: NDArray[np.float32], successors: Successors | None = None
) -> Learnt:
    """Find out which memory foretells the user.

    Args:
        memory: of the user.
        sample: (s, dim) of the catalogue.
        sample_weights: (s,) adding up to 1.
        successors: what others took up after the newest of the user's items.
    """
    followed = Successors.none() if successors is None else successors
    remembered, scale = memory.remembered(sample, sample_weights, followed)
    without = unknown(followed, memory.hashes)
    return Learnt(memory, mix(remembered), scale, followed, without, returning(remembered))


def questions(learnt: Learnt, most: int) -> Vectors:
    """Vectors (q, dim) to look for candidates near, at most so many."""
    memory, counts = learnt.memory, learnt.mixture.memory[RELATIONS.index("likeness")]
    counted = np.flatnonzero(counts > 0.0)
    if not len(counted):
        return np.empty((0, memory.vectors.shape[1]), np.float32)
    likeness = kernel(memory.vectors[counted], memory.vectors[counted])
    chosen = counted[probes(likeness, counts[counted], most)]
    return middles(memory.vectors, counts, chosen)


def next_up(learnt: Learnt, most: int) -> list[tuple[str, int]]:
    """Items that others took up after what counts of the memory: after which item, and the place among its successors.

    Args:
        learnt: of the user.
        most: how many at most, the most probable first.
    """
    memory = learnt.memory
    ids = dict(zip(memory.hashes.tolist(), memory.item_ids, strict=True))
    counts = learnt.mixture.memory[RELATIONS.index("succession")]
    edges = next_items(learnt.successors, memory.hashes, counts, most)
    return [(str(ids[int(learnt.successors.items[row])]), place) for row, place in edges]


@dataclass(frozen=True, slots=True)
class Pick:
    """An item that is recommended.

    Attributes:
        place: among the candidates.
        score: its probability relative to the most probable candidate's, 0 to 1.
        source: what speaks most for it.
        parts: (R, n) what each behaviour adds to its score by each of `RELATIONS`, as shares of the whole; the rest is
            the domain's.
    """

    place: int
    score: float
    source: Source
    parts: Floats

    def because(self, most: int) -> list[tuple[int, float, Relation]]:
        """The behaviours that speak most for it, their shares of the score, and by which relation each speaks more."""
        shares = self.parts.sum(axis=0)
        by = np.argmax(self.parts, axis=0)
        chosen = [n for n in np.argsort(-shares, kind="stable")[:most] if shares[n] > 0.0]
        return [(int(n), float(shares[n]), RELATIONS[by[n]]) for n in chosen]


def rank(
    learnt: Learnt,
    item_ids: Sequence[str],
    vectors: Vectors,
    users: NDArray[np.int64],
    k: int,
    *,
    shape: float,
    explore: float,
    diversity: float,
) -> list[Pick]:
    """The best of the candidates, the best first.

    Args:
        learnt: of the user.
        item_ids: c, of the candidates.
        vectors: (c, dim) of them.
        users: (c,) how many had to do with each lately.
        k: how many.
        shape: of the domain's prior.
        explore: 0 to 1, share of them, rounded down, that go by the domain's prior alone; they come last.
        diversity: 0 to 1, see `diversity`.
    """
    memory, (near, followed) = learnt.memory, learnt.mixture.memory
    counts, behind = (near / learnt.scale).astype(np.float32), 1.0 - learnt.mixture.domain
    likeness, hashes = kernel(vectors, memory.vectors), hashes_of(item_ids)
    after = votes(learnt.successors, memory.hashes, followed, hashes)
    densities = learnt.domain + behind * ((likeness @ counts).astype(np.float64) + after)
    liked = prior(users, shape)
    scores = liked * densities
    scores /= max(float(scores.max(initial=0.0)), SMALLEST)
    to_try = int(explore * k)
    widest = np.argsort(-scores, kind="stable")[: WIDE * k]
    chosen = widest[diversify(vectors[widest], scores[widest], k - to_try, strength=diversity)]
    others = np.argsort(-liked, kind="stable")
    tried = others[~np.isin(others, chosen)][:to_try]
    places = np.concatenate([chosen, tried])
    told = succession(learnt.successors, memory.hashes, hashes[places]) - learnt.unknown
    parts = np.stack([likeness[places] * counts, np.maximum(told, 0.0) * followed])
    parts *= behind / np.maximum(densities[places], SMALLEST)[:, None]
    return [
        Pick(
            place=int(place),
            score=float(scores[place]),
            source=_source(learnt, parts[:, n].sum(axis=0)) if n < len(chosen) else "exploration",
            parts=parts[:, n],
        )
        for n, place in enumerate(places)
    ]


def _source(learnt: Learnt, shares: Floats) -> Source:
    """What speaks most for an item of which behaviours have these shares."""
    included = learnt.memory.inclusion
    present, whole = float(shares @ included), float(shares.sum())
    if whole < MAJORITY:
        return "domain"
    if present >= whole - present:
        return "present"
    most = int(np.argmax(shares * (1.0 - included)))
    return "returning" if learnt.returned[most] >= MAJORITY else "long_term"
