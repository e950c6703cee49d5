"""The report of `swerve calibrate` and `swerve evaluate`: one self-contained page, and its figures as JSON.

Importing this package costs nothing: what draws (matplotlib, jinja2; the extra `calibrate`) is imported when a report
is written.
"""

from service.reports.figures import (
    Curve,
    Declared,
    Difference,
    Example,
    Figures,
    Interval,
    Planted,
    Row,
    RunLength,
    Source,
    Text,
    Topic,
    Trial,
)
from service.reports.write import ReportError, to_json, write_report

__all__ = [
    "Curve",
    "Declared",
    "Difference",
    "Example",
    "Figures",
    "Interval",
    "Planted",
    "ReportError",
    "Row",
    "RunLength",
    "Source",
    "Text",
    "Topic",
    "Trial",
    "to_json",
    "write_report",
]
