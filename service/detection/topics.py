"""Soft topics: a behaviour's vector as sparse shares over the profile's prototypes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled, compiled_sums
from service.vectors import Vectors

WHOLE = 65_535
"""A share of 1, as stored."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Sparse topic shares of n behaviours.

    Attributes:
        topics: (n, m) uint16, the m nearest topics of each behaviour, nearest first.
        shares: (n, m) uint16, their shares in units of 1/65,535; each row sums to 1 within rounding. Stored and
            computed alike, so that a state that went through the database is the state that did not.
    """

    topics: NDArray[np.uint16]
    shares: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.topics)

    def at(self, row: int) -> "Assignment":
        """One behaviour's alone."""
        return Assignment(self.topics[row : row + 1], self.shares[row : row + 1])


def joined(parts: Sequence[Assignment]) -> Assignment:
    """Behaviours' topics one after the other; at least one part."""
    return Assignment(np.concatenate([one.topics for one in parts]), np.concatenate([one.shares for one in parts]))


@dataclass(frozen=True)
class Topics:
    """The topics of a population.

    Attributes:
        center: (dim,) float32, mean vector of the background.
        projection: (dim, d) float32, onto the directions that set the operator's categories apart; d may be 0.
        mix: 0 to 1, how much those directions count; 0 without any.
        prototypes: (k, dim + d) float32, unit vectors in the space of `coordinates`, one a topic.
        background: (k,) float32, shares of the topics, all positive, summing to 1.
        groups: (k,) uint16, the group of similar topics that each belongs to.
        temperature: tau of the soft assignment.
        nearest: m, how many topics a behaviour may belong to.
    """

    center: Vectors
    projection: Vectors
    mix: float
    prototypes: Vectors
    background: Vectors
    groups: NDArray[np.uint16]
    temperature: float
    nearest: int

    @cached_property
    def group_background(self) -> Vectors:
        """(g,) float32, the groups' shares of the background."""
        return np.bincount(self.groups, self.background).astype(np.float32)

    def assign(self, vectors: Vectors) -> Assignment:
        """Soft topics of unit vectors (n, dim)."""
        placed = coordinates(vectors, center=self.center, projection=self.projection, mix=self.mix)
        return assign(placed, prototypes=self.prototypes, temperature=self.temperature, nearest=self.nearest)


def coordinates(vectors: Vectors, *, center: Vectors, projection: Vectors, mix: float) -> Vectors:
    """Where unit vectors lie in the space of the prototypes.

    Vectors are centred on the background's mean first: some encoders put everything into one narrow cone, in which
    cosines hardly differ. Where the operator's categories are known, the directions that set them apart are added with
    weight `mix`: an encoder's cosine is about everything a text says, most of which does not tell interests apart.

    Args:
        vectors: (n, dim), unit vectors.
        center: (dim,), the background's mean.
        projection: (dim, d), onto the directions that set categories apart; d may be 0.
        mix: 0 to 1, the share of the projection in the squared length.

    Returns:
        (n, dim + d) float32, unit vectors: [sqrt(1 - mix) * centred, sqrt(mix) * projected].
    """
    return _coordinates(np.ascontiguousarray(vectors, np.float32), center, projection, mix)


def assign(coordinates: Vectors, *, prototypes: Vectors, temperature: float, nearest: int) -> Assignment:
    """Softmax of cos(e, prototype) / temperature over each behaviour's `nearest` prototypes.

    A lower temperature makes assignments harder.

    Args:
        coordinates: (n, dim), unit vectors in the prototypes' space.
        prototypes: (k, dim), unit vectors.
        temperature: tau > 0.
        nearest: m, at most k.

    Returns:
        the assignment of the n vectors.
    """
    topics, shares = _assign(coordinates, prototypes, temperature, nearest)
    return Assignment(topics, shares)


@compiled_sums
def _dot(a: Vectors, b: Vectors) -> float:
    total = np.float32(0.0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return float(total)


@compiled
def _coordinates(vectors: Vectors, center: Vectors, projection: Vectors, mix: float) -> Vectors:
    n, dim = vectors.shape
    extra = projection.shape[1]
    out = np.zeros((n, dim + extra), np.float32)
    for i in range(n):
        length = 0.0
        for j in range(dim):
            value = vectors[i, j] - center[j]
            out[i, j] = value
            length += value * value
            for k in range(extra):
                out[i, dim + k] += value * projection[j, k]
        projected = 0.0
        for k in range(dim, dim + extra):
            projected += out[i, k] * out[i, k]
        share = mix if extra else 0.0
        here, there = np.sqrt((1.0 - share) / max(length, 1e-24)), np.sqrt(share / max(projected, 1e-24))
        for j in range(dim):
            out[i, j] *= here
        for k in range(dim, dim + extra):
            out[i, k] *= there
    return out


@compiled
def _assign(
    coordinates: Vectors, prototypes: Vectors, temperature: float, nearest: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    n = len(coordinates)
    topics, shares = np.zeros((n, nearest), np.uint16), np.zeros((n, nearest), np.uint16)
    top = np.full((n, nearest), -np.inf)
    # Prototypes outside: each is read from memory once for all vectors. One product of matrices would be quicker still,
    # but rounds differently for different n, and streaming must equal batch.
    for k in range(len(prototypes)):
        for i in range(n):
            cosine = _dot(prototypes[k], coordinates[i])
            at = nearest
            while at > 0 and top[i, at - 1] < cosine:
                at -= 1
            if at == nearest:
                continue
            for later in range(nearest - 1, at, -1):
                top[i, later] = top[i, later - 1]
                topics[i, later] = topics[i, later - 1]
            top[i, at] = cosine
            topics[i, at] = k
    for i in range(n):
        total = 0.0
        for j in range(nearest):
            total += np.exp((top[i, j] - top[i, 0]) / temperature)
        for j in range(nearest):
            shares[i, j] = np.rint(np.exp((top[i, j] - top[i, 0]) / temperature) / total * WHOLE)
    return topics, shares
