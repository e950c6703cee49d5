"""The way of the interest vector, on a plane."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from bench.household.panels import plain
from bench.household.replay import Year
from bench.household.style import LEADER, NUMBER, TITLE

Plane = NDArray[np.float64]
PALEST = 0.25
SPAN_POINTS, SHIFT_POINTS, ROOM_POINTS = 140.0, 22.0, 30.0
"""Of the drawing, of a number from its place, and between numbers; 72 are an inch."""
DIRECTIONS, OUTWARDS = 16, 0.25
"""That are tried, and how many points of room to another number a point further outwards is worth."""


def route(axes: Axes, year: Year) -> None:
    """Show z after each basket, on the plane of its two principal components; darker is later."""
    plane = principal(np.stack([point.z for point in year.points]).astype(np.float64))
    age = np.linspace(PALEST, 1.0, len(plane))
    lines = LineCollection(list(np.stack([plane[:-1], plane[1:]], axis=1)), cmap="Blues", linewidth=1.0, alpha=0.8)
    lines.set_array(age[1:])
    lines.set_clim(0.0, 1.0)
    axes.add_collection(lines)
    axes.scatter(plane[:, 0], plane[:, 1], c=age, cmap="Blues", vmin=0.0, vmax=1.0, s=7, zorder=3)
    _number(axes, year, plane)
    axes.margins(0.16)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    axes.set_title("The way of the interest vector z;\nlater is darker", **TITLE)
    plain(axes)


def _number(axes: Axes, year: Year, plane: Plane) -> None:
    """The changes' numbers, each by where z arrived."""
    arrived = {point.at: index for index, point in enumerate(year.points)}
    known = [(n, arrived[a.declared_at]) for n, a in enumerate(year.alarms, 1) if a.declared_at in arrived]
    places = plane[[index for _, index in known]]
    for (number, _), at, shift in zip(known, places, beside(places, plane), strict=True):
        axes.annotate(
            str(number),
            (float(at[0]), float(at[1])),
            xytext=(float(shift[0]), float(shift[1])),
            textcoords="offset points",
            arrowprops=LEADER,
            zorder=5,
            **NUMBER,
        )


def beside(places: Plane, plane: Plane) -> Plane:
    """Shifts in points (n, 2) that keep numbers away from each other, and outwards where there is room.

    Args:
        places: (n, 2) what is numbered.
        plane: (m, 2) all that is drawn.
    """
    to_points = SPAN_POINTS / max(float(np.ptp(plane, axis=0).max()), 1e-9)
    middle = np.median(plane, axis=0)
    turns = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    shifts = SHIFT_POINTS * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    chosen, taken = np.zeros((len(places), 2)), np.empty((0, 2))
    for index, at in enumerate(places):
        candidates = at * to_points + shifts
        near = np.linalg.norm(candidates[:, None] - taken[None], axis=2).min(axis=1, initial=ROOM_POINTS)
        away = at - middle
        outwards = shifts @ away / max(float(np.linalg.norm(away)), 1e-9)
        best = int(np.argmax(near + OUTWARDS * outwards))
        chosen[index], taken = shifts[best], np.vstack([taken, candidates[best]])
    return chosen


def principal(vectors: NDArray[np.float64]) -> Plane:
    """(n, 2) coordinates of vectors (n, dim) along their two principal components."""
    centred = vectors - vectors.mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(vectors), 2))
    plane[:, : len(components[:2])] = centred @ components[:2].T
    return plane
