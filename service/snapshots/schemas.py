"""What a decision looks like to clients, in answers to `POST /detect` and in a user's history alike."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from service.wire import WireVector

Status = Literal["warming_up", "ok", "uncalibrated"]
Detector = Literal["bayes", "distance", "rate", "window"]


class Change(BaseModel):
    """The question whether the interest changed, and the answer."""

    probability: float | None = Field(description="Of a recent change, 0 to 1. Null without a profile.")
    log_odds: float | None = Field(
        description="The same as log-odds, in nats: of an alarm at this level being a true one. Null without a profile."
    )
    threshold: float | None = Field(description="What the detector's score was compared with.")
    behaviors_per_false_alarm: float | None = Field(
        description="How many behaviours of an unchanged user there are to one false alarm at this threshold, where "
        "that was measured."
    )
    detector: Detector = Field(description="The detector that decided.")
    changed_at: datetime | None = Field(description="Time of the first behaviour of the new interest. Null: no change.")
    first_event_id: str | None = Field(description="That behaviour.")
    behaviors_since: int | None = Field(description="Behaviours of the new interest when the change was declared.")
    kind: Literal["novel", "returning"] | None = Field(
        description="`returning` where the new interest matches an earlier one of this user's."
    )

    @classmethod
    def unknown(cls, detector: Detector) -> Self:
        """The question with no figures at all: nothing was ever judged."""
        return cls.model_validate(dict.fromkeys(cls.model_fields) | {"detector": detector})


class Scores(BaseModel):
    """How far the interest moved since the last snapshot."""

    magnitude: float = Field(description="Euclidean length of delta_z, 0 to 2.")
    cosine_distance: float = Field(description="1 minus the cosine of z and z_previous, 0 to 2.")
    rate_per_day: float = Field(description="magnitude by elapsed days.")
    window: float = Field(description="Distance between the means of the newest behaviours and of those before.")


class TopicShare(BaseModel):
    """A topic that the present interest has more of than the population."""

    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    share: float = Field(description="0 to 1.")


class TopicDifference(BaseModel):
    """A topic whose share changed."""

    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    before: float = Field(description="Share of the interest before, 0 to 1.")
    after: float = Field(description="Share of the interest after, 0 to 1.")


class Interest(BaseModel):
    """The interest vector and how it moved. Vectors are of length `dim`."""

    dim: int
    z: WireVector = Field(description="Weighted mean of the unit vectors of the present interest's behaviours.")
    z_previous: WireVector | None = Field(description="z at the last snapshot. Null for a user's first.")
    delta_z: WireVector = Field(description="z - z_previous. Zeros for a user's first snapshot.")
    direction: WireVector = Field(description="delta_z at unit length: where the interest went. Zeros if nowhere.")
    noise: float | None = Field(
        default=None,
        exclude_if=lambda noise: noise is None,
        description="Where vectors leave with noise, its standard deviation on each component of z. z_previous is then "
        "the noisy vector that left before this one, if any, and delta_z and direction are made of the two.",
    )


class Snapshot(BaseModel):
    """A stored decision."""

    snapshot_id: UUID
    sequence: int = Field(description="Counts the user's snapshots, from 1.")
    taken_at: datetime = Field(description="When it was stored.")
    taken_for: Literal["request", "change"] = Field(
        description="Each request stores one snapshot, and one more for each change declared inside it."
    )
    as_of: datetime = Field(description="Time of the newest behaviour in it.")
    behaviors: int = Field(description="The user's behaviours up to then.")
    status: Status
    mutated: bool = Field(description="Whether a change was declared.")
    change: Change
    scores: Scores | None = Field(description="Null where vectors leave with noise: they are made of exact ones.")
    topics: list[TopicShare] = Field(description="The leading topics of the interest.")
    interest: Interest | None = Field(description="Only with `include=vectors`.")
    model_digest: str
    profile_id: str | None


class SnapshotPage(BaseModel):
    """Snapshots, newest first."""

    items: list[Snapshot]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page. Null on the last one.")
