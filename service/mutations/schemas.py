"""What is told of a change, by webhooks and by the stream alike."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from service.detect.schemas import Topics
from service.populations.schemas import PopulationShift
from service.snapshots.schemas import Change
from service.wire import Domain, StrictModel

EVENT_TYPE = "interest.mutation.detected"


class Mutation(BaseModel):
    """A change of one user's interest."""

    user_id: str = Field(description="The user's id in your system.")
    domain: str
    snapshot_id: UUID = Field(description="The change's own snapshot; names the change, and stays the same.")
    sequence: int = Field(description="Of that snapshot: tells the order of one user's changes.")
    change: Change
    topics: Topics
    population: PopulationShift | None = Field(
        description="The shift of the whole population that the change is part of, as it was known when the change was "
        "declared. Null for a change of the user's own."
    )


class MutationEvent(BaseModel):
    """`interest.mutation.detected`: the body of a webhook, and the data of an event of the stream."""

    type: Literal["interest.mutation.detected"]
    timestamp: datetime = Field(description="When the change was declared.")
    data: Mutation


class StreamQuery(StrictModel):
    """Which changes to send."""

    domain: Annotated[Domain | None, Query(description="Only changes in this domain.")] = None
