"""Whom methods are asked about, in which catalogue, among which people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection.made_up import made_up
from bench.detection.sources import topic_pools
from bench.recommend.baselines import Method
from bench.recommend.popularity import Crowd
from bench.recommend.protocol import Asked, History, Ranks, Set, asked
from bench.recommend.replay import Replayed, replay, shortened
from bench.recommend.scoring import ranks
from bench.recommend.sets import SEED, narrowed
from bench.recommend.succession import Steps
from service.detection.profile import Profile
from service.detection.topics import Assignment
from service.policy.kernel import TEMPERATURE
from service.policy.memory import NEWEST
from service.recommendations.popularity import LATELY
from service.vectors import Vectors

MOST_BEHAVIORS = 250
"""Of a history, its first ones: a household's year has more, and takes the longer the less it has that is new."""
FIT_CHANGING = 300
"""People with planted changes that numbers are chosen on; as many as are enough."""
RETURNING = 200
STAY, AWAY, BACK = 40, 40, 40
"""Behaviours of a returning person with the first interest, with the other, and with the first again."""

LATELY_SECONDS = int(LATELY.total_seconds())

Told = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """All that a method can know or be asked.

    Attributes:
        vectors: (items, dim) of the catalogue.
        people: who are asked about.
        crowd: everybody whose behaviours count for popularity.
        steps: of the same people, from item to item.
        profile: the detector's.
        assigned: the catalogue's topics.
        changes: of each of the people, where they are planted; else None, and the detector's count.
    """

    vectors: Vectors
    people: list[History]
    crowd: Crowd
    steps: Steps
    profile: Profile
    assigned: Assignment
    changes: list[list[int]] | None

    def some(self, most: int | None, seed: int = 0) -> "World":
        """The same with so many of the people, at random."""
        if most is None or most >= len(self.people):
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self.people))[:most])
        changes = None if self.changes is None else [self.changes[n] for n in chosen]
        return replace(self, people=[self.people[n] for n in chosen], changes=changes)


@dataclass(frozen=True)
class Answers:
    """What came of it.

    Attributes:
        questions: the targets.
        changes: of each of the people.
        ranks: (n,) of the targets by each method.
    """

    questions: Asked
    changes: list[list[int]]
    ranks: dict[str, Ranks]


def held_out(some: Set, profile: Profile) -> World:
    """People whom nothing was chosen on.

    Where people are made up, the catalogue is the items that they drew from: no other person has these.
    """
    vectors, people, crowd = some.vectors, some.held, [*some.fit, *some.held]
    if some.planted:
        vectors, people = narrowed(some, some.held)
        crowd = people
    return _world(vectors, people, crowd, profile, lately=None if some.planted else LATELY_SECONDS)


def to_choose_on(some: Set, profile: Profile, data: Path) -> World:
    """The fit users; where changes are planted, others with changes, made up from the same texts as these."""
    vectors, people = some.vectors, some.fit
    if some.planted:
        vectors, people = narrowed(some, _changing(data))
    return _world(vectors, people, people, profile, lately=None if some.planted else LATELY_SECONDS)


def returning(some: Set, profile: Profile, data: Path) -> World:
    """Made-up people who turn to other subjects and back again, over the held-out texts."""
    _, pools = topic_pools(data, np.random.default_rng(SEED))
    rng = np.random.default_rng(SEED + 3)
    people = []
    for n in range(RETURNING):
        own = made_up(rng, pools[1], f"returning {n}", length=STAY + BACK)
        other = made_up(rng, pools[1], "", length=AWAY)
        parts = [own.take(slice(STAY)), other, own.take(slice(STAY, None))]
        items = np.concatenate([part.items for part in parts])
        joined = type(own)(own.user, items, np.ones(len(items), np.float32), np.full(len(items), -1))
        people.append(History(joined, np.arange(len(items))))
    vectors, people = narrowed(some, people)
    world = _world(vectors, people, people, profile, lately=None)
    return replace(world, changes=[[STAY + AWAY]] * len(people))


def ask(
    world: World,
    methods: Sequence[Method],
    *,
    temperature: float = TEMPERATURE,
    newest: int = NEWEST,
    told: Told = lambda _: None,
) -> Answers:
    """Replay everybody, and rank every target by every method."""
    people = [shortened(history, MOST_BEHAVIORS) for history in world.people]
    changes, found = list[list[int]](), list[Any]()
    for n, history in enumerate(people):
        replayed: Replayed = replay(history, world.vectors, world.profile, world.assigned, newest)
        changes.append(replayed.changes if world.changes is None else world.changes[n])
        found.append(ranks(replayed, world.vectors, world.crowd, world.steps, methods, temperature=temperature))
        if not (n + 1) % 100:
            told(f"{n + 1} of {len(people)} people")
    together = np.concatenate(found, axis=1)
    named = {method.name: row for method, row in zip(methods, together, strict=True)}
    return Answers(asked(people, changes), changes, named)


def _world(
    vectors: Vectors, people: list[History], crowd: Sequence[History], profile: Profile, *, lately: int | None
) -> World:
    """With the planted changes, if any; popularity is that of late, as in the service, where there are times."""
    planted = [person.stream.change for person in people if person.stream.change is not None]
    changes = [[change] for change in planted] if len(planted) == len(people) else None
    counted = Crowd(crowd, len(vectors), lately)
    return World(vectors, people, counted, Steps(crowd, len(vectors)), profile, profile.assign(vectors), changes)


def _changing(data: Path) -> list[History]:
    """People with changes, over the texts of the fit."""
    _, pools = topic_pools(data, np.random.default_rng(SEED))
    rng = np.random.default_rng(SEED + 2)
    out = []
    for n in range(FIT_CHANGING):
        change = int(rng.integers(30, 61))
        stream = made_up(rng, pools[0], f"fit, changing {n}", length=100, change=change)
        out.append(History(stream, np.arange(len(stream))))
    return out
