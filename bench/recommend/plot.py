"""A set's hit rates as a picture: by method, and around a change."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.recommend.baselines import (
    MEAN_OF_ALL,
    NO_PRIOR,
    POLICY,
    POPULAR,
    PRIORLESS,
    SHIPPED,
    UNDETECTED,
    fixed_names,
)
from bench.recommend.figures import ALL, SASREC

RED, BLUE, GREY, DARK = "#d1495b", "#30638e", "#9a9a9a", "#6a6a6a"
COLORS = {POLICY.name: RED, PRIORLESS.name: "#e8a0a8", UNDETECTED.name: BLUE, SASREC: "#2a7f62"}


def draw(told: Mapping[str, Any], title: str, path: Path, means: Sequence[str]) -> None:
    """Write the picture."""
    figure = Figure(figsize=(12.4, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    best = [_best(told, fixed_names(prior)) for prior in (NO_PRIOR, SHIPPED)]
    names = [POPULAR.name, MEAN_OF_ALL.name, *means, *best, PRIORLESS.name, UNDETECTED.name, POLICY.name, SASREC]
    names = [name for name in names if name in told["methods"]]
    _methods(left, told, names, best)
    _around(right, told, names)
    figure.suptitle(title, fontsize=10)
    with mpl.rc_context({"svg.hashsalt": "swerve", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def _best(told: Mapping[str, Any], names: Sequence[str]) -> str:
    return max(names, key=lambda name: float(told["methods"][name][ALL]["hit_rate"][0]))


def _methods(axes: Axes, told: Mapping[str, Any], names: Sequence[str], best: Sequence[str]) -> None:
    """A dot for each method, with its interval."""
    for row, name in enumerate(reversed(names)):
        value, low, high = told["methods"][name][ALL]["hit_rate"]
        color = COLORS.get(name, GREY)
        axes.plot([low, high], [row, row], color=color, linewidth=2, solid_capstyle="butt")
        axes.plot([value], [row], "o", color=color, markersize=6)
    labels = [f"{name} (best fixed)" if name in best else name for name in reversed(names)]
    axes.set_yticks(range(len(names)), labels, fontsize=8)
    axes.set_xlim(left=0)
    axes.set_xlabel("hit rate at 20, all targets, 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)


def _around(axes: Axes, told: Mapping[str, Any], names: Sequence[str]) -> None:
    """Hit rates between the edges, as steps' middles."""
    edges = told["edges"]
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    ends = []
    for name in names:
        told_of = [(x, cell) for x, cell in zip(middles, told["curves"][name], strict=True) if cell is not None]
        if not told_of:
            continue
        xs, cells = zip(*told_of, strict=True)
        color = COLORS.get(name, GREY)
        values = [cell[0] for cell in cells]
        axes.plot(xs, values, color=color, linewidth=2.2 if name == POLICY.name else 1.1, marker="o", markersize=3)
        if name == POLICY.name:
            axes.fill_between(xs, [c[1] for c in cells], [c[2] for c in cells], color=color, alpha=0.15, linewidth=0)
        ends.append((values[-1], name, color))
    axes.axvline(0, color=DARK, linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("behaviours since a change")
    axes.set_ylabel("hit rate at 20")
    axes.spines[["top", "right"]].set_visible(False)
    _name(axes, middles[-1], ends)


def _name(axes: Axes, at: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names at the right end of the lines, apart from each other."""
    step, last = 0.045 * axes.get_ylim()[1], float("inf")
    for value, name, color in sorted(ends, reverse=True):
        last = min(value, last - step)
        axes.annotate(name, (at, last), (5, 0), textcoords="offset points", fontsize=6.5, va="center",
                      color=color if name in COLORS else DARK, annotation_clip=False)  # fmt: skip
