"""The histories that a profile is fitted to, and their evidence under given topics and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.calibration.topics import Fitted, assign_as_new
from service.detection.bayes import BayesParams
from service.detection.topics import Assignment, Topics
from service.detection.trace import trace
from service.evaluation.streams import Stream
from service.vectors import Vectors


@dataclass(frozen=True)
class Population:
    """Users' histories over distinct texts.

    Attributes:
        texts: n distinct texts.
        vectors: (n, dim) float32, their unit vectors.
        streams: the users' histories.
    """

    texts: list[str]
    vectors: Vectors
    streams: list[Stream]

    def narrowed(self, streams: Sequence[Stream]) -> "Population":
        """Some of the histories over the texts that they use, no others: texts of the rest are not to be known."""
        used = np.unique(np.concatenate([stream.items for stream in streams]))
        row = np.full(len(self.texts), -1)
        row[used] = np.arange(len(used))
        own = [replace(stream, items=row[stream.items]) for stream in streams]
        return Population([self.texts[at] for at in used], self.vectors[used], own)

    def occurrences(self) -> NDArray[np.int64]:
        """(n,), how often each text occurs in the histories."""
        return np.bincount(np.concatenate([s.items for s in self.streams]), minlength=len(self.texts)).astype(np.int64)

    def categories(self) -> NDArray[np.int64]:
        """(n,), a category that each text was seen with; -1 where it never had one."""
        out = np.full(len(self.texts), -1)
        for stream in self.streams:
            known = stream.categories >= 0
            out[stream.items[known]] = stream.categories[known]
        return out

    def new_texts(self) -> float:
        """The share of behaviours about texts that nobody else's behaviours are about: what a new user brings, too."""
        occurrences = self.occurrences()
        users = np.bincount(np.concatenate([np.unique(stream.items) for stream in self.streams]))
        return float(occurrences[np.flatnonzero(users == 1)].sum() / occurrences.sum())

    @property
    def categorised(self) -> bool:
        """Whether there are at least two categories."""
        known = self.categories()
        return len(np.unique(known[known >= 0])) > 1


@dataclass(frozen=True)
class View:
    """All texts' topics under one choice of topics and numbers."""

    topics: Topics
    params: BayesParams
    assigned: Assignment

    def evidence(self, stream: Stream) -> tuple[NDArray[np.float64], float]:
        """Figures (n, len(FEATURES)) after each behaviour, and the history's log-likelihood."""
        return trace(
            self.params,
            self.topics,
            Assignment(self.assigned.topics[stream.items], self.assigned.shares[stream.items]),
            stream.weights,
        )

    def figures(self, streams: Sequence[Stream]) -> list[NDArray[np.float32]]:
        """Of many histories, in single precision, for there are many."""
        return [self.evidence(stream)[0].astype(np.float32) for stream in streams]


def view(population: Population, topics: Topics, params: BayesParams) -> View:
    """Every text's topics, looked up once."""
    return View(topics, params, topics.assign(population.vectors))


def view_to_come(population: Population, fitted: Fitted, params: BayesParams, *, new: float, seed: int) -> View:
    """Every text's topics as those of behaviours to come, some of which are about texts that nobody knows yet.

    Args:
        population: that the topics were fitted to.
        fitted: the topics.
        params: the numbers.
        new: 0 to 1, the share of behaviours to come about texts that are not among the population's. About so many
            behaviours are about texts, drawn at random, that are looked at as new, see `assign_as_new`.
        seed: of the drawing.
    """
    seen = view(population, fitted.topics, params)
    occurrences = population.occurrences()
    order = np.random.default_rng(seed).permutation(len(occurrences))
    before = np.cumsum(occurrences[order]) - occurrences[order]
    rows = np.zeros(len(occurrences), bool)
    rows[order[before + occurrences[order] / 2 < new * occurrences.sum()]] = True
    if not rows.any():
        return seen
    found = assign_as_new(population.vectors, occurrences, population.categories(), fitted, seed=seed)
    topics = np.where(rows[:, None], found.topics, seen.assigned.topics)
    return replace(seen, assigned=Assignment(topics, np.where(rows[:, None], found.shares, seen.assigned.shares)))
