"""Domains whose users change at random, hour by hour, and news in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.populations.judge import HOUR, HOURS, strongest, tests_per_day
from service.populations.repository import WINDOWS
from service.populations.shifts import Counts, threshold

EVERY_SECONDS = 20.0
MIN_USERS = 5
GAINED = 3.0
"""Topics that a change gains on average."""


@dataclass(frozen=True, slots=True)
class World:
    """How a domain's users change.

    Attributes:
        topics: there are.
        rate: users who change in an hour, on average over a day.
        rhythm: by how much of that the hour of day and a random factor of each hour raise and lower it.
        correlation: of users of one hour, see `service.populations.shifts`.
        drift: standard deviation of a topic's log share around its mean, to which it returns over two days: more than
            the model of what is usual knows of.
    """

    topics: int
    rate: float
    rhythm: float = 0.8
    correlation: float = 0.005
    drift: float = 0.0


def hours_of(world: World, hours: int, draw: np.random.Generator) -> tuple[Counts, Counts]:
    """Users who changed (hours,), and who gained each topic (hours, topics), in order of time."""
    share = np.minimum(draw.dirichlet(np.ones(world.topics)) * GAINED, 0.5)
    clock = 1.0 + world.rhythm * np.sin(np.arange(hours) * 2 * np.pi / 24)
    burst = np.exp(draw.normal(0.0, world.rhythm / 2, hours))
    changed = draw.poisson(world.rate * clock * burst)
    shares = np.minimum(share * np.exp(_drift(world, hours, draw)), 0.9)
    precision = 1.0 / world.correlation - 1.0
    varied = draw.beta(precision * shares, precision * (1.0 - shares))
    return changed, draw.binomial(changed[:, None], varied)


def _drift(world: World, hours: int, draw: np.random.Generator) -> np.ndarray:
    """Log of shares relative to their means (hours, topics): an Ornstein-Uhlenbeck process of two days."""
    keep = np.exp(-1.0 / 48.0)
    steps = draw.normal(0.0, 1.0, (hours, world.topics)) * world.drift
    path = steps.copy()
    for hour in range(1, hours):
        path[hour] = keep * path[hour - 1] + np.sqrt(1.0 - keep**2) * steps[hour]
    return path


def looks(world: World, changed: Counts, gained: Counts) -> Iterator[set[int]]:
    """The shifts told at the end of each hour after the first 35 days."""
    limit = threshold(tests_per_day(world.topics, EVERY_SECONDS))
    widths = [window // HOUR for window in WINDOWS]
    for end in range(HOURS + 1, len(changed) + 1):
        # The newest hour is the present one, of which only the windows know.
        before = slice(end - 1 - HOURS, end - 1)
        everybody = np.array([changed[end - width : end].sum() for width in widths])
        counts = np.array([gained[end - width : end].sum(0) for width in widths])
        past = changed[before][::-1], gained[before][::-1]
        yield set(strongest(*past, everybody, counts, min_users=MIN_USERS, log_threshold=limit))


def false_shifts(world: World, days: int, seed: int) -> int:
    """Shifts told in so many days without news: one is counted once for as long as it is told without a break."""
    changed, gained = hours_of(world, HOURS + 24 * days, np.random.default_rng(seed))
    told, before = 0, set[int]()
    for found in looks(world, changed, gained):
        told += len(found - before)
        before = found
    return told


def hours_to_find(world: World, followers: int, seed: int, *, lasting: int = 6) -> int | None:
    """Hours of news until it is told; None where it never is.

    Args:
        world: in which it happens.
        followers: users whom the news makes turn to a topic, in each hour, beside those who change anyway.
        lasting: hours that it lasts.
        seed: of the world, the topic and the hour of day.
    """
    draw = np.random.default_rng(seed)
    changed, gained = hours_of(world, HOURS + lasting, draw)
    topic = int(np.argsort(gained.sum(0))[world.topics // 2])
    changed[HOURS:] += followers
    gained[HOURS:, topic] += followers
    for hour, found in enumerate(looks(world, changed, gained), 1):
        if topic in found:
            return hour
    return None
