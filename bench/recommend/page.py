"""The results as one page of tables."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.recommend.baselines import (
    MEAN_OF_ALL,
    NO_PRIOR,
    POLICY,
    POPULAR,
    PRIORLESS,
    SHIPPED,
    UNDETECTED,
    UNRECALLED,
    UNRELATED,
    fixed_names,
    named,
)
from bench.recommend.figures import ALL, SASREC, chosen_means
from bench.recommend.plot import draw
from bench.recommend.protocol import PHASES
from bench.recommend.tune import relative
from service.files import write_whole
from service.policy.experts import EXPERTS

TITLES = {
    "topics": "Topics planted (made-up people, real post titles)",
    "movietweetings": "MovieTweetings (films)",
    "completejourney": "The Complete Journey (groceries, a basket in the order of product numbers, as in the source)",
    "completejourney-shuffled": "The Complete Journey, each basket in an order drawn at random",
}
REGIMES = [expert for expert in EXPERTS if expert.scope == "regime"]
SHOWN = [POPULAR.name, MEAN_OF_ALL.name]
OURS = [PRIORLESS.name, UNDETECTED.name, UNRECALLED.name, UNRELATED.name, POLICY.name]

HOW = (
    "What would have been recommended before each thing that held-out people did, beside what they did. People are "
    "replayed online, in order of time. A target is each behaviour on an item that this person had not had yet, but "
    "the first; items that the person had are left out of the ranking; every other item of the set competes. A method "
    "sees the person's behaviours before the target, and of other people's only what lies before it in time. Hit rate "
    "at 20: share of targets among the first 20, in brackets its 95 % interval with people drawn anew; NDCG at 20 in "
    "its own column."
)
PHASES_TOLD = (
    "After: the 20 behaviours from a change on; later: those after them; before: those before the first change. "
    "Changes of the made-up people are planted; of real ones they are those that the detector declares as shipped, "
    "from where it dates their beginning: known only afterwards, so it divides targets and informs no method."
)
POPULARITY = (
    "Popularity counts people who had an item in the 30 days before the target's time, as the service does, of the fit "
    "and held out, whole histories. "
    "Made-up people have no times: all of them begin at once and do one thing at a time. Their subjects are drawn "
    "evenly, so nothing is popular but by chance; a method that follows counts there loses."
)
KINDS = (
    "Mean vectors rank by the cosine to one weighted mean of the person's behaviours; half-life and number of the two "
    "in the tables are the best on the fit people. The fixed memories and the regime's rank by the policy's own kernel "
    "over single behaviours, with and without the prior over items that the policy goes by; `newest_5` halves with "
    "every 5 behaviours. The policy mixes memories of the regime, and what others took up after the newest "
    "behaviours, by what they foretold. Without a detector it has the fixed memories instead of those that know of "
    "regimes. What others took up is counted at 48 moments in the time of a set, as the service counts it from time to "
    "time, from the same people as popularity; the person's own steps are left out where it is learnt how far to "
    "follow it. Differences from the service: vectors are whole instead of 8 bits a component, the kernel's mean is "
    "taken over the whole catalogue instead of a sample, everything is ranked instead of the index's candidates, an "
    "item whose first behaviour is forgotten with its regime is not new again, and there is no exploration nor "
    "diversity."
)


def write_page(folder: Path) -> None:
    """Write README.md and the plots from the JSON files in a folder; nothing where there are none."""
    results = {name: told for name in TITLES if (told := _read(folder, name))}
    if not results:
        return
    tuning, back = _read(folder, "tuning"), _read(folder, "returning")
    lines = ["# Recommendations", "", "Made by `python -m bench.recommend`; do not edit.", ""]
    for paragraph in (HOW, PHASES_TOLD, POPULARITY, KINDS):
        lines += [paragraph, ""]
    lines += _aims(results)
    for name, told in results.items():
        means = chosen_means(tuning["means"][name]) if tuning and name in tuning["means"] else []
        lines += _set(name, told, means)
        draw(told, TITLES[name], folder / f"{name}.svg", means)
    if back:
        lines += _returning(back)
    if tuning:
        lines += _tuning(tuning)
    write_whole(folder / "README.md", "\n".join(lines) + "\n")


def _read(folder: Path, name: str) -> dict[str, Any] | None:
    path = folder / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _aims(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        "## Aims",
        "",
        (
            "Ratio of hit rates, with its 95 % interval. What the policy is compared with is the best of its kind on "
            "the same targets, chosen in hindsight for each phase, which favours it. Not told apart: less than was "
            "aimed at, which lies in the interval."
        ),
        "",
        "| set | phase | method | against | aim | ratio | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, told in results.items():
        lines += [
            f"| {name} | {aim['phase']} | {aim['policy']} | {aim['against']} | {aim['wanted']:g} "
            f"| {_ratio(aim['ratio'])} | {aim['verdict']} |"
            for aim in told["aims"]
        ]
    return [*lines, ""]


def _set(name: str, told: Mapping[str, Any], means: list[str]) -> list[str]:
    machine, targets = told["machine"], told["targets"]
    asked = "all" if told["people"] == told["held_out"] else f"{told['people']:,} at random"
    lines = [
        f"## {TITLES[name]}",
        "",
        (
            f"{machine['date']}, {machine['cpu']}, Python {machine['python']}, commit {machine['commit']}. "
            f"{told['items']:,} items; {told['held_out']:,} people held out, {asked} asked about, with their first "
            f"{told['most_behaviors']} behaviours; {told['fit']:,} of the fit. {targets['all']:,} targets: "
            + ", ".join(f"{targets[phase]:,} {phase}" for phase in PHASES)
            + f"; {told['people_with_changes']:,} people with changes."
        ),
        "",
        f"![Hit rates at 20]({name}.svg)",
        "",
    ]
    fixed = [memory for prior in (NO_PRIOR, SHIPPED) for memory in fixed_names(prior)]
    regimes = [named(expert, prior) for prior in (NO_PRIOR, SHIPPED) for expert in REGIMES]
    lines += _table(told, [*SHOWN, *means, *fixed, *regimes, *OURS, SASREC])
    worth = (f"{phase} {_ratio(told['detector'][phase])}" for phase in (ALL, *PHASES))
    lines += [f"What the detector is worth, as the policy's hit rate by that without it: {', '.join(worth)}.", ""]
    if told["sequential_missing"]:
        lines += [f"No {SASREC} here: {told['sequential_missing']}.", ""]
    else:
        lines += [_gap(told), ""]
    return lines


def _gap(told: Mapping[str, Any]) -> str:
    ours, theirs = (told["methods"][name][ALL]["hit_rate"][0] for name in (POLICY.name, SASREC))
    return (
        f"{SASREC}, trained on the fit people's sequences of items, hits {theirs:.1%} of the targets, the policy "
        f"{ours:.1%}: {ours / theirs:.2f} times as many. Items that no one had whom it was trained on, it cannot "
        "recommend; they count as missed. It has learnt from the fit people's whole histories, what came later than a "
        "target among them, and is not told what is popular of late. The policy is, and learns from what others took "
        "up before each target, held-out people among them."
    )


def _table(told: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    lines = [
        "| method | " + " | ".join((ALL, *PHASES)) + " | NDCG, all |",
        "| --- |" + " --- |" * (len(PHASES) + 2),
    ]
    for name in names:
        if name not in told["methods"]:
            continue
        row = told["methods"][name]
        cells = [_cell(row[phase]["hit_rate"]) for phase in (ALL, *PHASES)]
        bold = "**" if name == POLICY.name else ""
        ndcg = f"{row[ALL]['ndcg'][0]:.4f}"
        lines.append("| " + " | ".join(f"{bold}{cell}{bold}" for cell in (name, *cells, ndcg)) + " |")
    return [*lines, ""]


def _returning(told: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Interests that return",
        "",
        (
            f"{told['people']:,} made-up people of the planted topics who have some subjects for 40 behaviours, others "
            "for 40, and the first ones again. After and later: from the return on. What the expert that recalls "
            f"earlier regimes is worth, as the policy's hit rate by that of the policy without it: after "
            f"{_ratio(told['recall']['after'])}, later {_ratio(told['recall']['later'])}."
        ),
        "",
    ]
    return lines + _table(told, told["methods"])


def _tuning(told: Mapping[str, Any]) -> list[str]:
    machine = told["machine"]
    lines = [
        "## Constants",
        "",
        (
            f"{machine['date']}, commit {machine['commit']}. The same constants for all sets, compared on "
            f"{told['people']} of each set's fit people (of planted topics, others made up from the same titles, with "
            "changes), whose popularity is their own. Hit rate at 20, and the geometric mean over the sets relative to "
            "the shipped constant, which is in bold."
        ),
        "",
    ]
    for grid, rates in told["grids"].items():
        shipped = told["shipped"][grid]
        sets = list(rates[shipped])
        lines += [f"| {grid} | {' | '.join(sets)} | relative |", "| --- |" + " --- |" * (len(sets) + 1)]
        for setting, share in relative(rates, shipped).items():
            bold = "**" if setting == shipped else ""
            cells = [setting, *(f"{rates[setting][name]:.4f}" for name in sets), f"{share:.3f}"]
            lines.append("| " + " | ".join(f"{bold}{cell}{bold}" for cell in cells) + " |")
        lines.append("")
    return lines


def _cell(interval: list[float]) -> str:
    value, low, high = interval
    return "" if value != value else f"{value:.4f} ({low:.4f}–{high:.4f})"  # noqa: PLR0124  # nan alone differs


def _ratio(interval: list[float | None]) -> str:
    value, low, high = ("∞" if number is None else f"{number:.2f}" for number in interval)
    return f"{value} ({low}–{high})"
