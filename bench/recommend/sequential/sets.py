"""What the model is trained on and asked, set by set.

Users and targets are those of `bench.recommend.sets` and `protocol`; vectors and times play no part here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.detection.made_up import made_up
from bench.detection.sources import SOURCES, topic_pools
from bench.recommend.sequential.exchange import Items, Work
from bench.recommend.sequential.ranking import first_targets
from bench.recommend.sets import SEED
from service.evaluation.streams import Stream

FIT_USERS, FIT_LENGTH = 800, 150
"""As many and as long as in the planted topics."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One set.

    Attributes:
        fit: users that the model is trained on.
        held: users that it is asked about.
        items: in the whole catalogue.
    """

    fit: list[Stream]
    held: list[Stream]
    items: int

    def work(self) -> Work:
        """As it goes to the training."""
        fit, held = (_histories(streams) for streams in (self.fit, self.held))
        return Work(fit, held, first_targets(held))


def as_measured(name: str, data: Path) -> Asked:
    """The users of a source: those with planted changes where there are any, or else its test users."""
    source = SOURCES[name](data, SEED)
    planted = [stream for streams in source.planted.values() for stream in streams]
    return Asked(source.fit, planted or source.test, len(source.texts))


def same_titles(data: Path) -> Asked:
    """Planted topics, with other fit users, made up from the titles that the held-out users draw from.

    The fit users of the planted topics draw from the other half of the titles, so a model of item ids can know nothing
    of what it is asked. Here it knows every title: more than it could in earnest, where items are new.
    """
    asked = as_measured("topics", data)
    _, pools = topic_pools(data, np.random.default_rng(SEED))
    rng = np.random.default_rng(SEED + 1)
    fit = [made_up(rng, pools[1], f"fit {n}", length=FIT_LENGTH) for n in range(FIT_USERS)]
    return Asked(fit, asked.held, asked.items)


SETS: dict[str, Callable[[Path], Asked]] = {
    "movietweetings": lambda data: as_measured("movietweetings", data),
    "completejourney": lambda data: as_measured("completejourney", data),
    "topics": lambda data: as_measured("topics", data),
    "topics-same-titles": same_titles,
}


def _histories(streams: list[Stream]) -> list[Items]:
    return [np.asarray(stream.items, np.int64) for stream in streams]
