"""A set's result as a file: ranks of the held-out users' behaviours, measures, and how the model was trained."""

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.recommend.protocol import gains, interval
from bench.recommend.sequential.exchange import UNKNOWN, Answer, Items, Ranks, Work, digest

LAST = 100
"""Ranks from here on are all written as this one: nothing that is measured tells them apart."""
DIGITS = 16
"""Of a history's digest."""
NOT_ASKED = np.nan
"""Rank of a behaviour that is no target: a user's first, or one that repeats an item."""

_NOT_ASKED, _UNKNOWN = 255, 254
"""As bytes; greater than any rank."""


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
        "measures": {
            "SASRec": measures(answer.ranks, work.targets[:, 0]),
            "most popular of the fit users": measures(answer.popular, work.targets[:, 0]),
        },
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
    out = np.full(bounds[-1], NOT_ASKED)
    out[bounds[work.targets[:, 0]] + work.targets[:, 1]] = ranks
    return out


def measures(ranks: Ranks, user: NDArray[np.int64]) -> dict[str, Any]:
    """Hit rate and NDCG at 20 with their intervals, as `protocol` has them.

    Of all targets, and of those whose item the model knows; without figures where there are none.
    """
    return {
        name: _measures(ranks[mask], user[mask])
        for name, mask in (("all", np.ones(len(ranks), np.bool_)), ("known", ranks != UNKNOWN))
    }


def _measures(ranks: Ranks, user: NDArray[np.int64]) -> dict[str, Any]:
    if not len(ranks):
        return {"targets": 0}
    hit, gain = gains(ranks)
    return {"targets": len(ranks), "hit_rate": interval(hit, user, seed=0), "ndcg": interval(gain, user, seed=0)}


def read_ranks(path: Path, users: Sequence[str], histories: Sequence[Items]) -> list[Ranks]:
    """Ranks of each behaviour of these users, given only those before it.

    Args:
        path: what `write_result` wrote.
        users: any of the held-out users.
        histories: theirs, from the beginning and whole.

    Returns:
        For each user (n,) float64: from 0, as `protocol.measure` takes it, among the items that the model knows and
        the user had not yet had; `LAST` where it is that or more; `UNKNOWN` where the model does not know the item,
        which counts as missed; `NOT_ASKED` for a user's first behaviour and those that repeat an item.

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
    """Ranks as text, those from `LAST` on as `LAST`: their doubles as bytes, for equals count half."""
    doubled = np.where(np.isnan(ranks), _NOT_ASKED, np.where(ranks == UNKNOWN, _UNKNOWN, np.minimum(ranks, LAST) * 2))
    return base64.b85encode(zlib.compress(doubled.astype(np.uint8).tobytes(), 9)).decode()


def unpack(text: str) -> Ranks:
    """What `pack` was given."""
    doubled = np.frombuffer(zlib.decompress(base64.b85decode(text)), np.uint8)
    return np.where(doubled == _NOT_ASKED, NOT_ASKED, np.where(doubled == _UNKNOWN, UNKNOWN, doubled / 2))
