"""The search for a setting: trials on nine tenths of the fit users, validated on the others."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.recommend.sequential.exchange import Items
from bench.recommend.sequential.ranking import first_targets, known_items, popularity, ranks
from bench.recommend.sequential.sasrec import SasRec, Scorer, Setting

DIALS: dict[str, Sequence[Any]] = {
    "dropout": (0.2, 0.5),
    "factors": (64, 128),
}
"""In this order; the first value of each is where the search begins."""
VALIDATING = 10
"""One fit user in so many."""
MOST_VALIDATED = 2_000
"""Targets that an epoch is validated at, at random."""
PATIENCE = 8
"""Epochs without gain after which the validation counts as levelled off."""
TOP = 20
"""Ranks below it count."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a setting did.

    Attributes:
        setting: what was tried.
        epochs: the epoch that did best, from 1.
        ndcg: at 20, of the validation, at that epoch.
        course: loss and validation of each epoch.
        levelled_off: whether the validation stopped improving before the time was up.
        seconds: of the processor.
    """

    setting: Setting
    epochs: int
    ndcg: float
    course: list[tuple[float, float]]
    levelled_off: bool
    seconds: float


def ndcg(found: NDArray[np.int32]) -> float:
    """Mean of 1 / log2(rank + 2) where the rank is below 20, 0 elsewhere."""
    return float(np.mean(np.where((found >= 0) & (found < TOP), 1 / np.log2(np.maximum(found, 0) + 2), 0)))


class Search:
    """Trials on a part of the fit users, validated on the rest."""

    def __init__(self, fit: Sequence[Items], seconds: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(fit))
        some = max(1, len(fit) // VALIDATING)
        self.validating = [fit[at] for at in order[:some]]
        self.fit = [fit[at] for at in order[some:]]
        self.known = known_items(self.fit)
        targets = first_targets(self.validating)
        if len(targets) > MOST_VALIDATED:
            targets = targets[np.sort(rng.choice(len(targets), MOST_VALIDATED, replace=False))]
        self.targets = targets
        self.popular = popularity(self.fit, self.known)
        self.seconds, self.seed = seconds / (1 + sum(len(values) - 1 for values in DIALS.values())), seed

    def best(self) -> tuple[Trial, list[Trial]]:
        """The best trial, and all in order."""
        best = self.trial(Setting(**{dial: values[0] for dial, values in DIALS.items()}))
        trials = [best]
        for dial, values in DIALS.items():
            for value in values[1:]:
                trials.append(self.trial(replace(best.setting, **{dial: value})))
                best = max(best, trials[-1], key=lambda trial: trial.ndcg)
        return best, trials

    def trial(self, setting: Setting) -> Trial:
        """Train until the validation levels off or the time is up."""
        began = time.process_time()
        model = SasRec(setting, self.fit, self.seed)
        course: list[tuple[float, float]] = []
        best = 0
        while time.process_time() - began < self.seconds and len(course) - best < PATIENCE:
            loss = model.epoch()
            course.append((round(loss, 4), round(self.validate(model, setting.length), 5)))
            best = max(range(len(course)), key=lambda at: (course[at][1], -at)) + 1
        seconds = time.process_time() - began
        trial = Trial(setting, best, course[best - 1][1], course, len(course) - best >= PATIENCE, round(seconds, 1))
        print(trial, file=sys.stderr, flush=True)
        return trial

    def validate(self, model: SasRec, length: int) -> float:
        """NDCG at 20 over the validation's targets."""
        score = Scorer(model.model, self.known)
        return ndcg(ranks(score, self.validating, self.targets, self.known, length=length, otherwise=self.popular))
