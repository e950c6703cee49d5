"""A set's result as a file: ranks of the held-out users' behaviours, measures, and how the model was trained."""

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.recommend.sequential.exchange import UNKNOWN, Answer, Items, Work, digest

Ranks = NDArray[np.int32]

TOP = 20
LAST = 100
"""Ranks from here on are all written as this one: nothing that is measured tells them apart."""
DIGITS = 16
"""Of a history's digest."""
NOT_ASKED = -2
"""Rank of a behaviour that is no target: a user's first, or one that repeats an item."""


class ResultError(Exception):
    """There is no result, or it is of other histories; the message names the remedy."""


def write_result(work: Work, users: Sequence[str], answer: Answer, path: Path, **about: Any) -> None:  # noqa: ANN401  # whatever is JSON
    """Write ranks, whose they are, measures, and how the model was trained.

    Args:
        work: what was asked.
        users: of the held-out histories; each once.
        answer: what came of it.
        path: a file of JSON; its folder is made.
        about: more to tell of it.
    """
    told = about | {
        "trained": True,
        "measures": {"SASRec": measures(answer.ranks), "most popular of the fit users": measures(answer.popular)},
        **answer.told,
        "histories": {
            user: {"behaviors": len(items), "digest": digest(items)[:DIGITS]}
            for user, items in zip(users, work.held, strict=True)
        },
        "ranks": pack(_by_behavior(work, answer.ranks)),
    }
    _write(path, told)


def write_untrained(path: Path, share: float, **about: Any) -> None:  # noqa: ANN401  # whatever is JSON
    """Write that no model was trained, for fit users had the items of only that share of the targets."""
    why = f"fit users had the items of {share:.2%} of the targets: a model of item ids could foretell no more"
    _write(path, about | {"trained": False, "why": why, "share_of_targets_known": round(share, 5)})


def _write(path: Path, told: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _by_behavior(work: Work, ranks: Ranks) -> Ranks:
    """Ranks of all behaviours of all held-out users, one user after the other."""
    bounds = np.cumsum([0, *map(len, work.held)])
    out = np.full(bounds[-1], NOT_ASKED, np.int32)
    out[bounds[work.targets[:, 0]] + work.targets[:, 1]] = ranks
    return out


def measures(ranks: Ranks) -> dict[str, Any]:
    """Hit rate and NDCG at 20: of all targets, and of those whose item a fit user had. None where there are none."""
    known = ranks[ranks != UNKNOWN]
    return {name: _measures(some) for name, some in (("all", ranks), ("known", known))}


def _measures(ranks: Ranks) -> dict[str, Any]:
    if not len(ranks):
        return {"targets": 0, "hit_rate": None, "ndcg": None}
    hit = (ranks != UNKNOWN) & (ranks < TOP)
    gain = np.where(hit, 1 / np.log2(np.maximum(ranks, 0) + 2.0), 0.0)
    return {"targets": len(ranks), "hit_rate": round(float(hit.mean()), 5), "ndcg": round(float(gain.mean()), 5)}


def read_ranks(path: Path, users: Sequence[str], histories: Sequence[Items]) -> list[Ranks]:
    """Ranks of each behaviour of these users, given only those before it.

    Args:
        path: what `write_result` wrote.
        users: any of the held-out users.
        histories: theirs, from the beginning and whole.

    Returns:
        For each user (n,) int32: from 0, among the items that a fit user had and the user had not yet had; `LAST` where
        it is that or more; `UNKNOWN` where no fit user had the item, which counts as missed; `NOT_ASKED` for a user's
        first behaviour and those that repeat an item.

    Raises:
        ResultError: there is no such file, or no model was trained, or a user is not in it, or had another history
            when it was made.
    """
    if not path.exists():
        raise ResultError(f"there is no {path}: run python -m bench.recommend.sequential")
    told = json.loads(path.read_text(encoding="utf-8"))
    if not told["trained"]:
        raise ResultError(f"{path} holds no ranks: {told['why']}")
    kept: dict[str, dict[str, Any]] = told["histories"]
    bounds = np.cumsum([history["behaviors"] for history in kept.values()])
    mine = dict(zip(kept, np.split(unpack(told["ranks"]), bounds[:-1]), strict=True))
    for user, items in zip(users, histories, strict=True):
        if user not in kept or kept[user]["digest"] != digest(items)[:DIGITS]:
            raise ResultError(
                f"{path} holds no ranks of {user!r} with that history: run python -m bench.recommend.sequential"
            )
    return [mine[user] for user in users]


def pack(ranks: Ranks) -> str:
    """Ranks as text, those from `LAST` on as `LAST`."""
    return base64.b85encode(zlib.compress(np.minimum(ranks, LAST).astype(np.int8).tobytes(), 9)).decode()


def unpack(text: str) -> Ranks:
    """What `pack` was given."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.int8).astype(np.int32)
