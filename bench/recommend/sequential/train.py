"""Train SASRec on the fit users: a few settings for a while, then the best of them on.

    nice -n 15 FOLDER/bin/python -m bench.recommend.sequential.train WORK.npz MODEL --seconds 600

FOLDER is what `install` made; run it where `bench` lies. It imports nothing of Swerve but the modules beside it.

One fit user in twenty validates; the model is the one of the epoch that validated best. Time is the processor's, of one
thread, so that a busy machine gives about the same.
"""

import argparse
import pickle
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.recommend.sequential.exchange import Work, digest, read_work
from bench.recommend.sequential.sasrec import BATCH, BLOCKS, HEADS
from bench.recommend.sequential.search import Race

PACKAGES = ("RecTools", "numpy", "pytorch-lightning", "torch")


def train(work: Work, seconds: float, seed: int) -> dict[str, Any]:
    """The library's model, the items that it knows, what it was trained on, and how that went.

    Args:
        work: histories of the fit users; the others are not looked at.
        seconds: of the processor, about.
        seed: of the validating users, and of the training.
    """
    race = Race(work.fit, seed)
    winner, course = race.run(seconds)
    for tried in course["tried"]:
        tried["setting"] = asdict(tried["setting"])
    told = {
        "model": "SASRec",
        "versions": {package: version(package) for package in PACKAGES},
        "setting": asdict(winner.setting) | {"blocks": BLOCKS, "heads": HEADS, "batch": BATCH, "loss": "softmax"},
        "seed": seed,
        "seconds_allowed": seconds,
        "training": course,
    }
    return {"model": pickle.loads(winner.kept), "known": race.known, "fit": digest(*work.fit), "told": told}  # noqa: S301  # pickled by ourselves


def main() -> None:
    """Read the work, and write the model."""
    parser = argparse.ArgumentParser(description="Train SASRec on the fit users.")
    parser.add_argument("work", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    made = train(read_work(arguments.work), arguments.seconds, arguments.seed)
    arguments.model.write_bytes(pickle.dumps(made))


if __name__ == "__main__":
    main()
