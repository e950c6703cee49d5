"""The results as one page of tables, and a plot for each source."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.detection.judges import ALIBI
from service.evaluation.judges import ALONE, OURS
from service.reports.canvas import spread

ORDER = ("topics", "movietweetings", "completejourney", "cofacts")
TITLES = {
    "topics": "Topics planted (made-up users, real post titles)",
    "movietweetings": "MovieTweetings (films, genuine order)",
    "completejourney": "The Complete Journey (groceries, 2,469 households)",
    "cofacts": "Cofacts (rumours, Chinese, multilingual model)",
}
PLOTTED = 6
"""Baselines named in a plot: the best ones, by what they find within 20."""
NAMES_APART = 0.045
"""Of the height of a plot, between two names."""


def write_tables(folder: Path) -> None:
    """Write README.md and the plots from the JSON files in a folder."""
    results = [
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ORDER if (folder / f"{name}.json").exists()
    ]
    for result in results:
        _draw(result, folder / f"{result['source']}.svg")
    (folder / "README.md").write_text("\n".join(_page(results)) + "\n", encoding="utf-8")


def _page(results: list[dict[str, Any]]) -> list[str]:
    lines = ["# Detection", "", "Made by `python -m bench.detection`; do not edit.", ""]
    lines += [
        (
            "Each detector is given the threshold at which 5 % (and 1 %) of untouched test users ever alarm, over "
            "their whole histories after a warm-up of 10 behaviours. Then the planted changes that it finds within 5, "
            "10 and 20 behaviours are counted; in brackets 95 % bootstrap intervals over users. Users of the fit and "
            "of the test are different people; topics, numbers, fusion and thresholds of ours come from the fit users "
            "alone. Every statistic is online but the last row of each table, which sees the whole history. The "
            "normalised rule is 1 at every step: below 1 it alarms on everyone, at 1 on no one."
        ),
        "",
    ]
    for result in results:
        lines += _source(result)
    return lines


def _source(result: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    users, behaviors = result["users"], result["behaviors"]
    profile = result["profile"]
    by_category = ", by category" if profile["choice"]["by_category"] else ""
    lines = [
        f"## {TITLES[result['source']]}",
        "",
        (
            f"{result['date']}, {result['machine']}; {versions}. {users['fit']:,} users to fit ({behaviors['fit']:,} "
            f"behaviours), {users['test']:,} to test ({behaviors['test']:,}), {result['texts']:,} texts. Chosen on the "
            f"fit users: K {profile['topics']}{by_category}, τ {profile['temperature']:g}, category share "
            f"{profile['mix']:g}, m {profile['nearest']}, α {profile['params']['alpha']:g}, β "
            f"{profile['params']['beta']:g}, λ {profile['params']['forget']:g}, h {profile['params']['hazard']:g}, "
            f"R {profile['params']['recent']}; calibrated in {result['calibrated_in_seconds']:.0f} s."
        ),
        "",
        f"![Share of planted changes found against delay]({result['source']}.svg)",
        "",
    ]
    for kind in result["planted"]:
        lines += _table(kind, result["offline"][kind["kind"]])
    lines += _false_alarms(result)
    return lines


def _table(kind: dict[str, Any], offline: dict[str, float]) -> list[str]:
    lines = [
        f"### {kind['kind'].capitalize()}: {kind['changes']:,} changes",
        "",
        "| detector | 5 %: within 5 | within 10 | within 20 | median delay | 1 %: within 5 | within 10 | within 20 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(row["detector"] for row in kind["rows"]):
        loose, strict = (row for row in kind["rows"] if row["detector"] == name)
        delay = "never" if loose["median_delay"] is None else f"{loose['median_delay']:g}"
        cells = [_cell(loose[f"within_{n}"]) for n in (5, 10, 20)] + [delay]
        cells += [_cell(strict[f"within_{n}"]) for n in (5, 10, 20)]
        bold = "**" if name == OURS else ""
        lines.append("| " + " | ".join([f"{bold}{name}{bold}", *(f"{bold}{cell}{bold}" for cell in cells)]) + " |")
    seen = {float(share): found for share, found in offline.items()}
    lines.append(f"| ruptures kernel, offline | | | {seen[0.05]:.0%} | | | | {seen[0.01]:.0%} |")
    if all(row["detector"] != ALIBI for row in kind["rows"]):
        lines += [
            "",
            f"{ALIBI} was not run here: it is left out without `--alibi`.",
        ]
    return [*lines, ""]


def _cell(interval: dict[str, float]) -> str:
    return f"{interval['value']:.0%} ({interval['low'] * 100:.0f}–{interval['high'] * 100:.0f})"


def _false_alarms(result: dict[str, Any]) -> list[str]:
    lines = [
        "### False alarms",
        "",
        "| behaviours per false alarm, asked | measured on the test users |",
        "| --- | --- |",
    ]
    for step in result["run_lengths"]:
        told = step["measured"]
        value, low, high = (f"{x:,.0f}" if x is not None else "∞" for x in (told["value"], told["low"], told["high"]))
        lines.append(f"| {step['asked']:,.0f} | {value} ({low}–{high}) |")
    drift = result["drift"]
    lines += [
        "",
        (
            f"Slow drift over {drift['behaviors']} behaviours, {drift['users']} users: share of them alarmed, beside "
            "as long histories of the same users that do not move. In random order, behaviours of either are drawn at "
            "random, which takes bursts away. In their own order, both have the bursts and the changes that untouched "
            "histories have."
        ),
        "",
        "| behaviours in | drifting | not moving |",
        "| --- | --- | --- |",
        *(
            f"| {order} | {_cell(drift[order]['drifting'])} | {_cell(drift[order]['stationary'])} |"
            for order in ("random order", "own order")
        ),
        "",
        "| detector, in random order, where 5 % of the histories alarm that do not move | of the drifting alarm |",
        "| --- | --- |",
        *(f"| {name} | {share:.0%} |" for name, share in drift["where 5 % of the stationary are alarmed"].items()),
        "",
        "As it ships, step by step, at 1,000 behaviours per false alarm asked:",
        "",
        "| planted | found within 20 | median delay | beginning within 3 | alarmed before the change |",
        "| --- | --- | --- | --- | --- |",
    ]
    for kind, told in result["as_shipped"].items():
        lines.append(
            f"| {kind} | {told['found_within_20']:.0%} | {told['median_delay']:g} | {told['beginning_within_3']:.0%} "
            f"| {told['alarmed_before_the_change']:.1%} |"
        )
    return [*lines, ""]


def _draw(result: dict[str, Any], path: Path) -> None:
    """Share found against delay, ours and the best baselines, one panel for each kind of planted change."""
    kinds = result["planted"]
    figure = Figure(figsize=(6.2 * len(kinds), 4.2), layout="constrained")
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    for panel, kind in zip(panels, kinds, strict=True):
        baselines = [
            c
            for c in kind["curves"]
            if c["detector"] not in (OURS, ALONE, "always, on everyone", "never", "normalized delta")
        ]
        baselines.sort(key=lambda curve: -curve["found"][curve["delays"].index(20)])
        for curve in baselines[:PLOTTED]:
            panel.plot(curve["delays"], curve["found"], color="#9a9a9a", linewidth=1.0)
        _name(panel, baselines[:PLOTTED])
        for curve, color in zip(
            [c for c in kind["curves"] if c["detector"] in (OURS, ALONE)], ("#d1495b", "#30638e"), strict=False
        ):
            panel.fill_between(curve["delays"], curve["low"], curve["high"], color=color, alpha=0.15, linewidth=0)
            panel.plot(curve["delays"], curve["found"], color=color, linewidth=2.2, label=curve["detector"])
        panel.set(
            xlim=(0, 40), ylim=(0, 1), xlabel="behaviours after the change", title=f"{kind['kind']}", ylabel="found"
        )
        panel.title.set_fontsize(9)
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=8
    )
    figure.suptitle(f"{TITLES[result['source']]}, 5 % of untouched users alarmed", fontsize=10)
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _name(panel: Any, curves: list[dict[str, Any]]) -> None:  # noqa: ANN401 - matplotlib's axes
    """Names at the right end of the lines, apart from each other."""
    places = spread([curve["found"][-1] for curve in curves], NAMES_APART, NAMES_APART / 2, 1.0)
    for curve, place in zip(curves, places, strict=True):
        panel.annotate(
            curve["detector"],
            (40, place),
            (3, 0),
            textcoords="offset points",
            fontsize=6.5,
            color="#6a6a6a",
            va="center",
            annotation_clip=False,
        )
