"""Which items to recommend, and because of what. See `kernel`, `experts` and `prior` for the mathematics."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.detection.topics import Vectors
from service.policy.diversity import diversify
from service.policy.experts import Mixture, mix, returning
from service.policy.kernel import kernel
from service.policy.memory import Memory
from service.policy.prior import prior
from service.policy.probes import middles, probes

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
        returned: (n,) probability that the present regime is the return of the one that each belongs to.
    """

    memory: Memory
    mixture: Mixture
    scale: NDArray[np.float32]
    returned: Floats

    @property
    def shares(self) -> dict[str, float]:
        """What is recommended from: the present interest, earlier ones, and what everybody likes. Adds up to 1."""
        followed = 1.0 - self.mixture.domain
        present = float(self.mixture.memory @ self.memory.inclusion)
        return {
            "present": followed * present,
            "long_term": followed * (1.0 - present),
            "domain": self.mixture.domain,
        }


def learn(memory: Memory, sample: Vectors, sample_weights: NDArray[np.float32]) -> Learnt:
    """Find out which memory foretells the user.

    Args:
        memory: of the user.
        sample: (s, dim) of the catalogue.
        sample_weights: (s,) adding up to 1.
    """
    remembered, scale = memory.remembered(sample, sample_weights)
    return Learnt(memory, mix(remembered), scale, returning(remembered))


def questions(learnt: Learnt, most: int) -> Vectors:
    """Vectors (q, dim) to look for candidates near, at most so many."""
    memory = learnt.memory
    counted = np.flatnonzero(learnt.mixture.memory > 0.0)
    if not len(counted):
        return np.empty((0, memory.vectors.shape[1]), np.float32)
    likeness = kernel(memory.vectors[counted], memory.vectors[counted])
    chosen = counted[probes(likeness, learnt.mixture.memory[counted], most)]
    return middles(memory.vectors, learnt.mixture.memory, chosen)


@dataclass(frozen=True, slots=True)
class Pick:
    """An item that is recommended.

    Attributes:
        place: among the candidates.
        score: its probability relative to the most probable candidate's, 0 to 1.
        source: what speaks most for it.
        parts: (n,) what each behaviour adds to its score, as shares of the whole; the rest is the domain's.
    """

    place: int
    score: float
    source: Source
    parts: Floats


def rank(
    learnt: Learnt,
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
        vectors: (c, dim) of the candidates.
        users: (c,) how many had to do with each lately.
        k: how many.
        shape: of the domain's prior.
        explore: 0 to 1, share of them, rounded down, that go by the domain's prior alone; they come last.
        diversity: 0 to 1, see `diversity`.
    """
    memory, domain = learnt.memory, learnt.mixture.domain
    counts = (learnt.mixture.memory / learnt.scale).astype(np.float32)
    parts = kernel(vectors, memory.vectors) * counts
    densities = domain + (1.0 - domain) * parts.sum(axis=1, dtype=np.float64)
    liked = prior(users, shape)
    scores = liked * densities
    scores /= max(float(scores.max(initial=0.0)), SMALLEST)
    to_try = int(explore * k)
    widest = np.argsort(-scores, kind="stable")[: WIDE * k]
    followed = widest[diversify(vectors[widest], scores[widest], k - to_try, strength=diversity)]
    others = np.argsort(-liked, kind="stable")
    tried = others[~np.isin(others, followed)][:to_try]
    picks: list[Pick] = []
    for place in [*followed.tolist(), *tried.tolist()]:
        shares = (1.0 - domain) * parts[place].astype(np.float64) / max(float(densities[place]), SMALLEST)
        source = _source(learnt, shares) if len(picks) < len(followed) else "exploration"
        picks.append(Pick(place, float(scores[place]), source, shares))
    return picks


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
