"""Rank every target of the held-out users with a trained model, which learns nothing from them.

    nice -n 15 FOLDER/bin/python -m bench.recommend.sequential.rank WORK.npz MODEL ANSWER.npz

MODEL is what `train` wrote, of the same fit users. A sample of the ranks is compared with the library's own
recommendations.
"""

import argparse
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.recommend.sequential.exchange import Answer, Items, Ranks, Work, digest, read_work, write_answer
from bench.recommend.sequential.ranking import by_popularity, popularity, ranks
from bench.recommend.sequential.sasrec import Scorer, recommended
from bench.recommend.sequential.search import TOP

CHECKED = 200
"""About so many targets, evenly spread, at which the ranks are compared."""


class RankError(Exception):
    """The model was trained on others, or its ranks are not those of the library's own recommendations."""


def rank(work: Work, made: dict[str, Any]) -> Answer:
    """Ranks of the targets by the model, and by popularity.

    Raises:
        RankError: the model is of other fit users, or the comparison failed.
    """
    if made["fit"] != digest(*work.fit):
        raise RankError("the model was trained on other fit users: remove it, so that it is trained anew")
    known = made["known"]
    popular, length = popularity(work.fit, known), made["told"]["setting"]["length"]
    found, plain = (
        ranks(score, work.held, work.targets, known, length=length, otherwise=popular)
        for score in (Scorer(made["model"], known), by_popularity(popular))
    )
    told = made["told"] | {"known_items": len(known), "checked_against_the_library": _check(made, work, known, found)}
    return Answer(found, plain, told)


def _check(made: dict[str, Any], work: Work, known: Items, found: Ranks) -> int:
    """Compare ranks with the library's own recommendations; how many were compared."""
    ranked = np.flatnonzero(np.isfinite(found))
    some = ranked[:: max(1, len(ranked) // CHECKED)]
    before = {row: work.held[who][:position] for row, (who, position) in zip(some, work.targets[some], strict=True)}
    before = {row: items for row, items in before.items() if np.isin(items, known).any()}
    if not before:
        return 0
    best = recommended(made["model"], list(before.values()), TOP)
    for row, items in zip(before, best, strict=True):
        who, position = work.targets[row]
        place = np.flatnonzero(items == work.held[who][position])
        if (place[0] if len(place) else TOP) != min(found[row], TOP):
            raise RankError(f"target {row} has rank {found[row]} here, and {place} in the library's own list")
    return len(before)


def main() -> None:
    """Read the work and the model, and write the answer."""
    parser = argparse.ArgumentParser(description="Rank the targets of the held-out users.")
    for name in ("work", "model", "answer"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    made = pickle.loads(arguments.model.read_bytes())  # noqa: S301  # what `train` wrote here
    write_answer(rank(read_work(arguments.work), made), arguments.answer)


if __name__ == "__main__":
    main()
