"""The drawing of one user's log-odds."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from service.reports.canvas import ALARM, ARROW, GROUND, INK, MUTED, OURS, blank, drawing, inline, spread
from service.reports.figures import Declared, Example
from service.reports.words import known, number, plural

BELOW, ABOVE = 40.0, 25.0
"""At most so far below and above the threshold the log-odds are drawn; what is beyond is drawn at the edge."""
USUAL = 0.05
"""Share of the behaviours whose log-odds may be too low for the drawing, which are the first of a regime."""
NUMBERS, PLANTED, LINE = 17.0, 34.0, 22.0
"""Heights above the axes, in pixels: of the alarms' numbers, of the planted change's label; and of a line of text."""
PLOT_HEIGHT, BOTTOM = 160.0, 48.0


def series(example: Example, name: str) -> Markup:
    """Log-odds over behaviours with the threshold, each declared change from its beginning on, and the planted one.

    Args:
        example: with at least one behaviour.
        name: of the drawing, one in a page.
    """
    with drawing(name):
        title = _title_above(example)
        top = title + LINE
        figure, axes = blank(top + PLOT_HEIGHT + BOTTOM, left=44, right=88, top=top, bottom=BOTTOM)
        low, high = limits(example)
        values = np.clip(np.asarray(example.log_odds, dtype=np.float64), low, high)
        for change in example.changes:
            axes.axvspan(change.began, change.position, color=ALARM, alpha=0.16, linewidth=0)
        axes.plot(values, color=OURS, linewidth=1.6, solid_joinstyle="round", marker="o" if len(values) == 1 else None)
        _threshold(axes, example.threshold)
        margin = 0.05 * (high - low)
        axes.set_xlim(0, max(len(values) - 1, 1))
        axes.set_ylim(low - margin, high + margin)
        _alarms(axes, example.changes, values)
        _planted(axes, example.planted)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.set_xlabel("position in the history")
        axes.set_title("log-odds of a change", loc="left", color=MUTED, y=_above(axes, title), pad=0)
        return inline(figure, name, title=f"Log-odds of a change: {example.user}", description=_told(example))


def _title_above(example: Example) -> float:
    """As high as what is above the axes needs."""
    if example.planted is not None:
        return PLANTED + LINE
    return NUMBERS + LINE if example.changes else LINE / 2


def limits(example: Example) -> tuple[float, float]:
    """Least and greatest log-odds that are drawn as they are.

    A detector starts at very low log-odds, and a change can bring very high ones; either would flatten all the rest.
    """
    threshold = known(example.threshold) or 0.0
    finite = sorted(value for value in example.log_odds if math.isfinite(value))
    usual = finite[int(USUAL * len(finite))] - 2 if finite else threshold
    low = min(max(min(finite, default=usual), usual, threshold - BELOW), threshold - 2)
    high = min(max((*finite, threshold + 2)), threshold + ABOVE)
    return low, high


def is_clipped(example: Example) -> bool:
    """Whether some log-odds are drawn at the edge."""
    low, high = limits(example)
    return any(not low <= value <= high for value in example.log_odds if not math.isnan(value))


def _threshold(axes: Axes, threshold: float) -> None:
    if not math.isfinite(threshold):
        return
    axes.axhline(threshold, color=MUTED, linewidth=1, dashes=(5, 3))
    axes.annotate(
        f"threshold\n{number(round(threshold, 1))}",
        (1.03, threshold),
        xycoords=("axes fraction", "data"),
        va="center",
        color=MUTED,
        linespacing=1.0,
        annotation_clip=False,
    )


def _alarms(axes: Axes, changes: Sequence[Declared], values: NDArray[np.float64]) -> None:
    """A line and a point at each alarm, and its number above the axes."""
    width = axes.get_window_extent().width
    last = axes.get_xlim()[1]
    at = [change.position / last for change in changes]
    places = spread(at, 24 / width, 0.0, 1.0)
    for order, (change, shown) in enumerate(zip(changes, places, strict=True), 1):
        axes.axvline(change.position, color=ALARM, linewidth=1)
        if 0 <= change.position < len(values):
            axes.plot(
                change.position, values[change.position], marker="o", color=ALARM, markersize=7, zorder=4, clip_on=False
            )
        axes.annotate(
            str(order),
            (at[order - 1], 1.0),
            xytext=(shown, _above(axes, NUMBERS)),
            xycoords="axes fraction",
            ha="center",
            va="center",
            color=GROUND,
            fontweight="bold",
            annotation_clip=False,
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": ALARM, "edgecolor": "none"},
            arrowprops=ARROW | {"color": ALARM, "linewidth": 1},
        )


def _planted(axes: Axes, planted: int | None) -> None:
    """A line higher than those of the alarms, with its label where no alarm's number can be."""
    if planted is None:
        return
    share = planted / axes.get_xlim()[1]
    axes.plot(
        (planted, planted),
        (0, _above(axes, PLANTED - 2)),
        transform=axes.get_xaxis_transform(),
        color=INK,
        linewidth=1.4,
        dashes=(1.5, 1.5),
        clip_on=False,
        zorder=1.5,
    )
    top = _above(axes, PLANTED)
    axes.text(share, top, "planted", transform=axes.transAxes, ha="center", va="bottom", color=INK, fontweight="bold")


def _above(axes: Axes, pixels: float) -> float:
    """Pixels above the axes, in their heights."""
    return float(1 + pixels / axes.get_window_extent().height)


def _told(example: Example) -> str:
    parts = [f"{plural(len(example.log_odds), 'behaviour', 'behaviours')}."]
    if example.planted is not None:
        parts.append(f"A change was planted at position {example.planted}.")
    parts += [
        f"Change {order} declared at position {change.position}, estimated to have begun at {change.began}."
        for order, change in enumerate(example.changes, 1)
    ]
    return " ".join(parts)
