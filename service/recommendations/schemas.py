"""Requests and responses of recommendations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from service.item_topics import ItemTopic
from service.items.schemas import Category
from service.policy.experts import Relation
from service.policy.schemas import Policy
from service.users.schemas import UserQuery

MOST = 100


class RecommendationsQuery(UserQuery):
    """What to recommend."""

    k: Annotated[int, Query(ge=1, le=MOST, description="How many items.")] = 20
    exclude_seen: Annotated[
        bool, Query(description="Leave out items that a behaviour of the user was about (by `item_id`).")
    ] = True
    category: Annotated[Category | None, Query(description="Only items of this category.")] = None
    explain: Annotated[bool, Query(description="Say because of which behaviours, and what the item is about.")] = False
    diversity: Annotated[
        float,
        Query(
            ge=0,
            le=1,
            allow_inf_nan=False,
            description="How much unlikeness to the items above may cost (maximal marginal relevance); 0: nothing.",
        ),
    ] = 0.1


class Because(BaseModel):
    """A behaviour that speaks for an item."""

    event_id: str
    item_id: str | None
    share: float = Field(description="Of the item's score, 0 to 1.")
    relation: Relation = Field(
        description="By which it speaks more: `likeness`, the item's text is like its own; `succession`, others took "
        "the item up soon after its own."
    )


class Explanation(BaseModel):
    """Why an item is recommended."""

    because: list[Because] = Field(description="The behaviours that speak most for it.")
    topics: list[ItemTopic] = Field(description="What it is about. Empty without a profile.")


class Recommendation(BaseModel):
    """An item."""

    item_id: str
    score: float = Field(description="Its probability relative to the most probable item's, 0 to 1.")
    source: Literal["present", "long_term", "returning", "domain", "exploration"] = Field(
        description="What speaks most for it: the present interest, an earlier one, an earlier one that has returned, "
        "what the domain's users like; or the share of exploration."
    )
    text: str | None
    category: str | None
    attributes: dict[str, Any]
    explanation: Explanation | None = Field(description="With `explain`.")


class MixtureShares(BaseModel):
    """What the items were drawn from; adds up to 1."""

    present: float
    long_term: float
    domain: float


class Recommendations(BaseModel):
    """Items for a user, the best first."""

    user_id: str
    domain: str
    as_of: datetime | None = Field(description="Time of the user's newest behaviour. Null for a new user.")
    policy: Policy
    mixture: MixtureShares = Field(
        description="How far the present interest, earlier ones and the domain's users were followed, as learnt from "
        "what foretold this user."
    )
    items: list[Recommendation] = Field(description="Fewer than `k` where the catalogue has no more.")
