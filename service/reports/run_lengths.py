"""The drawing of false alarms, asked and measured."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from service.reports.canvas import FAINT, GROUND, MUTED, OURS, blank, drawing, inline
from service.reports.figures import RunLength
from service.reports.words import count, known


def asked_and_measured(run_lengths: Sequence[RunLength], name: str) -> Markup | None:
    """Measured against asked behaviours per false alarm, both on logarithmic axes, with the line where they agree.

    Args:
        run_lengths: what was measured.
        name: of the drawing, one in a page.

    Returns:
        None where there is nothing that could be drawn.
    """
    drawn = [length for length in run_lengths if length.asked > 0 and _middle(length) is not None]
    if not drawn:
        return None
    with drawing(name):
        figure, axes = blank(410, left=66, right=80, top=32, bottom=48)
        low, high = _log_limits(drawn)
        axes.plot((low, high), (low, high), color=FAINT, linewidth=1, dashes=(5, 3))
        axes.annotate("as asked", (high, high), (6, 0), textcoords="offset points", va="center", color=MUTED)
        for length in drawn:
            _bar(axes, length, high)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        steps = (1.0, 2.0, 5.0) if high / low < 50 else (1.0,)  # a short axis has hardly a power of ten on it
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=steps))
            axis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
            axis.set_minor_locator(NullLocator())
        axes.grid()
        axes.set_axisbelow(True)
        axes.set_xlabel("behaviours per false alarm, asked")
        axes.set_title("behaviours per false alarm, measured", loc="left", color=MUTED, pad=12)
        return inline(
            figure,
            name,
            title="Behaviours per false alarm, asked and measured",
            description=" ".join(f"Asked {count(length.asked)}: {_said(length)}." for length in drawn),
        )


def _middle(length: RunLength) -> float | None:
    """Where it is drawn: at its value, or else at the least that it may be."""
    value = known(length.measured.value)
    value = known(length.measured.low) if value is None else value
    return value if value is not None and value > 0 else None


def _said(length: RunLength) -> str:
    return f"{'' if known(length.measured.value) is not None else 'at least '}{count(_middle(length))}"


def _bar(axes: Axes, length: RunLength, top: float) -> None:
    """A point with its interval, open above where nothing bounds it."""
    middle = _middle(length)
    if middle is None:
        return
    low, high = known(length.measured.low), known(length.measured.high)
    if low is not None and low > 0:
        axes.plot((length.asked,) * 2, (low, top if high is None else high), color=OURS, linewidth=3, alpha=0.5)
    marker = "o" if known(length.measured.value) is not None else "^"
    axes.plot(length.asked, middle, marker=marker, color=OURS, markersize=8, markeredgecolor=GROUND, clip_on=False)


def _log_limits(lengths: Sequence[RunLength]) -> tuple[float, float]:
    values = [length.asked for length in lengths]
    for length in lengths:
        ends = (length.measured.value, length.measured.low, length.measured.high)
        values += [end for end in ends if known(end) is not None and end is not None and end > 0]
    return min(values) / 1.6, max(values) * 1.6
