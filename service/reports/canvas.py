"""Drawings as SVG inside the page: its fonts, its colours in light and dark, and the same bytes every time."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

from markupsafe import Markup, escape
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 480
"""In pixels. On a phone this shrinks to about three quarters, which leaves the letters legible."""
FONT_SIZE = 13.5
LINE_HEIGHT = 16.0
"""Of labels, in pixels."""
PIXELS_PER_INCH = 72

OURS, ALARM, INK, MUTED, FAINT, RULE, GROUND = (
    "#0072b2",
    "#d55e00",
    "#1b1f24",
    "#59636e",
    "#8a939c",
    "#d0d7de",
    "#ffffff",
)
"""Blue and vermilion are of Okabe & Ito (2008), told apart with every kind of colour vision."""
VARIABLES = {
    OURS: "--ours",
    ALARM: "--alarm",
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    RULE: "--rule",
    GROUND: "--ground",
}
"""The page's names of these colours, which change where the reader prefers a dark page."""

RC: dict[str, Any] = {  # of matplotlib's settings, which are of many types
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": FONT_SIZE,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": FONT_SIZE,
    "axes.unicode_minus": True,
    "figure.dpi": PIXELS_PER_INCH,
    "figure.facecolor": "none",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_SIZE,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": FONT_SIZE,
    "ytick.color": FAINT,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": FONT_SIZE,
}
ARROW: dict[str, Any] = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
"""A thin line from a label to what it names."""


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Settings to draw with, whatever the user's own are.

    Args:
        name: of the drawing, one in a page: the ids inside it are made from it.
    """
    with style.context(["default", {**RC, "svg.hashsalt": name}]), warnings.catch_warnings():
        # The letters are drawn by the reader's browser, whose fonts have more of them than matplotlib's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def blank(height: float, *, left: float, right: float, top: float, bottom: float) -> tuple[Figure, Axes]:
    """An empty drawing of `WIDTH`.

    Args:
        height: of all of it. This and what follows is in pixels.
        left: from the left edge to the axes.
        right: from the axes to the right edge.
        top: from the upper edge to the axes.
        bottom: from the axes to the lower edge.
    """
    figure = Figure(figsize=(WIDTH / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    box = (left / WIDTH, bottom / height, 1 - (left + right) / WIDTH, 1 - (top + bottom) / height)
    return figure, figure.add_axes(box)


def inline(figure: Figure, name: str, *, title: str, description: str) -> Markup:
    """The drawing as an SVG element. Call it inside `drawing`.

    Args:
        figure: what to save.
        name: as given to `drawing`.
        title: read out by screen readers.
        description: what it shows, for those who do not see it.
    """
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = out.getvalue()
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # would hold for the whole page
    body = re.sub(r'<g id="[^"]*"', "<g", body)  # the same in each drawing, and nothing refers to them
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'style="[^"]*"', _themed, body)
    _, _, width, height = re.findall(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', svg)[0]
    return Markup(  # noqa: S704 - matplotlib escapes the texts in the body, and the rest is escaped here
        f'<svg role="img" aria-labelledby="{escape(name)}-title {escape(name)}-description" '
        f'viewBox="0 0 {width} {height}"><title id="{escape(name)}-title">{escape(title)}</title>'
        f'<desc id="{escape(name)}-description">{escape(description)}</desc>{body.strip()}'
    )


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, in their order, at least `apart` and between `low` and `high`.

    Where there is no room for all, they are as far apart as there is. Of equal ones the first is the highest.

    >>> spread([0.5, 0.25, 0.5], 0.125, 0.0, 1.0)
    [0.5625, 0.25, 0.4375]
    >>> spread([9.0, 10.0], 4.0, 0.0, 10.0)
    [6.0, 10.0]
    """
    apart = min(apart, (high - low) / max(len(wanted) - 1, 1))
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], -i))
    ascending = [wanted[i] for i in order]
    # Moving each up from the one below, or down from the one above, keeps them apart; so does the mean of the two.
    middle = [(up + down) / 2 for up, down in zip(_up(ascending, apart), _down(ascending, apart), strict=True)]
    lowest = [max(place, low + n * apart) for n, place in enumerate(middle)]
    inside = [min(place, high - n * apart) for n, place in enumerate(reversed(lowest))][::-1]
    return [place for _, place in sorted(zip(order, inside, strict=True))]


def _up(ascending: Sequence[float], apart: float) -> list[float]:
    return list(accumulate(ascending, lambda below, wanted: max(wanted, below + apart)))


def _down(ascending: Sequence[float], apart: float) -> list[float]:
    return list(accumulate(reversed(ascending), lambda above, wanted: min(wanted, above - apart)))[::-1]


def _themed(found: re.Match[str]) -> str:
    """Colours by their names in the page, and the page's font."""
    css = found[0].replace("font-family: 'DejaVu Sans', sans-serif", "font-family: inherit")
    for color, variable in VARIABLES.items():
        css = css.replace(color, f"var({variable})")
    return css
