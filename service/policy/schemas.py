"""What a policy looks like to clients."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

PolicyStatus = Literal["new", "warming_up", "ok", "uncalibrated"]


class TopicFactor(BaseModel):
    """A topic that counts more or less than usual."""

    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    share: float = Field(description="Of the present interest, 0 to 1.")
    usual: float = Field(description="Of the user's long-term profile; of the domain, for a user without one.")
    factor: float = Field(description="share by usual: what to multiply by.")


class Policy(BaseModel):
    """How to recommend to a user now. It follows from the detector's posterior; nothing in it is set by hand."""

    status: PolicyStatus = Field(
        description="`new`: nothing is known of the user, the domain's prior is all there is. `warming_up`: too little "
        "history to judge changes. `uncalibrated`: no profile fits this model, so there are no topics."
    )
    present: float = Field(description="Share to recommend from the present interest. The three shares add up to 1.")
    long_term: float = Field(description="Share to recommend from the user's earlier interests.")
    exploration: float = Field(description="Share to recommend from what the domain's users like, or to try.")
    learning_rate: float = Field(
        description="How far one more behaviour moves the present interest, 0 to 1: jumps with a change, then decays."
    )
    boost: list[TopicFactor] = Field(description="Topics that the present interest has more of than usual.")
    suppress: list[TopicFactor] = Field(description="Topics that the user has turned away from.")
    since: datetime | None = Field(description="Time of the first behaviour of the present interest, where known.")
    until: datetime | None = Field(
        description="When the present interest is expected to end, by the hazard of a change and the user's pace. Null "
        "where there is no pace yet."
    )


class MemoryWeight(BaseModel):
    """A way to weigh the past, and how far it is followed."""

    name: str = Field(
        description="`regime`: what is like the present interest; `regime_newest_N`: the same by age, a behaviour N "
        "behaviours old counts half; `long_term`: what is like anything the user did; `returning`: what is like "
        "earlier interests that the present one looks like the return of; `others_after_newest_N`: what others took up "
        "soon after the user's items, by age; `domain`: what everybody likes."
    )
    weight: float = Field(description="0 to 1; all weights add up to 1.")


class PolicyInForce(BaseModel):
    """The policy of a user, with what it rests on."""

    user_id: str
    domain: str
    as_of: datetime | None = Field(description="Time of the newest behaviour in it. Null for a new user.")
    behaviors: int = Field(description="The user's behaviours up to then.")
    changes: int = Field(description="Changes of interest so far.")
    policy: Policy
    memories: list[MemoryWeight] = Field(
        description="Which memory foretells this user best, learnt from behaviours on items that were new to the user."
    )
