"""A set's result as a file: ranks packed, and how the model was trained."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.recommend.sequential.exchange import UNKNOWN, Answer, Work, digest

Ranks = NDArray[np.int32]

TOP = 20
LAST = 100
"""Ranks from here on are all written as this one: nothing that is measured tells them apart."""


class ResultError(Exception):
    """There is no result, or it is of other targets; the message names the remedy."""


def write_result(work: Work, answer: Answer, path: Path, **about: Any) -> None:  # noqa: ANN401  # whatever is JSON
    """Write ranks, what they are of, measures, and how the model was trained.

    Args:
        work: what was asked.
        answer: what came of it.
        path: a file of JSON; its folder is made.
        about: more to tell of it.
    """
    told = about | {
        "targets": len(work.targets),
        "measures": {"SASRec": measures(answer.ranks), "most popular of the fit users": measures(answer.popular)},
        **answer.told,
        "asked": _asked(work),
        "ranks": pack(answer.ranks),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measures(ranks: Ranks) -> dict[str, Any]:
    """Hit rate and NDCG at 20, over all targets, and over those whose item a fit user had; None where there are none."""
    known = ranks[ranks != UNKNOWN]
    return {name: _measures(some) for name, some in (("all", ranks), ("known", known))}


def _measures(ranks: Ranks) -> dict[str, Any]:
    if not len(ranks):
        return {"targets": 0, "hit_rate": None, "ndcg": None}
    hit = (ranks != UNKNOWN) & (ranks < TOP)
    gain = np.where(hit, 1 / np.log2(np.maximum(ranks, 0) + 2.0), 0.0)
    return {"targets": len(ranks), "hit_rate": round(float(hit.mean()), 5), "ndcg": round(float(gain.mean()), 5)}


def read_ranks(work: Work, path: Path) -> tuple[Ranks, dict[str, Any]]:
    """Ranks of the same targets, in their order, from 0, and the whole of the file.

    A rank is among the items that a fit user had and the user had not yet had; -1 where no fit user had the target's
    own item, which counts as missed; `LAST` where it is that or more.

    Raises:
        ResultError: there is no such file, or it is of other fit users, histories or targets.
    """
    if not path.exists():
        raise ResultError(f"there is no {path}: run python -m bench.recommend.sequential")
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["asked"] != _asked(work):
        raise ResultError(f"{path} is of other histories or targets: run python -m bench.recommend.sequential again")
    return unpack(told["ranks"]), told


def pack(ranks: Ranks) -> str:
    """Ranks as text, those from `LAST` on as `LAST`."""
    return base64.b85encode(zlib.compress(np.minimum(ranks, LAST).astype(np.int8).tobytes(), 9)).decode()


def unpack(text: str) -> Ranks:
    """What `pack` was given."""
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.int8).astype(np.int32)


def _asked(work: Work) -> str:
    return digest(*work.fit, *work.held, work.targets)
