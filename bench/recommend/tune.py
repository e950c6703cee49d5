"""Which constants: every set's fit users, one grid, the same constants for all sets."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bench.recommend.baselines import AVERAGES, FIXED, LAST_MEANS, MEANS, SHIPPED, UNDETECTED, Method, Policy, without
from bench.recommend.popularity import PRIORS
from bench.recommend.protocol import TOP
from bench.recommend.worlds import Answers, Told, World, ask
from service.policy.experts import ETA, EXPERTS, SHARE, Expert
from service.policy.kernel import TEMPERATURE
from service.policy.memory import NEWEST

ETAS, SHARES = (1.0, 2.0, 4.0), (0.02, 0.05, 0.1)
TEMPERATURES, NEWESTS = (0.07, 0.1, 0.125, 0.15), (64, 128, 256)
LIKELIER = ("regime", "others_after_newest_3")
CHANCES = ((2.0, 1.0), (4.0, 2.0), (6.0, 2.0), (8.0, 1.0), (8.0, 3.0), (8.0, 4.0), (12.0, 6.0))
"""Of the regime's whole memory, and of what others took up, beside 1 for each other expert."""
PEOPLE = 100
"""Of each set."""


def _followed(*lives: float) -> tuple[Expert, ...]:
    """What others took up by these half-lives, with the shipped chance of it between them."""
    (shipped,) = (expert for expert in EXPERTS if expert.relation == "succession")
    chance = shipped.chance / len(lives)
    return tuple(Expert(f"others_after_newest_{life}", "all", life, "succession", chance) for life in lives)


def _with_chances(regime: float, followed: float) -> tuple[Expert, ...]:
    """The shipped experts with other chances of the two that have more than others."""
    given = dict(zip(LIKELIER, (regime, followed), strict=True))
    return tuple(replace(expert, chance=given.get(expert.name, expert.chance)) for expert in EXPERTS)


CHOICES: dict[str, tuple[Expert, ...]] = {
    "shipped": EXPERTS,
    "and half-life 1 of the regime": (*EXPERTS, Expert("regime_newest_1", "regime", 1)),
    "and half-life 30 of the regime": (*EXPERTS, Expert("regime_newest_30", "regime", 30)),
    "and half-lives of all behaviours": (*EXPERTS, *FIXED[:-1]),
    "without the long term": tuple(expert for expert in EXPERTS if expert.name != "long_term"),
    "without half-life 3 of the regime": tuple(expert for expert in EXPERTS if expert.name != "regime_newest_3"),
    "without the detector": UNDETECTED.experts,
    "without recall": without("recall"),
    "without the domain": without("domain"),
    "without what others took up": without("succession"),
    "what others took up, half-life 1": (*without("succession"), *_followed(1)),
    "what others took up, half-life 10": (*without("succession"), *_followed(10)),
    "what others took up, half-lives 3 and 30": (*without("succession"), *_followed(3, 30)),
    "what others took up, half-lives 3, 10 and 30": (*without("succession"), *_followed(3, 10, 30)),
}


def tune(worlds: Mapping[str, World], told: Told) -> dict[str, Any]:
    """Hit rates at 20 of each setting on each set's fit users, one kind of constant varied at a time."""
    out: dict[str, Any] = {"people": PEOPLE, "shipped": _shipped(), "grids": {}, "means": {}}
    for name, world in worlds.items():
        told(name)
        rates, means = _of_world(world.some(PEOPLE), told)
        for grid, row in rates.items():
            for setting, rate in row.items():
                out["grids"].setdefault(grid, {}).setdefault(setting, {})[name] = round(rate, 5)
        out["means"][name] = means
    return out


def _shipped() -> dict[str, Any]:
    by = {expert.name: expert.chance for expert in EXPERTS}
    return {
        "eta, share": f"{ETA:g}, {SHARE:g}",
        "prior": SHIPPED,
        "chance of the regime, of what others took up": _named(*(by[name] for name in LIKELIER)),
        "experts": "shipped",
        "temperature": f"{TEMPERATURE:g}",
        "memory": f"{NEWEST}",
    }


def _named(regime: float, followed: float) -> str:
    return f"{regime:g}, {followed:g}"


def _of_world(world: World, told: Told) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    mixed = [Policy(f"{eta:g}, {share:g}", SHIPPED, EXPERTS, eta, share) for eta in ETAS for share in SHARES]
    priors: list[Method] = [Policy(name, name) for name in PRIORS]
    chosen: list[Method] = [Policy(f"of {name}", SHIPPED, experts) for name, experts in CHOICES.items()]
    likelier: list[Method] = [Policy(f"chance {_named(*pair)}", SHIPPED, _with_chances(*pair)) for pair in CHANCES]
    answers = ask(world, [*mixed, *chosen, *likelier, *priors, *MEANS], told=told)
    rates = {
        "eta, share": _rates(answers, [method.name for method in mixed]),
        "prior": _rates(answers, list(PRIORS)),
        "chance of the regime, of what others took up": {
            _named(*pair): _rate_of(answers, f"chance {_named(*pair)}") for pair in CHANCES
        },
        "experts": {name: _rate_of(answers, f"of {name}") for name in CHOICES},
        "temperature": {f"{tau:g}": _rate(ask(world, [Policy()], temperature=tau)) for tau in TEMPERATURES},
        "memory": {f"{newest}": _rate(ask(world, [Policy()], newest=newest)) for newest in NEWESTS},
    }
    best = {
        "half-life": best_of(answers, [method.name for method in AVERAGES]),
        "last": best_of(answers, [method.name for method in LAST_MEANS]),
    }
    return rates, best


def best_of(answers: Answers, names: list[str]) -> str:
    """The one that hits most."""
    rates = _rates(answers, names)
    return max(rates, key=lambda name: rates[name])


def _rate_of(answers: Answers, name: str) -> float:
    return float(np.mean(answers.ranks[name] < TOP))


def _rates(answers: Answers, names: list[str]) -> dict[str, float]:
    return {name: _rate_of(answers, name) for name in names}


def _rate(answers: Answers) -> float:
    (ranks,) = answers.ranks.values()
    return float(np.mean(ranks < TOP))


def relative(grid: Mapping[str, Mapping[str, float]], shipped: str) -> dict[str, float]:
    """Geometric mean over the sets of each setting's hit rate, relative to the shipped one's.

    >>> relative({"a": {"x": 0.2, "y": 0.1}, "b": {"x": 0.4, "y": 0.1}}, "a")["b"].__round__(3)
    1.414
    """
    base = grid[shipped]
    return {
        setting: float(np.exp(np.mean([np.log(rates[name] / base[name]) for name in base])))
        for setting, rates in grid.items()
    }
