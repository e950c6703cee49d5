"""The results as one page of tables, and a plot for each source."""

from pathlib import Path


def write_tables(folder: Path) -> None:
    """To be written."""
    print(folder)
