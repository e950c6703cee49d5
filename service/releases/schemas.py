"""What clients are told of vectors that were left out."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Withheld(BaseModel):
    """Why an answer has no vectors though they were asked for. Everything else in it stands."""

    reason: Literal["budget_spent", "not_stored", "unavailable"] = Field(
        description="`budget_spent`: this user's privacy budget has no room for another vector. `not_stored`: there is "
        "no stored snapshot, and only a stored one's vectors leave. `unavailable`: the database was away; ask "
        "/users/{user_id}/interest for them."
    )
    available_at: datetime | None = Field(
        default=None, description="With `budget_spent`: when there is room for one again, at the earliest."
    )
