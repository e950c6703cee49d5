"""Reports to files, whole or not at all."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import orjson

from service.files import write_whole
from service.reports.figures import Figures

NEEDED = ("jinja2", "matplotlib")


class ReportError(ImportError):
    """What draws a report is not installed; the message says what to do."""


def write_report(figures: Figures, html: Path, json: Path | None = None) -> None:
    """Write the page and, where asked for, its figures as JSON. The same figures give the same bytes.

    Args:
        figures: what to show.
        html: file of the page, which needs no other file.
        json: file of the figures.

    Raises:
        ReportError: matplotlib or jinja2 is missing.
        OSError: a file cannot be written.
    """
    page = _render(figures)
    values = to_json(figures)
    write_whole(html, page)
    if json is not None:
        write_whole(json, values)


def to_json(figures: Figures) -> str:
    """The figures as JSON with sorted keys; numbers that are not finite are null."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    return orjson.dumps(asdict(figures), option=options).decode()


def _render(figures: Figures) -> str:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ReportError(f"a report needs {' and '.join(missing)}: pip install 'swerve[calibrate]'")
    from service.reports.page import render  # noqa: PLC0415 - imports the extra's packages, which serving does without

    return render(figures)
