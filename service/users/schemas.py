"""Parameters of the calls about a user, and what an export is."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from service.wire import DEFAULT_DOMAIN, Domain, StrictModel, Time, VectorFormat

MAX_PAGE = 200
CURSOR_PREFIX = "v1-"
CURSOR_PATTERN = r"^v1-[0-9]{1,18}$"
"""As many digits as fit the database's integers."""


class UserQuery(StrictModel):
    """Which of the user's domains."""

    domain: Domain = DEFAULT_DOMAIN


class InterestQuery(UserQuery):
    """How much of a snapshot to send."""

    include: Annotated[
        list[Literal["vectors"]],
        Query(max_length=4, description="`vectors`: the interest vectors.", default_factory=list),
    ]
    encoding_format: Annotated[VectorFormat, Query(description="Of vectors.")] = "float"

    @property
    def vectors(self) -> VectorFormat | None:
        """The format of vectors, if they were asked for."""
        return self.encoding_format if "vectors" in self.include else None


class HistoryQuery(InterestQuery):
    """Which snapshots to send."""

    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Snapshots a page.")] = 50
    # The pattern is told here and checked by `service.read_cursor`, which knows a remedy.
    cursor: Annotated[
        Annotated[str, Field(max_length=64, json_schema_extra={"pattern": CURSOR_PATTERN})] | None,
        Query(description="`next_cursor` of the page before, unchanged."),
    ] = None
    since: Annotated[Time | None, Query(description="Only snapshots taken then or later.")] = None
    until: Annotated[Time | None, Query(description="Only snapshots taken before then.")] = None
    mutated_only: Annotated[bool, Query(description="Only snapshots taken for a change.")] = False


class Export(BaseModel):
    """Everything held about a user in one domain, as of one moment."""

    user_id: str = Field(description="As asked for; it is not stored.")
    domain: str
    exported_at: datetime
    tables: dict[str, list[dict[str, Any]]] = Field(
        description="For each table that holds something of users, the user's rows by column. What each column is and "
        "why it is kept is in docs/privacy.md. `user_key` is in hexadecimal, vectors are numbers, and the detectors' "
        "`state` is shown by its parts, with its bytes in base64 as `data`."
    )
