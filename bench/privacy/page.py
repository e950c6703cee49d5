"""The results as one page, and a plot."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.privacy.measure import AVERAGED, CROWD, TOGETHER
from bench.serving.page import where

PLOT = "trade-off.svg"
COLORS = {"step": "#9a9a9a", "window distance 10": "#edae49", "window distance 20": "#30638e"}


def write_page(folder: Path) -> None:
    """Write README.md and the plot from `privacy.json` in the folder."""
    result = json.loads((folder / "privacy.json").read_text("utf-8"))
    draw(result, folder / PLOT)
    (folder / "README.md").write_text("\n".join(page(result)) + "\n", encoding="utf-8")


def page(result: dict[str, Any]) -> list[str]:
    """The page's lines."""
    figures = result["figures"]
    users = figures["users"]
    inside = _cell(figures["inside"])
    return [
        "# Privacy",
        "",
        "Made by `python -m bench.privacy`; do not edit.",
        "",
        where(result),
        "",
        (
            f"{result['source']}: {users['untouched']} untouched users and {users['changing']} with a planted change, "
            f"{figures['texts']:,} texts, {figures['vectors']:,} interest vectors: z after each behaviour, each "
            f"released once, at δ = {figures['delta']:g}. A watcher sees only what was released. Each rule is given "
            f"the threshold at which {figures['share_alarmed']:.0%} of the untouched users ever alarm, and the planted "
            "changes are counted that it finds within 20 behaviours; in brackets 95 % bootstrap intervals over users. "
            f"Inside the service nothing changes: on exact behaviours the detector finds {inside} at every level. z "
            "begins anew where the service declares a change, which a watcher of exact vectors sees at once."
        ),
        "",
        f"![What noise leaves of the vectors]({PLOT})",
        "",
        *main_table(figures),
        "",
        (
            f"*Together* is the ε of {TOGETHER} such releases, by the same accountant. *Mean of {AVERAGED}* is what "
            f"averaging a user's newest {AVERAGED} released vectors gives: fresh noise in each, so it averages out, "
            "which is what the budget counts. *Topics* is the share of the exact vector's nearest topics that the "
            "noisy one has, too; *noise alone* is what is there by chance. *Mean of users* is the cosine between "
            f"the means of {min(CROWD, figures['crowd']):,} exact and noisy vectors, as if each were another user's: "
            "what is left of what a crowd has in common."
        ),
        "",
        "## Planted changes found by a watcher",
        "",
        *_rules(figures),
        "",
        "## The noise that the settings give",
        "",
        *settings_table(figures),
    ]


def main_table(figures: dict[str, Any]) -> list[str]:
    """One row a level."""
    lines = [
        (
            f"| ε of a release | together, {TOGETHER} | noise on each component | cosine | mean of {AVERAGED} | topics "
            f"| changes found, best rule | mean of {CROWD:,} users |"
        ),
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in figures["watched"]:
        best = max(one["found"], key=lambda rule: one["found"][rule]["value"])
        together = "" if one["epsilon_together"] is None else f"{one['epsilon_together']:,.3g}"
        noise = "" if one["deviation"] is None else f"{one['deviation']:.3g}"
        name = one["name"].removeprefix("ε = ")
        lines.append(
            f"| {name} | {together} | {noise} | {one['cosine']:.2f} | {one['cosine_of_mean']:.2f} | "
            f"{one['topics']:.0%} | {_cell(one['found'][best])}, {best} | {one['cosine_of_crowd']:.3f} |"
        )
    return lines


def settings_table(figures: dict[str, Any]) -> list[str]:
    """Standard deviation of the noise by budget and number of releases."""
    settings = figures["settings"]
    counts = list(dict.fromkeys(one["releases"] for one in settings))
    head = "| `SWERVE_PRIVACY_EPSILON` | " + " | ".join(f"{count} releases" for count in counts) + " |"
    lines = [head.replace(" 1 releases", " 1 release"), "| --- |" + " --- |" * len(counts)]
    for epsilon in dict.fromkeys(one["epsilon"] for one in settings):
        row = [one["deviation"] for one in settings if one["epsilon"] == epsilon]
        cells = ["refused" if deviation is None else f"{deviation:.3g}" for deviation in row]
        lines.append(f"| {epsilon:g} | " + " | ".join(cells) + " |")
    return lines


def _rules(figures: dict[str, Any]) -> list[str]:
    rules = list(figures["watched"][0]["found"])
    lines = ["| ε of a release | " + " | ".join(rules) + " |", "| --- |" + " --- |" * len(rules)]
    lines += [
        f"| {one['name'].removeprefix('ε = ')} | " + " | ".join(_cell(one["found"][rule]) for rule in rules) + " |"
        for one in figures["watched"]
    ]
    return lines


def _cell(told: dict[str, float]) -> str:
    return f"{told['value']:.0%} ({told['low'] * 100:.0f}–{told['high'] * 100:.0f})"


def draw(result: dict[str, Any], path: Path) -> None:
    """Left, what is found; right, how like the exact vector the released one is; against epsilon of a release."""
    figures = result["figures"]
    levels = [one for one in figures["watched"] if one["epsilon"] is not None]
    (exact,) = [one for one in figures["watched"] if one["name"] == "exact vectors"]
    at = [one["epsilon"] for one in levels]
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    found, like = figure.subplots(1, 2)
    for rule, color in COLORS.items():
        told = [one["found"][rule] for one in levels]
        found.fill_between(
            at, [t["low"] for t in told], [t["high"] for t in told], color=color, alpha=0.15, linewidth=0
        )
        found.plot(at, [t["value"] for t in told], color=color, linewidth=2, label=f"{rule}, noisy vectors")
        found.axhline(exact["found"][rule]["value"], color=color, linewidth=1, linestyle=":")
    found.axhline(figures["inside"]["value"], color="#d1495b", linewidth=2, label="inside the service")
    found.axhline(figures["share_alarmed"], color="#cccccc", linewidth=1)
    found.set(ylim=(0, 1), ylabel="planted changes found within 20", title="dotted: the same rule on exact vectors")
    for name, color, label in (
        ("cosine", "#30638e", "cosine with the exact vector"),
        ("cosine_of_mean", "#edae49", f"the same, mean of {AVERAGED} releases"),
        ("topics", "#00798c", "nearest topics in common"),
        ("cosine_of_crowd", "#d1495b", f"cosine of the means over {CROWD:,} users"),
    ):
        like.plot(at, [one[name] for one in levels], color=color, linewidth=2, label=label)
    like.set(ylim=(0, 1), title="what released vectors say")
    for panel in (found, like):
        panel.set(xscale="log", xlabel=f"ε of one release, δ = {figures['delta']:g}")
        panel.axvspan(64, max(at), color="#f2f2f2", zorder=0)  # beyond what the settings allow
        panel.title.set_fontsize(9)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
