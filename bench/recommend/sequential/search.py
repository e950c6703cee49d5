"""A race of settings: each is trained for a while, and the one that validates best goes on."""

import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.recommend.sequential.exchange import Items, Ranks
from bench.recommend.sequential.ranking import Score, by_popularity, first_targets, known_items, popularity, ranks
from bench.recommend.sequential.sasrec import SasRec, Scorer, Setting

SETTINGS = (Setting(), Setting(dropout=0.5), Setting(factors=128))
VALIDATING = 20
"""One fit user in so many validates, and is not trained on."""
MOST_VALIDATED = 2_000
"""Targets that an epoch is validated at, at random."""
TRYING = 0.1
"""Share of the time that each setting has before the best goes on."""
PATIENCE = 0.5
"""The validation has levelled off when it has gained nothing over the last half of the epochs. It often falls for a
while, between learning what is popular and learning what follows what, so patience must grow with the training."""
FEWEST_EPOCHS = 40
"""Before that, nothing has levelled off: on movietweetings the validation fell from the second epoch to the fourth, and
was still on its way back up at the eighth."""
TOP = 20
"""Ranks below it count."""


@dataclass
class Entry:
    """A setting in the race.

    Attributes:
        setting: what is trained.
        model: in training.
        course: mean loss, and NDCG at 20 of the validation, of each epoch.
        best: the epoch that validated best, from 1.
        kept: the library's model as it was then, pickled.
        seconds: of the processor so far.
    """

    setting: Setting
    model: SasRec
    course: list[tuple[float, float]] = field(default_factory=list)
    best: int = 0
    kept: bytes = b""
    seconds: float = 0.0

    @property
    def ndcg(self) -> float:
        """Of the best epoch."""
        return self.course[self.best - 1][1]

    @property
    def levelled_off(self) -> bool:
        """Whether more epochs promise nothing."""
        return len(self.course) >= FEWEST_EPOCHS and self.best <= len(self.course) * PATIENCE


def ndcg(found: Ranks) -> float:
    """Mean of 1 / log2(rank + 2) where the rank is below 20, 0 elsewhere."""
    return float(np.mean(np.where(found < TOP, 1 / np.log2(found + 2), 0)))


class Race:
    """Settings on most of the fit users, validated on the rest."""

    def __init__(self, fit: Sequence[Items], seed: int) -> None:
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
        self.seed = seed

    def run(self, seconds: float) -> tuple[Entry, dict[str, Any]]:
        """The winner, and how everything went; about so many seconds of the processor."""
        entries = [Entry(setting, SasRec(setting, self.fit, self.seed)) for setting in SETTINGS]
        for entry in entries:
            self.train(entry, seconds * TRYING)
        first = [(entry.setting, entry.course[:], round(entry.seconds, 1)) for entry in entries]
        winner = max(entries, key=lambda entry: entry.ndcg)
        self.train(winner, seconds - sum(entry.seconds for entry in entries if entry is not winner))
        told = {
            "tried": [{"setting": setting, "course": course, "seconds": spent} for setting, course, spent in first],
            "course": winner.course,
            "best_epoch": winner.best,
            "levelled_off": winner.levelled_off,
            "seconds": round(sum(entry.seconds for entry in entries), 1),
            "validating_users": len(self.validating),
            "validation_of_most_popular": round(
                ndcg(self._ranks(by_popularity(self.popular), winner.setting.length)), 5
            ),
        }
        return winner, told

    def train(self, entry: Entry, seconds: float) -> None:
        """An epoch at least, and more until the entry has had so many seconds in all, or has levelled off."""
        while True:
            began = time.process_time()
            loss = entry.model.epoch()
            gain = self.validate(entry)
            entry.course.append((round(loss, 4), round(gain, 5)))
            if gain > max([gained for _, gained in entry.course[:-1]], default=-1.0):
                entry.best, entry.kept = len(entry.course), pickle.dumps(entry.model.model)
            entry.seconds += time.process_time() - began
            print(entry.setting, len(entry.course), entry.course[-1], file=sys.stderr, flush=True)
            if entry.seconds >= seconds or entry.levelled_off:
                return

    def validate(self, entry: Entry) -> float:
        """NDCG at 20 over the validation's targets."""
        return ndcg(self._ranks(Scorer(entry.model.model, self.known), entry.setting.length))

    def _ranks(self, score: Score, length: int) -> Ranks:
        return ranks(score, self.validating, self.targets, self.known, length=length, otherwise=self.popular)
