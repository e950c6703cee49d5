"""Everything that is told of one set, ready for JSON."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.recommend.baselines import (
    EVERY,
    MEANS,
    NO_PRIOR,
    POLICY,
    POPULAR,
    PRIORLESS,
    SHIPPED,
    UNDETECTED,
    UNRECALLED,
    UNRELATED,
    fixed_names,
)
from bench.recommend.protocol import JUST_AFTER, PHASES, RESAMPLES, TOP, History, Ints, Ranks, interval, measure, parts
from bench.recommend.sequential.results import ResultError, read_ranks
from bench.recommend.worlds import Answers, Told, World, ask

SASREC = "SASRec"
ALL = "all"
EDGES = (-20, -10, 0, 5, 10, 15, 20, 40)
"""Behaviours since a change, between which hit rates are told; negative before one."""
LEVEL, OVERALL, MEAN_OVERALL, MEAN_AFTER = 1.0, 1.05, 1.5, 1.25
"""What the policy is to be worth: beside the best fixed memory of a phase and overall, and beside mean vectors."""


def figures(world: World, sequential: Path, told: Told) -> dict[str, Any]:
    """Ask everybody by every method, and measure."""
    answers = ask(world, EVERY, told=told)
    why = None
    try:
        answers.ranks[SASREC] = _sequential(world, answers, sequential)
    except ResultError as error:
        why = str(error)
    return {
        "people": len(world.people),
        "items": len(world.vectors),
        "targets": {name: int(mask.sum()) for name, mask in parts(answers.questions).items()},
        "people_with_changes": sum(map(bool, answers.changes)),
        "methods": {name: measure(ranks, answers.questions) for name, ranks in answers.ranks.items()},
        "sequential_missing": why,
        "aims": aims(answers),
        "recall": ratio(answers, POLICY.name, UNRECALLED.name, ALL),
        "others": {phase: ratio(answers, POLICY.name, UNRELATED.name, phase) for phase in (ALL, *PHASES)},
        "detector": {phase: ratio(answers, POLICY.name, UNDETECTED.name, phase) for phase in (ALL, *PHASES)},
        "edges": EDGES,
        "curves": curves(answers),
    }


def of_returning(world: World, told: Told) -> dict[str, Any]:
    """What recalling earlier regimes gains in the behaviours after a return."""
    answers = ask(world, [POLICY, UNRECALLED, PRIORLESS, UNDETECTED], told=told)
    return {
        "people": len(world.people),
        "items": len(world.vectors),
        "methods": {name: measure(ranks, answers.questions) for name, ranks in answers.ranks.items()},
        "recall": {phase: ratio(answers, POLICY.name, UNRECALLED.name, phase) for phase in (JUST_AFTER, "later")},
        "edges": EDGES,
        "curves": curves(answers),
    }


def aims(answers: Answers) -> list[dict[str, Any]]:
    """What the policy is to be worth, and what it is: against whichever is best in hindsight, phase by phase."""
    means = [method.name for method in MEANS]
    rows = []
    for policy, prior in ((POLICY.name, SHIPPED), (PRIORLESS.name, NO_PRIOR)):
        for phase in (*PHASES, ALL):
            wanted = OVERALL if phase == ALL else LEVEL
            rows.append(_aim(answers, policy, fixed_names(prior), phase, wanted))
    rows += [
        _aim(answers, POLICY.name, means, ALL, MEAN_OVERALL),
        _aim(answers, POLICY.name, means, JUST_AFTER, MEAN_AFTER),
        _aim(answers, POLICY.name, [POPULAR.name], ALL, LEVEL),
    ]
    return rows


def _aim(answers: Answers, policy: str, others: Sequence[str], phase: str, wanted: float) -> dict[str, Any]:
    mask = parts(answers.questions)[phase]
    against = max(others, key=lambda name: float(np.mean(answers.ranks[name][mask] < TOP)) if mask.any() else 0.0)
    found = ratio(answers, policy, against, phase)
    return {"policy": policy, "against": against, "phase": phase, "wanted": wanted, "ratio": found,
            "verdict": verdict(found, wanted)}  # fmt: skip


def verdict(found: Sequence[float | None], wanted: float) -> str:
    """Met, missed, or not told apart: below, with what is wanted inside the interval.

    >>> verdict([1.1, 0.9, 1.2], 1.0), verdict([0.99, 0.9, 1.2], 1.0), verdict([0.8, 0.7, 0.9], 1.0)
    ('met', 'not told apart', 'missed')
    """
    value, _, high = found
    if value is None or value >= wanted:
        return "met"
    return "not told apart" if high is None or high >= wanted else "missed"


def ratio(answers: Answers, one: str, other: str, phase: str) -> list[float | None]:
    """Hit rate of one method by that of another, with the 95 % interval of people drawn anew; None for infinite."""
    mask = parts(answers.questions)[phase]
    _, own = np.unique(answers.questions.user[mask], return_inverse=True)
    hits = [np.bincount(own, answers.ranks[name][mask] < TOP) for name in (one, other)]
    people = len(hits[0])
    drawn = np.random.default_rng(0).integers(max(people, 1), size=(RESAMPLES, people))
    with np.errstate(divide="ignore", invalid="ignore"):
        many = hits[0][drawn].sum(1) / hits[1][drawn].sum(1)
        value = hits[0].sum() / hits[1].sum()
    low, high = np.quantile(many, (0.025, 0.975), method="inverted_cdf") if people else (np.nan, np.nan)
    return [round(float(number), 4) if np.isfinite(number) else None for number in (value, low, high)]


def curves(answers: Answers) -> dict[str, list[list[float] | None]]:
    """Hit rate with its interval between `EDGES`, of each method; None where nothing was asked."""
    since = behaviors_since(answers)
    questions = answers.questions
    out: dict[str, list[list[float] | None]] = {}
    for name, ranks in answers.ranks.items():
        bins = [(since >= low) & (since < high) for low, high in pairwise(EDGES)]
        hit = (ranks < TOP).astype(np.float64)
        out[name] = [interval(hit[inside], questions.user[inside], 0) if inside.any() else None for inside in bins]
    return out


def behaviors_since(answers: Answers) -> NDArray[np.float64]:
    """(n,) behaviours of each target since the last change, or until the first one, negative; inf without any."""
    questions = answers.questions
    out = np.full(len(questions), np.inf)
    for n, (user, position) in enumerate(zip(questions.user, questions.position, strict=True)):
        changes = sorted(answers.changes[user])
        if changes:
            out[n] = position - max((at for at in changes if at <= position), default=changes[0])
    return out


def _sequential(world: World, answers: Answers, path: Path) -> Ranks:
    """Ranks by the model that was trained elsewhere, of the same targets."""
    kept = read_ranks(path, _names(world.people), [_items(person) for person in world.people])
    questions = answers.questions
    return np.array([kept[user][at] for user, at in zip(questions.user, questions.position, strict=True)])


def _names(people: Sequence[History]) -> list[str]:
    return [person.stream.user for person in people]


def _items(person: History) -> Ints:
    return np.asarray(person.stream.items, np.int64)


def chosen_means(means: Mapping[str, str]) -> list[str]:
    """Names of the mean vectors whose numbers were chosen on the fit users."""
    return [means["half-life"], means["last"]]
