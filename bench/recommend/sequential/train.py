"""Train SASRec on the fit users, choose its setting on some of them, and rank every target of the held-out users.

    nice -n 15 FOLDER/bin/python -m bench.recommend.sequential.train WORK.npz ANSWER.npz --seconds 600

FOLDER is what `install` made; run it where `bench` lies. It imports nothing of Swerve but the modules beside it.

A tenth of the fit users validates. Each setting is trained on the others, for its part of the time, as long as the
validation still improves; the better value of each dial is kept, one dial after another. The best is then trained on
all fit users, for as many epochs as served it best. Time is the processor's, of one thread, so that a busy machine
gives the same result.
"""

import argparse
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.recommend.sequential.exchange import Answer, Work, read_work, write_answer
from bench.recommend.sequential.ranking import known_items, popularity, ranks
from bench.recommend.sequential.sasrec import BATCH, BLOCKS, HEADS, SasRec, recommended
from bench.recommend.sequential.search import TOP, Search, Trial

PACKAGES = ("RecTools", "numpy", "pytorch-lightning", "torch")
SEARCHING = 0.6
"""Share of the time that goes to the search."""
CHECKED = 200
"""Targets, evenly spread, at which the ranks are compared with the library's own recommendations."""


class CheckError(Exception):
    """The ranks are not those of the library's own recommendations."""


def train(work: Work, trial: Trial, seconds: float, seed: int) -> tuple[SasRec, dict[str, Any]]:
    """A model of all fit users, and how its training went.

    As many epochs as served the trial best; where the trial was still improving when its time was up, as many more as
    the time allows.
    """
    began = time.process_time()
    model = SasRec(trial.setting, work.fit, known_items(work.fit), seed)
    losses: list[float] = []
    while len(losses) < trial.epochs or (not trial.levelled_off and time.process_time() - began < seconds):
        losses.append(round(model.epoch(), 4))
    told = {"epochs": len(losses), "losses": losses, "seconds": round(time.process_time() - began, 1)}
    return model, told


def answer(work: Work, seconds: float, seed: int) -> Answer:
    """Search, train, rank, and check."""
    best, trials = Search(work.fit, seconds * SEARCHING, seed).best()
    model, trained = train(work, best, seconds * (1 - SEARCHING), seed)
    popular, length = popularity(work.fit, model.known), best.setting.length
    found, by_popularity = (
        ranks(score, work.held, work.targets, model.known, length=length, otherwise=popular)
        for score in (model.scorer(), lambda before: np.tile(popular, (len(before), 1)))
    )
    told = {
        "model": "SASRec",
        "versions": {package: version(package) for package in PACKAGES},
        "setting": asdict(best.setting) | {"blocks": BLOCKS, "heads": HEADS, "batch": BATCH, "loss": "softmax"},
        "seed": seed,
        "seconds_allowed": seconds,
        "search": [asdict(trial) for trial in trials],
        "validation_levelled_off": best.levelled_off,
        "training": trained,
        "known_items": len(model.known),
        "checked_against_the_library": check(model, work, found),
    }
    return Answer(found, by_popularity, told)


def check(model: SasRec, work: Work, found: np.ndarray[Any, np.dtype[np.int32]]) -> int:
    """Compare ranks with the library's own recommendations; how many were compared.

    Raises:
        CheckError: a target has another place there.
    """
    ranked = np.flatnonzero((found >= 0) & (work.targets[:, 1] > 0))
    some = ranked[np.linspace(0, len(ranked) - 1, min(CHECKED, len(ranked))).astype(int)]
    rows = [row for row in some if np.isin(work.held[work.targets[row, 0]][: work.targets[row, 1]], model.known).any()]
    histories = [work.held[who][:position] for who, position in work.targets[rows]]
    targets = [work.held[who][position] for who, position in work.targets[rows]]
    for row, target, best in zip(rows, targets, recommended(model, histories, TOP), strict=True):
        place = np.flatnonzero(best == target)
        if (int(place[0]) if len(place) else TOP) != min(int(found[row]), TOP):
            raise CheckError(f"target {row} has rank {found[row]} here, and {place} in the library's own list")
    return len(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train SASRec and rank the targets.")
    parser.add_argument("work", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    """Read the work, and write the answer."""
    arguments = _arguments()
    torch.set_num_threads(1)
    write_answer(answer(read_work(arguments.work), arguments.seconds, arguments.seed), arguments.answer)


if __name__ == "__main__":
    main()
