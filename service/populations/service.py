"""What is told of a domain's population."""

import math
from datetime import UTC, datetime, timedelta

from service.database.sessions import ReadSession, as_of_one_moment
from service.detection.profile import Profile
from service.populations import repository
from service.populations.judge import BASELINE
from service.populations.repository import Bucket
from service.populations.schemas import (
    MAX_BUCKETS,
    WIDTHS,
    DomainMutations,
    Kinds,
    MutationsQuery,
    PopulationShift,
    TimeBucket,
    TopicCount,
    TopicCounts,
)
from service.populations.shifts import MIN_BASELINE_USERS
from service.populations.watch import Watch
from service.problems import FieldError, InvalidRequest
from service.resources import Resources

DEFAULT_SPAN = timedelta(days=7)
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""Stretches of time are whole hours and days from here."""
DIGITS = 6


async def mutations(resources: Resources, session: ReadSession, domain: str, query: MutationsQuery) -> DomainMutations:
    """Counts of a domain's changes, their topics, and the shifts of its population.

    Raises:
        InvalidRequest: the time asked for is none, or has too many stretches.
    """
    until = query.until or datetime.now(UTC)
    since = query.since or until - DEFAULT_SPAN
    width = WIDTHS[query.bucket]
    _check(since, until, width)
    profile = resources.profile
    # First, as it needs a connection of its own, and the session takes one with its first statement.
    shifts = [] if profile is None else await _shifts(resources, profile, domain)
    await as_of_one_moment(session)
    totals = await repository.totals(session, domain, since, until)
    found = await repository.buckets(session, domain, since, until, width=width, origin=ORIGIN)
    return DomainMutations(
        domain=domain,
        since=since,
        until=until,
        bucket=query.bucket,
        users=totals.users,
        changes=totals.changes,
        kinds=Kinds(novel=totals.novel, returning=totals.returning),
        buckets=_filled(found, since, until, width),
        topics=TopicCounts(
            gained=await _topics(resources, session, domain, since, until, lost=False, limit=query.limit),
            lost=await _topics(resources, session, domain, since, until, lost=True, limit=query.limit),
        ),
        shifts=shifts,
    )


def _check(since: datetime, until: datetime, width: timedelta) -> None:
    if since >= until:
        raise _refused("since", "is not before until", "an earlier time, or a later until")
    if (until - since) / width > MAX_BUCKETS:
        raise _refused("bucket", f"gives more than {MAX_BUCKETS} stretches of time", "day, or a later since")


def _refused(field: str, message: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(errors=[FieldError(field=field, message=message, remedy=remedy)])


def _filled(found: list[Bucket], since: datetime, until: datetime, width: timedelta) -> list[TimeBucket]:
    """Every stretch of the time, those in which nothing was declared, too."""
    counted = {bucket.start: bucket for bucket in found}
    first = ORIGIN + (since - ORIGIN) // width * width
    starts = (first + n * width for n in range(math.ceil((until - first) / width)))
    filled = (counted.get(start, Bucket(start, 0, 0)) for start in starts)
    return [TimeBucket(start=bucket.start, users=bucket.users, changes=bucket.changes) for bucket in filled]


async def _topics(
    resources: Resources,
    session: ReadSession,
    domain: str,
    since: datetime,
    until: datetime,
    *,
    lost: bool,
    limit: int,
) -> list[TopicCount]:
    profile = resources.profile
    if profile is None:
        return []
    everybody, users = await repository.topics(session, domain, profile.id, since, until, lost=lost)
    before, usual = await repository.topics(session, domain, profile.id, since - BASELINE, since, lost=lost)
    fewest = resources.settings.population_min_users
    ranked = sorted(((count, topic) for topic, count in users.items() if count >= fewest), key=lambda x: (-x[0], x[1]))
    return [
        _topic_count(
            profile, topic, count, everybody, usual.get(topic, 0) / before if before >= MIN_BASELINE_USERS else None
        )
        for count, topic in ranked[:limit]
    ]


def _topic_count(profile: Profile, topic: int, users: int, everybody: int, expected: float | None) -> TopicCount:
    share = users / everybody
    return TopicCount(
        topic=topic,
        label=profile.labels[topic],
        users=users,
        share=round(share, DIGITS),
        expected_share=None if expected is None else round(expected, DIGITS),
        ratio=round(share / expected, 3) if expected else None,
    )


async def _shifts(resources: Resources, profile: Profile, domain: str) -> list[PopulationShift]:
    """As the last look found them, or anew where that is longer ago than looks are apart."""
    every = timedelta(seconds=resources.settings.population_every_seconds)
    found = await Watch(resources, profile).look(domain, older_than=every)
    return [PopulationShift.of(shift) for shift in sorted(found.values(), key=lambda shift: -shift.users)]
