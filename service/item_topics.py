"""What an item is about: the topics of the profile that are nearest to its vector."""

from pydantic import BaseModel, Field

from service.detection.profile import Profile
from service.detection.topics import WHOLE
from service.vectors import Vectors

DIGITS = 6
MOST = 3
"""Topics of an item that are told."""
LEAST = 0.05
"""Share of an item from which on a topic is told."""


class ItemTopic(BaseModel):
    """A topic of an item."""

    topic: int
    label: str = Field(description="The terms that set the topic apart.")
    share: float


def item_topics(profile: Profile | None, vectors: Vectors) -> list[list[ItemTopic]]:
    """The leading topics of each vector, the one with the largest share first; none without a profile.

    Args:
        profile: that the service runs with.
        vectors: (n, dim) unit vectors.
    """
    if profile is None:
        return [[] for _ in vectors]
    assigned = profile.assign(vectors)
    shares = assigned.shares / WHOLE
    return [
        [
            ItemTopic(topic=topic, label=profile.labels[topic], share=round(share, DIGITS))
            for topic, share in list(zip(topics, own, strict=True))[:MOST]
            if share >= LEAST
        ]
        for topics, own in zip(assigned.topics.tolist(), shares.tolist(), strict=True)
    ]
