"""A file that holds a log, read in batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import polars as pl

from service.logs.csv_source import CsvSource
from service.logs.errors import LogError, RowError
from service.logs.parquet_source import ParquetSource


class Source(Protocol):
    """A log's file."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def schema(self) -> pl.Schema:
        """The types of the columns that a log knows, in the file's order."""

    def count(self) -> int:
        """Data rows, or a few more. Cheap beside reading them."""

    def batches(self, size: int) -> Iterator[pl.DataFrame]:
        """The known columns, in file order, about `size` rows at a time.

        Raises:
            LogError: the file cannot be read on.
            MalformedError: it cannot either, and `careful` tells where.
        """

    def careful(self, size: int) -> Iterator[pl.DataFrame]:
        """As `batches`, slower. Has the last word on whether a file is malformed.

        Raises:
            RowError: after every row before the malformed one has been given.
        """

    def locate(self, fault: RowError) -> RowError:
        """The fault with its line where the file has lines, or a malformed row that `batches` missed before it."""


def open_source(path: Path) -> Source:
    """Look at the file's ending, its first bytes and its columns.

    Raises:
        LogError: no such file, another ending, empty, unreadable, or without a column that a log must have.
    """
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".parquet")):
        raise LogError(f"{path}: the ending says neither CSV nor Parquet; name the log *.csv, *.csv.gz or *.parquet")
    _check_readable(path)
    return ParquetSource(path) if name.endswith(".parquet") else CsvSource(path)


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise LogError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise LogError(f"{path}: a folder, not a file; name one log in it") from error
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    if empty:
        raise LogError(f"{path}: the file is empty; write the log anew")
