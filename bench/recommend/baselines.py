"""What is compared: how each method weighs a user's past, and what it compares items with.

The policy's experts and mixture are the service's own. A method gives what each kept behaviour counts (its memory), for
what is like it and for what others took up after it, and how much the domain's prior counts beside them.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.recommend.replay import Moment
from service.policy.experts import ETA, EXPERTS, RELATIONS, SHARE, Expert, Relation, Remembered, Scope, mix, over_runs

Floats = NDArray[np.float64]
MEAN = "mean"
SHIPPED, NO_PRIOR = "shipped", "none"


@dataclass(frozen=True, slots=True)
class Seen:
    """A user's kept behaviours, oldest first.

    Attributes:
        moment: which they are.
        weights: (n,) of the behaviours.
        fresh: (n,) whether each was on an item that was new to the user.
        densities: (R, n, n) float32 of t (row) under j (column) by each relation, relative to the method's prior.
    """

    moment: Moment
    weights: NDArray[np.float32]
    fresh: NDArray[np.bool_]
    densities: NDArray[np.float32]


class Method(Protocol):
    """One way to recommend.

    Attributes:
        name: of it.
        by: `MEAN` for the cosine to one mean vector; else the name of the prior that the kernel goes by.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  # told above
    @property
    def by(self) -> str: ...  # noqa: D102  # told above

    def weigh(self, seen: Seen) -> tuple[Floats, float]:
        """(R, n) what each behaviour counts, adding up to 1, and 0 to 1 what the prior counts beside them."""
        ...


@dataclass(frozen=True, slots=True)
class Popular:
    """What most people had of late; nothing of the user."""

    name: str = "most popular of late"
    by: str = SHIPPED

    def weigh(self, seen: Seen) -> tuple[Floats, float]:
        """See `Method`."""
        return np.zeros((len(RELATIONS), len(seen.weights))), 1.0


@dataclass(frozen=True, slots=True)
class Newest:
    """The last `count` behaviours, all alike."""

    name: str
    by: str
    count: int

    def weigh(self, seen: Seen) -> tuple[Floats, float]:
        """See `Method`."""
        ages = seen.moment.position - seen.moment.kept
        return _shares(np.where(ages <= self.count, seen.weights, 0.0)), 0.0


@dataclass(frozen=True, slots=True)
class Single:
    """One expert's memory."""

    name: str
    by: str
    expert: Expert

    def weigh(self, seen: Seen) -> tuple[Floats, float]:
        """See `Method`."""
        ages = seen.moment.position - 1 - seen.moment.kept
        memory = seen.weights * 0.5 ** (ages / self.expert.half_life)
        if self.expert.scope == "regime":
            memory = over_runs(memory.astype(np.float64), seen.moment.inclusion)
        return _shares(memory), 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Experts mixed by the service's own fixed share.

    Attributes:
        name: of it.
        by: name of the prior.
        experts: which.
        eta: how strongly a prediction counts.
        share: that is always redistributed.
    """

    name: str = "policy"
    by: str = SHIPPED
    experts: tuple[Expert, ...] = field(default=EXPERTS)
    eta: float = ETA
    share: float = SHARE

    def weigh(self, seen: Seen) -> tuple[Floats, float]:
        """See `Method`."""
        moment = seen.moment
        mixture = mix(
            Remembered(seen.densities, seen.weights, moment.kept, moment.regimes, moment.inclusion, seen.fresh),
            self.experts,
            eta=self.eta,
            share=self.share,
        )
        return mixture.memory, mixture.domain


def without(*scopes: Scope | Relation) -> tuple[Expert, ...]:
    """The shipped experts but those of some scopes, or by some relation."""
    return tuple(expert for expert in EXPERTS if expert.scope not in scopes and expert.relation not in scopes)


FIXED = (*(Expert(f"newest_{life}", "all", life) for life in (2, 5, 10, 20, 50)), Expert("long_term", "all"))
"""Memories that know nothing of regimes."""
HALF_LIVES = (1, 2, 5, 10, 20, 50, 100)
COUNTS = (1, 2, 3, 5, 10, 20, 50)
MEAN_OF_ALL = Single("mean of all", MEAN, Expert("long_term", "all"))
AVERAGES = [Single(f"mean, half-life {life}", MEAN, Expert(str(life), "all", life)) for life in HALF_LIVES]
LAST_MEANS = [Newest(f"mean of the last {count}", MEAN, count) for count in COUNTS]
MEANS: list[Method] = [MEAN_OF_ALL, *AVERAGES, *LAST_MEANS]


def fixed(prior: str) -> list[Method]:
    """Every fixed memory, and those of the detector's regime, under the kernel that goes by a prior."""
    return [Single(named(expert, prior), prior, expert) for expert in (*FIXED, *without("all", "recall", "domain"))]


def named(expert: Expert, prior: str) -> str:
    """What a single expert's memory is called."""
    return f"{expert.name}{'' if prior == NO_PRIOR else ', with prior'}"


def fixed_names(prior: str) -> list[str]:
    """Names of the fixed memories, which know nothing of regimes."""
    return [named(expert, prior) for expert in FIXED]


POPULAR = Popular()
POLICY = Policy()
PRIORLESS = Policy("policy without the prior", NO_PRIOR)
UNDETECTED = Policy("policy, detector off", SHIPPED, (*FIXED[:-1], *without("regime", "recall")))
UNRECALLED = Policy("policy without recall", SHIPPED, without("recall"))
UNRELATED = Policy("policy without what others took up", SHIPPED, without("succession"))
POLICIES: list[Method] = [POLICY, PRIORLESS, UNDETECTED, UNRECALLED, UNRELATED]
EVERY: list[Method] = [POPULAR, *MEANS, *fixed(NO_PRIOR), *fixed(SHIPPED), *POLICIES]


def _shares(memory: NDArray[np.floating]) -> Floats:
    """(R, n) of a memory for what is like it."""
    total = float(memory.sum())
    out = np.zeros((len(RELATIONS), len(memory)))
    out[RELATIONS.index("likeness")] = memory / total if total > 0.0 else memory
    return out
