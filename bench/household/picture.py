"""A user's interest over time as one picture: what it is made of, how sure a change is, what was really bought."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter, MonthLocator, date2num
from matplotlib.figure import Figure
from swerve_client.models import Snapshot, TopicDifference, Topics
from swerve_client.types import Unset

from bench.household.data import Basket
from bench.household.replay import Declared

TOPICS = 9
CATEGORIES = 12
WEEKS = 53
LEGEND_CHARACTERS = 210
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666", "#8C564B"]
"""Okabe & Ito's, which the colour-blind can tell apart, and two more."""
ALARM = "#B00020"


def draw(title: str, snapshots: Sequence[Snapshot], changes: Sequence[Declared], baskets: Sequence[Basket]) -> Figure:
    """Three panels over one axis of time.

    Args:
        title: of the whole picture.
        snapshots: the user's history, oldest first; at least one.
        changes: as they were declared, oldest first.
        baskets: what was bought.
    """
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(16, 11.5), dpi=100, layout="constrained")
    interest, odds, bought = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 3])
    figure.suptitle(title, fontsize=14, fontweight="bold", x=0.01, ha="left")
    _draw_topics(interest, snapshots, changes)
    _draw_log_odds(odds, snapshots, changes)
    _draw_purchases(bought, baskets)
    for number, change in enumerate(changes, 1):
        when = change.answer.change.changed_at
        if isinstance(when, datetime):
            for panel in (interest, odds, bought):
                panel.axvline(day(when), color=ALARM, linewidth=1.2, linestyle=(0, (4, 3)))
            interest.annotate(
                str(number), (day(when), 1.0), xycoords=("data", "axes fraction"), ha="center", va="bottom",
                color="white", fontweight="bold", bbox={"boxstyle": "circle", "color": ALARM},
            )  # fmt: skip
    interest.margins(x=0.01)
    bought.xaxis.set_major_locator(MonthLocator())
    bought.xaxis.set_major_formatter(ConciseDateFormatter(MonthLocator()))
    figure.supxlabel(_legend(changes), fontsize=9.5, x=0.01, ha="left", linespacing=1.5)
    return figure


def save(figure: Figure, out: Path) -> None:
    """Write the picture as a PNG."""
    figure.savefig(out)


def _draw_topics(axes: Axes, snapshots: Sequence[Snapshot], changes: Sequence[Declared]) -> None:
    """Shares of the topics that lead most, stacked; what a change gained most is always among them."""
    weights: defaultdict[str, float] = defaultdict(float)
    for snapshot in snapshots:
        for topic in snapshot.topics:
            weights[topic.label] += topic.share
    gained = [topic.label for change in changes for topic in told_topics(change.answer.topics, "gained")[:1]]
    often = sorted(weights, key=lambda name: -weights[name])
    chosen = set(list(dict.fromkeys([*gained, *often]))[:TOPICS])
    names = [name for name in often if name in chosen]
    times = [day(snapshot.as_of) for snapshot in snapshots]
    shares = np.array(
        [[sum((t.share for t in snapshot.topics if t.label == name), 0.0) for snapshot in snapshots] for name in names]
    )
    axes.stackplot(times, shares, labels=names, colors=COLOURS, alpha=0.9, step="post")
    axes.set_ylabel("share of the interest")
    axes.set_title("Leading topics of the interest, as the service saw it", loc="left", pad=18)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="topic (its telling words)")


def _draw_log_odds(axes: Axes, snapshots: Sequence[Snapshot], changes: Sequence[Declared]) -> None:
    """The statistic after each basket, its threshold, and where it was passed."""
    rest = [s for s in snapshots if s.taken_for == "request" and not s.mutated and s.change.log_odds is not None]
    axes.plot([day(s.as_of) for s in rest], [s.change.log_odds or 0.0 for s in rest], color="#333333", linewidth=1)
    thresholds = [s.change.threshold for s in snapshots if s.change.threshold is not None]
    if thresholds:
        axes.axhline(thresholds[-1], color=ALARM, linewidth=1, label=f"threshold {thresholds[-1]:g}")
    declared = [s for s in snapshots if s.taken_for == "change"]
    axes.plot(
        [day(s.as_of) for s in declared], [s.change.log_odds or 0.0 for s in declared],
        linestyle="", marker="v", markersize=10, clip_on=False, color=ALARM, label=f"change declared ({len(changes)})",
    )  # fmt: skip
    axes.set_ylim(bottom=max(axes.get_ylim()[0], -12))
    axes.set_ylabel("log-odds")
    axes.set_title("Log-odds of a recent change (dashed lines: where the changes began)", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _draw_purchases(axes: Axes, baskets: Sequence[Basket]) -> None:
    """Products a week by category: what was really in the baskets."""
    totals = Counter(line.category for basket in baskets for line in basket.lines)
    names = [name for name, _ in totals.most_common(CATEGORIES)]
    first, last = day(baskets[0].occurred_at), day(baskets[-1].occurred_at)
    edges = np.linspace(first, max(last, first + 1) + 1e-6, WEEKS + 1)
    counts = np.zeros((len(names), WEEKS))
    for basket in baskets:
        week = min(int((day(basket.occurred_at) - first) / (edges[1] - edges[0])), WEEKS - 1)
        for line in basket.lines:
            if line.category in names:
                counts[names.index(line.category), week] += 1
    mesh = axes.pcolormesh(edges, np.arange(len(names) + 1), counts, cmap="Blues")
    axes.set_yticks(np.arange(len(names)) + 0.5, names)
    axes.invert_yaxis()
    axes.set_title(
        f"What was really bought: the {len(names)} commonest categories of {len(totals)}, by week", loc="left"
    )
    axes.figure.colorbar(mesh, ax=axes, label="products a week", pad=0.01)


def told_topics(topics: Topics | Unset | None, which: Literal["gained", "lost"]) -> list[TopicDifference]:
    """Topics gained or lost, if the answer has them."""
    found = getattr(topics, which) if isinstance(topics, Topics) else []
    return list(found) if isinstance(found, list) else []


def day(time: datetime) -> float:
    """A time on the axis."""
    return float(date2num(time))


def _legend(changes: Sequence[Declared]) -> str:
    """A line a change: when, how sure, from what to what, by which products."""
    if not changes:
        return "No change of interest was declared."
    lines = []
    for number, change in enumerate(changes, 1):
        answer = change.answer
        gained = "; ".join(topic.label for topic in told_topics(answer.topics, "gained")[:3])
        lost = "; ".join(topic.label for topic in told_topics(answer.topics, "lost")[:3])
        told = f"{number}   gained: {gained}   |   lost: {lost}   |   carried by: {', '.join(change.carriers)}"
        lines += textwrap.wrap(told, LEGEND_CHARACTERS, subsequent_indent="      ")
    return "\n".join(lines)
