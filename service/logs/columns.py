"""The columns of a log."""

from difflib import get_close_matches
from pathlib import Path

from service.logs.errors import LogError, joined

REQUIRED = ("user_id", "occurred_at", "text")
OPTIONAL = ("type", "item_id", "category", "event_id", "weight")
KNOWN = REQUIRED + OPTIONAL


def check_columns(path: Path, found: list[str]) -> None:
    """Refuse a log without the required columns.

    Raises:
        LogError: names what is missing, what was found, and the column that was probably meant.
    """
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise LogError(f"{path}: no column {joined(missing)}; found {joined(found)}{_remedy(missing, found)}")


def _remedy(missing: list[str], found: list[str]) -> str:
    if len(found) == 1 and all(name in found[0] for name in missing):
        return "; separate the columns by commas"
    likely = {name: _meant(name, found) for name in missing}
    renamed = ", ".join(f"{near!r} to {name!r}" for name, near in likely.items() if near is not None)
    return f"; rename {renamed}" if renamed else "; add it to the log"


def _meant(name: str, found: list[str]) -> str | None:
    """The unknown column whose name is nearest, whatever its case and surrounding blanks."""
    folded = {column.strip().lower(): column for column in found if column not in KNOWN}
    near = get_close_matches(name, list(folded), n=1, cutoff=0.7)
    return folded[near[0]] if near else None
