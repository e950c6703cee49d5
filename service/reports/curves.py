"""The drawing of how many planted changes are found, and how soon."""

import math
from collections.abc import Sequence
from itertools import cycle
from textwrap import wrap
from unicodedata import east_asian_width

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from service.reports.canvas import ARROW, LINE_HEIGHT, MUTED, OURS, blank, drawing, inline, spread
from service.reports.figures import Curve, Planted
from service.reports.words import percent, plural

DELAY_TICKS = (0, 5, 10, 20, 30, 50, 100, 200, 500, 1000)
LEGIBLE = 0.09
"""Least distance of two ticks, as a share of the axis."""
LABEL_COLUMNS = 17
"""Letters in a line of a label at the right; Chinese ones count twice."""
DASHES: tuple[tuple[float, ...], ...] = ((5, 2), (1, 1.6), (5, 2, 1, 2), (8, 3), (2, 2), (8, 2, 1, 2, 1, 2))


def found_by_delay(planted: Planted, name: str) -> Markup:
    """Share found against delay, with bands: the detector in colour, the baselines muted, each named at its end.

    Args:
        planted: with at least one curve.
        name: of the drawing, one in a page.
    """
    with drawing(name):
        figure, axes = blank(300, left=50, right=146, top=32, bottom=48)
        dashes = cycle(DASHES)
        for curve in reversed(planted.curves[1:]):  # so that the better-placed ones lie above, and ours above all
            _curve(axes, curve, MUTED, width=1.3, dash=next(dashes))
        _curve(axes, planted.curves[0], OURS, width=2.6, dash=None)
        _axes_of_delays(axes, planted.curves)
        _names_at_the_end(axes, planted.curves)
        return inline(
            figure,
            name,
            title=f"Share of planted changes found, by delay: {planted.kind}",
            description=" ".join(_last_point(curve) for curve in planted.curves),
        )


def _curve(axes: Axes, curve: Curve, color: str, *, width: float, dash: tuple[float, ...] | None) -> None:
    axes.fill_between(
        curve.delays, curve.low, curve.high, color=color, alpha=0.22 if dash is None else 0.1, linewidth=0
    )
    line = "-" if dash is None else (0, dash)
    axes.plot(curve.delays, curve.found, color=color, linewidth=width, linestyle=line, clip_on=False)


def _axes_of_delays(axes: Axes, curves: Sequence[Curve]) -> None:
    longest = max(max(curve.delays, default=1) for curve in curves)
    axes.set_xlim(0, max(longest, 1))
    ticks = [longest]
    for tick in reversed(DELAY_TICKS):
        if tick <= ticks[-1] - LEGIBLE * longest:
            ticks.append(tick)
    axes.set_xticks(ticks)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(share)))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("behaviours after the change")
    axes.set_title("planted changes found so far", loc="left", color=MUTED, pad=12)


def _names_at_the_end(axes: Axes, curves: Sequence[Curve]) -> None:
    """Moved apart where they would overlap, with a thin line to the curve that each belongs to."""
    drawn = [curve for curve in curves if any(map(math.isfinite, curve.found))]
    ends = [next(found for found in reversed(curve.found) if math.isfinite(found)) for curve in drawn]
    names = [label(curve.detector) for curve in drawn]
    tallest = max((len(name.splitlines()) for name in names), default=1)
    height = axes.get_window_extent().height
    places = spread(ends, tallest * LINE_HEIGHT / height, 0.0, 1.0)
    for curve, name, end, place in zip(drawn, names, ends, places, strict=True):
        ours = curve is curves[0]
        axes.annotate(
            name,
            (1.01, end),
            xytext=(1.05, place),
            xycoords="axes fraction",
            va="center",
            color=OURS if ours else MUTED,
            fontweight="bold" if ours else "normal",
            linespacing=1.0,
            annotation_clip=False,
            arrowprops=ARROW | {"relpos": (0, 0.5)},
        )


def _last_point(curve: Curve) -> str:
    if not curve.delays:
        return ""
    return f"{curve.detector}: {percent(curve.found[-1])} within {plural(curve.delays[-1], 'behaviour', 'behaviours')}."


def label(name: str) -> str:
    r"""In at most two lines.

    >>> label("cosine distance between windows")
    'cosine distance\nbetween windows'
    """
    wide = sum(east_asian_width(letter) in "WF" for letter in name)
    columns = LABEL_COLUMNS * len(name) // (len(name) + wide) if name else LABEL_COLUMNS
    first, *rest = wrap(name, columns) or [""]
    if not rest:
        return first
    return f"{first}\n{rest[0]}{'…' if len(rest) > 1 else ''}"
