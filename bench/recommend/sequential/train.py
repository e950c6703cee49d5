"""Choose a setting on some of the fit users, and train SASRec on all of them.

    nice -n 15 FOLDER/bin/python -m bench.recommend.sequential.train WORK.npz MODEL --seconds 600

FOLDER is what `install` made; run it where `bench` lies. It imports nothing of Swerve but the modules beside it.

A tenth of the fit users validates. Each setting is trained on the others, for its part of the time, as long as the
validation still improves; the better value of each dial is kept, one dial after another. The best is then trained on
all fit users, for as many epochs as served it best. Time is the processor's, of one thread, so that a busy machine
gives the same result.
"""

import argparse
import pickle
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.recommend.sequential.exchange import Work, digest, read_work
from bench.recommend.sequential.sasrec import BATCH, BLOCKS, HEADS, SasRec
from bench.recommend.sequential.search import Search, Trial

PACKAGES = ("RecTools", "numpy", "pytorch-lightning", "torch")
SEARCHING = 0.5
"""Share of the time that goes to the search."""


def train(work: Work, seconds: float, seed: int) -> dict[str, Any]:
    """The library's model, what it was trained on, and how that went.

    Args:
        work: histories of the fit users; the others are not looked at.
        seconds: of the processor, about.
        seed: of the validating users, and of the training.
    """
    best, trials = Search(work.fit, seconds * SEARCHING, seed).best()
    model, course = _finally(work, best, seconds * (1 - SEARCHING), seed)
    told = {
        "model": "SASRec",
        "versions": {package: version(package) for package in PACKAGES},
        "setting": asdict(best.setting) | {"blocks": BLOCKS, "heads": HEADS, "batch": BATCH, "loss": "softmax"},
        "seed": seed,
        "seconds_allowed": seconds,
        "search": [asdict(trial) for trial in trials],
        "validation_levelled_off": best.levelled_off,
        "training": course,
    }
    return {"model": model.model, "fit": digest(*work.fit), "told": told}


def _finally(work: Work, trial: Trial, seconds: float, seed: int) -> tuple[SasRec, dict[str, Any]]:
    """A model of all fit users, and how its training went.

    As many epochs as served the trial best; where the trial was still improving when its time was up, as many more as
    the time allows.
    """
    began = time.process_time()
    model = SasRec(trial.setting, work.fit, seed)
    losses: list[float] = []
    while len(losses) < trial.epochs or (not trial.levelled_off and time.process_time() - began < seconds):
        losses.append(round(model.epoch(), 4))
    return model, {"epochs": len(losses), "losses": losses, "seconds": round(time.process_time() - began, 1)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train SASRec on the fit users.")
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    """Read the work, and write the model."""
    arguments = _arguments()
    torch.set_num_threads(1)
    made = train(read_work(arguments.work), arguments.seconds, arguments.seed)
    arguments.model.write_bytes(pickle.dumps(made))


if __name__ == "__main__":
    main()
