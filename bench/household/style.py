"""Colours of the picture, told apart with every kind of colour vision, and its small words."""

from datetime import datetime
from typing import Any

from matplotlib.dates import date2num

INK = "#1b1f24"
MUTED = "#59636e"
RULE = "#d0d7de"
OTHER = "#c9ced4"
ALARM = "#b3401a"
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe & Ito (2008), "Color Universal Design", without black."""
NUMBER: dict[str, Any] = {  # of text's keyword arguments, which are of many types
    "ha": "center",
    "va": "center",
    "color": "white",
    "fontsize": 10,
    "fontweight": "bold",
    "bbox": {"boxstyle": "circle,pad=0.28", "facecolor": INK, "edgecolor": "none"},
}
"""How the number of a change looks, wherever it stands."""
TITLE: dict[str, Any] = {"loc": "left", "fontsize": 11.5, "color": INK}
LEADER: dict[str, Any] = {"arrowstyle": "-", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}


def percent(share: float) -> str:
    r"""A share of 0 to 1 in whole percent, not to be broken at the end of a line.

    >>> percent(0.004) == "<1\N{NO-BREAK SPACE}%", percent(0.118) == "12\N{NO-BREAK SPACE}%"
    (True, True)
    """
    return "<1\N{NO-BREAK SPACE}%" if 0 < share < 0.005 else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def day(time: datetime) -> str:
    """Such as `8 Feb`."""
    return f"{time.day} {time:%b}"


def place(time: datetime) -> float:
    """On the axis of time, in days."""
    return float(date2num(time))  # type: ignore[no-untyped-call]  # matplotlib types a part of itself only
