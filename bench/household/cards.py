"""What is to be said of each change, below the panels and on the terminal."""

from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from bench.household.replay import Alarm, Year
from bench.household.style import INK, MUTED, NUMBER, day, percent

MOST, COLUMNS = 6, 3
TOLD_PURCHASES, TOLD_TOPICS = 4, 2
CHARACTERS = 60
"""Of a line, that it fits its card."""
LEFT, RIGHT, INDENT = 0.03, 0.985, 0.012
HEADLINE: dict[str, Any] = {"color": INK, "fontsize": 12, "fontweight": "bold", "va": "center_baseline"}
HEADLINE_HEIGHT, LINE_HEIGHT = 0.5, 0.197
"""In inches."""
KINDS = {"novel": "a new interest", "returning": "an earlier interest returns"}


def height(year: Year) -> float:
    """Of all cards, in inches."""
    return max(rows(year), 1) * row_height(year)


def rows(year: Year) -> int:
    """Of cards."""
    return -(-len(strongest(year)) // COLUMNS)


def row_height(year: Year) -> float:
    """In inches, for the card with the most lines."""
    most = max((len(body(alarm).splitlines()) for _, alarm in strongest(year)), default=0)
    return HEADLINE_HEIGHT + most * LINE_HEIGHT


def lay(figure: Figure, top: float, year: Year) -> None:
    """A card for each change, or for the strongest of many.

    Args:
        figure: to write on.
        top: middle of the first row's headlines, in inches from the bottom.
        year: whose changes they are.
    """
    width, inches = (RIGHT - LEFT) / COLUMNS, figure.get_figheight()
    for index, (number, alarm) in enumerate(strongest(year)):
        x = LEFT + index % COLUMNS * width
        y = top - index // COLUMNS * row_height(year)
        figure.text(x, y / inches, str(number), **NUMBER)
        figure.text(x + INDENT, y / inches, headline(alarm), **HEADLINE)
        below = (y - HEADLINE_HEIGHT / 3) / inches
        figure.text(x + INDENT, below, body(alarm), fontsize=10, color=MUTED, va="top", linespacing=1.3)
    if not year.alarms:
        figure.text(LEFT, top / inches, "No change was declared: the shopping went on as it was.", fontsize=12)


def how_many(year: Year) -> str:
    """The number of changes in words."""
    count = len(year.alarms)
    return {0: "no change of interest", 1: "one change of interest"}.get(count, f"{count} changes of interest")


def strongest(year: Year) -> list[tuple[int, Alarm]]:
    """At most `MOST` changes with their numbers, in order of time; the strongest where there are more."""
    numbered = list(enumerate(year.alarms, 1))
    kept = sorted(numbered, key=lambda item: -(item[1].change.log_odds or 0.0))[:MOST]
    return sorted(kept, key=lambda item: item[0])


def headline(alarm: Alarm) -> str:
    """When, and what kind of interest it is."""
    return f"{day(alarm.declared_at)}: {KINDS.get(str(alarm.change.kind), 'a change')}"


def body(alarm: Alarm) -> str:
    """How sure, because of what, and from what to what."""
    parts = [_sure(alarm)]
    if bought := because(alarm):
        parts.append(f"Because of {', '.join(bought[:TOLD_PURCHASES])}")
    for word, items in (("Gained", alarm.gained), ("Lost", alarm.lost)):
        told = [f"“{item.label}” {percent(item.before)} → {percent(item.after)}" for item in items[:TOLD_TOPICS]]
        if told:
            parts.append(f"{word} {'; '.join(told)}")
    return "\n".join(fill(part, CHARACTERS, subsequent_indent="    ") for part in parts)


def because(alarm: Alarm) -> list[str]:
    """Texts of the purchases that spoke for the change, the weightiest first, none twice."""
    return list(dict.fromkeys(item.line.text for item in alarm.because if item.log_odds > 0))


def _sure(alarm: Alarm) -> str:
    change = alarm.change
    told = [] if change.log_odds is None else [f"log-odds {change.log_odds:.1f}"]
    if change.behaviors_since:
        told.append(f"{change.behaviors_since} purchases into it")
    if change.changed_at and change.changed_at.date() != alarm.declared_at.date():
        told.append(f"it began on {day(change.changed_at)}")
    words = ", ".join(told)
    return words[:1].upper() + words[1:]


def tell(year: Year) -> str:
    """The whole year in a few lines of text."""
    changes = [
        f"{alarm.declared_at:%Y-%m-%d}  {KINDS.get(str(alarm.change.kind), 'a change')}\n"
        + "\n".join(f"    {line}" for line in body(alarm).splitlines())
        for alarm in year.alarms
    ]
    count = f"{len(year.baskets):,} baskets with {year.purchases:,} purchases, {how_many(year)}"
    return "\n".join([*changes, f"Household {year.household}: {count}"])
