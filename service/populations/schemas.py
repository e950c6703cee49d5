"""What is told of a domain's population."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import BaseModel, Field

from service.populations.judge import Shift
from service.wire import StrictModel, Time

Width = Literal["hour", "day"]
WIDTHS: dict[Width, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MAX_BUCKETS = 1000
MAX_TOPICS = 100


class PopulationShift(BaseModel):
    """Many users of the domain turned to a topic at once: news or a season, not one user's own change of mind."""

    shift: Literal[True] = True
    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    users: int = Field(description="Who gained the topic since then.")
    changed_users: int = Field(description="Who changed at all since then.")
    expected: float = Field(description="How many of those would have gained it if all were as usual.")
    since: datetime = Field(description="The beginning of the window that shows it best: 1, 6, 24 or 168 hours ago.")
    probability: float = Field(description="That this is a shift, 0 to 1.")

    @classmethod
    def of(cls, shift: Shift) -> Self:
        """A shift as clients see it."""
        return cls(
            topic=shift.topic,
            label=shift.label,
            users=shift.users,
            changed_users=shift.changed_users,
            expected=round(shift.expected, 2),
            since=shift.since,
            probability=round(shift.probability, 6),
        )


class MutationsQuery(StrictModel):
    """Which changes are counted, and how."""

    since: Annotated[
        Time | None, Query(description="Changes recorded then or later; 7 days before `until` if absent.")
    ] = None
    until: Annotated[Time | None, Query(description="Changes recorded before then; now if absent.")] = None
    bucket: Annotated[Width, Query(description="Length of the stretches of time, each whole in UTC.")] = "day"
    limit: Annotated[int, Query(ge=1, le=MAX_TOPICS, description="Topics gained and topics lost at most.")] = 20


class Kinds(BaseModel):
    """Changes by what they turned to."""

    novel: int = Field(description="To an interest that the user had not shown before.")
    returning: int = Field(description="Back to an earlier interest of the user's.")


class TimeBucket(BaseModel):
    """One stretch of time."""

    start: datetime
    users: int = Field(description="Distinct users who changed.")
    changes: int


class TopicCount(BaseModel):
    """How many users a topic won or lost."""

    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    users: int = Field(description="Distinct.")
    share: float = Field(description="Of the users who changed, 0 to 1. Their interests have many topics each.")
    expected_share: float | None = Field(
        description="The same in the 28 days before `since`. Null where fewer than 100 users changed in them."
    )
    ratio: float | None = Field(description="share by expected_share. Null without one, and where it is 0.")


class TopicCounts(BaseModel):
    """Topics by users, most first, without those of fewer users than the settings allow to be told."""

    gained: list[TopicCount]
    lost: list[TopicCount]


class DomainMutations(BaseModel):
    """What the changes in a domain have in common. Users who were erased are no longer counted."""

    domain: str
    since: datetime
    until: datetime
    bucket: Width
    users: int = Field(description="Distinct users who changed.")
    changes: int
    kinds: Kinds
    buckets: list[TimeBucket] = Field(description="In order, empty ones included; the first and last may be cut.")
    topics: TopicCounts = Field(description="Of the changes judged by the present profile.")
    shifts: list[PopulationShift] = Field(
        description="Of the whole population, as of now, whatever `since` and `until` are; the most users first."
    )
