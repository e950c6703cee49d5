"""The panels of the picture. Each draws a year on axes of its own."""

from collections import Counter, defaultdict
from textwrap import shorten

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from bench.household.replay import Year
from bench.household.style import ALARM, MUTED, OKABE_ITO, OTHER, RULE, TITLE, place

LOWEST_ODDS = -11.0
"""Below it nobody asks how sure the service is that nothing changed."""
CARRIERS, ROWS = 9, 12
LEGEND = """Leading topics, by their telling words.
The shipped profile was fitted on titles
of posts: it has topics, not groceries."""
LABEL_CHARACTERS = 28

Series = NDArray[np.float64]


def topics(axes: Axes, year: Year) -> None:
    """Shares of the leading topics after each basket, stacked."""
    shares = topic_shares(year)
    told = told_topics(year, shares)
    rest = [row for label, row in shares.items() if label not in told]
    rows = [*(shares[label] for label in told), np.sum(rest, axis=0) if rest else np.zeros(len(year.points))]
    axes.stackplot(
        [place(point.at) for point in year.points],
        np.array(rows),
        labels=[*told, "other leading topics"],
        colors=[*OKABE_ITO[: len(told)], OTHER],
        step="post",
    )
    axes.set_ylim(0, max(float(np.sum(rows, axis=0).max()) * 1.03, 0.1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_ylabel("share of the interest")
    axes.set_title("What the interest is made of, as the service sees it after each basket", pad=32, **TITLE)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        title=LEGEND,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.04),
        frameon=False,
        fontsize=10.5,
        title_fontsize=10.5,
        alignment="left",
        labelspacing=0.55,
    )
    plain(axes)


def topic_shares(year: Year) -> dict[str, Series]:
    """Share after each basket, by the topic's label; 0 where a topic is not among the leading ones."""
    shares: dict[str, Series] = defaultdict(lambda: np.zeros(len(year.points)))
    for index, point in enumerate(year.points):
        for topic in point.topics:
            shares[topic.label][index] += topic.share
    return dict(shares)


def told_topics(year: Year, shares: dict[str, Series]) -> list[str]:
    """Topics that get a colour, the largest first: two that last, what each change gained most, the next largest."""
    size = {label: float(row.mean()) for label, row in shares.items()}
    largest = sorted(size, key=lambda label: -size[label])
    gained = [alarm.gained[0].label for alarm in year.alarms if alarm.gained]
    wanted = [*largest[:2], *(label for label in gained if label in size), *largest]
    return sorted(list(dict.fromkeys(wanted))[: len(OKABE_ITO)], key=lambda label: -size[label])


def log_odds(axes: Axes, year: Year) -> None:
    """Log-odds of a recent change after each basket, the threshold, and where it was passed."""
    known = [(place(p.at), p.log_odds) for p in year.points if p.log_odds is not None and p.status == "ok"]
    series = np.array(known, np.float64).reshape(-1, 2)
    odds = np.clip(series[:, 1], LOWEST_ODDS, None)
    axes.plot(series[:, 0], odds, color=OKABE_ITO[0], linewidth=1.0, zorder=3)
    axes.fill_between(series[:, 0], LOWEST_ODDS, odds, color=OKABE_ITO[0], alpha=0.15, linewidth=0)
    told = [(place(a.declared_at), a.change.log_odds) for a in year.alarms if a.change.log_odds is not None]
    passed = np.array(told, np.float64).reshape(-1, 2)
    axes.scatter(passed[:, 0], passed[:, 1], color=ALARM, s=42, zorder=6, marker="D")
    axes.set_ylim(LOWEST_ODDS, max(float(odds.max(initial=0.0)), float(passed[:, 1].max(initial=0.0))) + 2.0)
    axes.set_ylabel("log-odds (nats)")
    threshold = year.points[-1].threshold
    if threshold is not None:
        axes.axhline(threshold, color=ALARM, linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
    dashed = "" if threshold is None else f"; dashed: the threshold, {threshold:.2f}"
    dashed += "; diamonds: changes declared" if len(passed) else ""
    axes.set_title(f"How likely it is that the interest has just changed{dashed}", **TITLE)
    plain(axes)


def purchases(axes: Axes, year: Year) -> None:
    """A dot for each basket with purchases of what carried the changes; to compare, of what is bought most."""
    carriers, commonest = told_categories(year)
    rows = [*carriers, *commonest]
    for row, category in enumerate(rows):
        counted = [(place(b.occurred_at), sum(line.category == category for line in b.lines)) for b in year.baskets]
        dots = np.array([(time, count) for time, count in counted if count], np.float64).reshape(-1, 2)
        colour = ALARM if row < len(carriers) else MUTED
        axes.scatter(dots[:, 0], np.full(len(dots), row), s=15 * dots[:, 1], color=colour, alpha=0.5, linewidth=0)
    if carriers and commonest:
        axes.axhline(len(carriers) - 0.5, color=RULE, linewidth=1.2)
    axes.set_yticks(range(len(rows)), [shorten(name, LABEL_CHARACTERS, placeholder=" …") for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    which = "above the line what carried the changes, below it what is commonest" if carriers else "the commonest"
    axes.set_title(f"What was really bought, a dot a basket: {which}", **TITLE)
    plain(axes)


def told_categories(year: Year) -> tuple[list[str], list[str]]:
    """Categories that carried the changes, by the first change they carried; and the most bought of the others."""
    carried: dict[str, float] = defaultdict(float)
    first: dict[str, int] = {}
    for number, alarm in enumerate(year.alarms):
        for because in alarm.because:
            if because.log_odds > 0:
                carried[because.line.category] += because.log_odds
                first.setdefault(because.line.category, number)
    weightiest = sorted(carried, key=lambda name: -carried[name])[:CARRIERS]
    carriers = sorted(weightiest, key=lambda name: first[name])
    bought = Counter(line.category for basket in year.baskets for line in basket.lines)
    return carriers, [name for name, _ in bought.most_common() if name not in carriers][: ROWS - len(carriers)]


def plain(axes: Axes) -> None:
    """Without the upper and right side of the frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(colors=MUTED, labelsize=10.5)
    axes.yaxis.label.set(color=MUTED, fontsize=11)
    axes.xaxis.label.set(color=MUTED, fontsize=11)
