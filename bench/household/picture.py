"""A household's year as one picture: what the interest was made of, when it changed and why, and the purchases."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter, MonthLocator
from matplotlib.figure import Figure

from bench.household import cards, panels
from bench.household.replay import Year
from bench.household.route import route
from bench.household.style import INK, LEADER, MUTED, NUMBER, place

WIDTH, DOTS_PER_INCH = 16.0, 100
PANELS_HEIGHT, HEAD_HEIGHT, FOOT_HEIGHT = 9.2, 1.65, 0.85
"""In inches: of the three panels, of what is above them, and of what is between them and the cards."""
LEFT, RIGHT, MAP_LEFT, MAP_RIGHT = 0.165, 0.735, 0.765, 0.985
LEGIBLE = 0.022
"""Least distance of two numbers above the panels, as a share of the panels' width."""
ABOVE = 1.075
"""Height of the numbers, in heights of the first panel."""
LONG_DAYS = 45
"""From here on the axis of time has months."""


def save(figure: Figure, out: Path) -> None:
    """Write the picture as PNG, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        figure.savefig(unfinished, format="png", dpi=DOTS_PER_INCH)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def draw(year: Year) -> Figure:
    """Three panels over one axis of time, the way of the interest vector beside them, and a card for each change.

    Args:
        year: with at least one point.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not year.points:
        raise ValueError("there is nothing to draw: no basket was replayed")
    height = HEAD_HEIGHT + PANELS_HEIGHT + FOOT_HEIGHT + cards.height(year)
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    top, bottom = 1 - HEAD_HEIGHT / height, 1 - (HEAD_HEIGHT + PANELS_HEIGHT) / height
    topics, odds, bought = figure.subplots(
        3,
        1,
        sharex=True,
        gridspec_kw={
            "height_ratios": (3.1, 2.0, 3.6),
            "hspace": 0.13,
            "left": LEFT,
            "right": RIGHT,
            "top": top,
            "bottom": bottom,
        },
    )
    panels.topics(topics, year)
    panels.log_odds(odds, year)
    panels.purchases(bought, year)
    route(figure.add_axes((MAP_LEFT, bottom, MAP_RIGHT - MAP_LEFT, odds.get_position().y1 - bottom)), year)
    _share_time((topics, odds, bought), year)
    _number(topics, year)
    _headline(figure, height, year)
    cards.lay(figure, cards.height(year), year)
    return figure


def _share_time(stack: Sequence[Axes], year: Year) -> None:
    """One axis of time, with a line through all panels at each change."""
    first, last = year.points[0].at, year.points[-1].at
    stack[0].set_xlim(place(first), max(place(last), place(first) + 1))
    for axes in stack:
        for alarm in year.alarms:
            axes.axvline(place(alarm.declared_at), color=INK, linewidth=0.9, alpha=0.75, zorder=4)
    if (last - first).days > LONG_DAYS:
        locator = MonthLocator()
        stack[-1].xaxis.set_major_locator(locator)
        stack[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    stack[-1].set_xlabel(f"time of purchase, {first:%B %Y} to {last:%B %Y}")


def _number(axes: Axes, year: Year) -> None:
    """The changes' numbers above the first panel, moved apart where they would overlap."""
    left, right = axes.get_xlim()
    true = [(place(alarm.declared_at) - left) / (right - left) for alarm in year.alarms]
    for number, (at, shown) in enumerate(zip(true, spread(true, LEGIBLE), strict=True), 1):
        axes.annotate(
            str(number),
            (at, 1.0),
            xytext=(shown, ABOVE),
            xycoords="axes fraction",
            arrowprops=LEADER,
            annotation_clip=False,
            **NUMBER,
        )


def spread(wanted: Sequence[float], apart: float) -> list[float]:
    """Positions at least `apart` from each other, each crowded group centred where it was wanted.

    Args:
        wanted: in ascending order.
        apart: least distance.

    >>> spread([0.2, 0.5, 0.51], 0.1)
    [0.2, 0.455, 0.555]
    """
    groups: list[list[float]] = []
    for position in wanted:
        groups.append([position])
        while (
            len(groups) > 1
            and _middle(groups[-1]) - _middle(groups[-2]) < apart * (len(groups[-1]) + len(groups[-2])) / 2
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [
        round(_middle(group) + apart * (n - (len(group) - 1) / 2), 6) for group in groups for n in range(len(group))
    ]


def _middle(group: Sequence[float]) -> float:
    return sum(group) / len(group)


def _headline(figure: Figure, height: float, year: Year) -> None:
    title = f"A year of shopping by household {year.household}: {cards.how_many(year)}"
    figure.text(cards.LEFT - 0.008, 1 - 0.2 / height, title, fontsize=20, fontweight="bold", color=INK, va="top")
    figure.text(
        cards.LEFT - 0.008,
        1 - 0.62 / height,
        f"{len(year.baskets):,} baskets with {year.purchases:,} purchases, posted to the service one basket at a time",
        fontsize=12.5,
        color=MUTED,
        va="top",
    )
